"""``cs-compare``: is one recipe better than another?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cs_framework.cli.console import handle_errors
from cs_framework.errors import RecipeError

if TYPE_CHECKING:
    from cs_framework.recipe import LoadedRecipe


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("recipes", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change one key of all recipes.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs/compare"),
    show_default=True,
    help="Folder of the comparison, with a run folder for each recipe.",
)
@click.option("--cache", type=click.Path(path_type=Path), help="Folder for proposals and embeddings.")
@click.option("--replace", is_flag=True, help="Run anew what an earlier form of a recipe left there.")
@click.version_option(package_name="cytoplasmic-strings")
def main(
    recipes: tuple[Path, ...], overrides: tuple[str, ...], out: Path, cache: Path | None, replace: bool
) -> None:
    """Train and evaluate RECIPES on the same frames, and put their figures side by side.

    The first recipe is what the others are held against. A recipe that has been run before is not run
    again; frames, proposals and embeddings that recipes have in common are made once.

    Writes comparison.json and comparison.md.

    Exit code: 0 done, 1 a run failed, 2 the recipes or the arguments are wrong.
    """
    with handle_errors(interrupted="stopped; the same command goes on after the last finished step"):
        loaded = _load(recipes, overrides)
        from cs_framework.cli.console import track
        from cs_framework.compare.judge import cost_lines, run_all
        from cs_framework.compare.markdown import markdown
        from cs_framework.compare.table import compare
        from cs_framework.files import write_json, write_text

        runs, costs = run_all(loaded, out, cache, replace=replace, track=track)
        comparison = compare(runs)
        table = markdown(comparison)
        write_json(out / "comparison.json", comparison)
        write_text(out / "comparison.md", table)
        click.echo("\n".join(["", table, *cost_lines(costs)]))


def _load(paths: tuple[Path, ...], overrides: tuple[str, ...]) -> dict[str, LoadedRecipe]:
    """The recipes by the names of their files, with the steps that a comparison takes."""
    from cs_framework.recipe import load_recipe
    from cs_framework.recipe.bundled import bundled

    if len(paths) < 2:
        raise RecipeError("name two recipes or more; the first is what the others are held against")
    found: dict[str, LoadedRecipe] = {}
    problems = []
    for given in paths:
        path = given if given.exists() else bundled(given)
        if path.stem in found:
            raise RecipeError(f"{given}: there are two recipes called {path.stem!r}; rename one of the files")
        try:
            loaded = load_recipe(path, overrides=overrides)
            steps = ["evaluate"] if loaded.recipe.model.bundle else ["train", "evaluate"]
            loaded = load_recipe(path, overrides=(*overrides, f"steps={json.dumps(steps)}"))
        except RecipeError as error:
            problems.append(str(error))
            continue
        for warning in loaded.warnings:
            click.echo(f"warning: {warning}", err=True)
        found[path.stem] = loaded
    if problems:
        raise RecipeError("\n".join(problems))
    return found


if __name__ == "__main__":
    main()
