"""``cs-run``: do what a recipe describes."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cs_framework.errors import CSError, RecipeError
from cs_framework.recipe.schema import STEPS

if TYPE_CHECKING:
    from cs_framework.recipe import LoadedRecipe


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("recipe", type=click.Path(path_type=Path))
@click.argument("steps", nargs=-1)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change one key of the recipe.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/NAME]")
@click.option("--check", is_flag=True, help="Validate recipe, plugins and settings; run nothing.")
@click.option("--resume", is_flag=True, help="Go on in a run folder, leaving out the steps that are done.")
@click.option("--replace", is_flag=True, help="Run anew in a run folder that holds results.")
@click.option("--block", multiple=True, metavar="PLUGIN", help="Do not import DIST, or DIST:ENTRY-POINT.")
@click.option(
    "--cache", type=click.Path(path_type=Path), help="Folder for proposals and embeddings, for all steps."
)
@click.option("--no-cache", is_flag=True, help="Compute everything anew.")
@click.version_option(package_name="cs-framework")
def main(
    recipe: Path,
    steps: tuple[str, ...],
    overrides: tuple[str, ...],
    out: Path | None,
    check: bool,
    resume: bool,
    replace: bool,
    block: tuple[str, ...],
    cache: Path | None,
    no_cache: bool,
) -> None:
    """Run the STEPS of a RECIPE: train, evaluate, detect (those the recipe names when none is given).

    RECIPE is a file, or the name of a recipe that comes with the package, such as quickstart.toml.

    Exit code: 0 done, 1 the run failed, 2 the recipe or the arguments are wrong.
    """
    try:
        for step in steps:
            if step not in STEPS:
                raise RecipeError(f"{step!r} is no step; the steps are {', '.join(STEPS)}")
        if resume and replace:
            raise RecipeError("--resume keeps what a run folder holds and --replace drops it: choose one")
        loaded = _load(recipe, steps, overrides, block)
        if check:
            click.echo(f"{loaded.path}: fine")
            return
        from cs_framework.cli.progress import track
        from cs_framework.execute import Options, execute

        options = Options(
            out=out or Path("runs") / loaded.recipe.name,
            resume=resume,
            replace=replace,
            cache=cache,
            no_cache=no_cache,
            block=block,
        )
        sys.exit(execute(loaded, options, track))
    except CSError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo("stopped; --resume goes on after the last finished step", err=True)
        sys.exit(130)


def _load(
    path: Path, steps: tuple[str, ...], overrides: tuple[str, ...], block: tuple[str, ...]
) -> LoadedRecipe:
    from cs_framework.recipe import load_recipe

    if steps:
        overrides = (*overrides, f"steps={json.dumps(steps)}")
    loaded = load_recipe(path if path.exists() else bundled(path), overrides=overrides, block=block)
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    return loaded


def bundled(path: Path) -> Path:
    """The recipe of that file name that comes with the package, or `path` where there is none.

    A checkout has the recipes in ``recipes/``; an installed package holds them as ``cs_framework_recipes``.
    """
    spec = find_spec("cs_framework_recipes")
    places = [Path(__file__).parents[2] / "recipes"]
    places += [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    name = path.name if path.suffix == ".toml" else f"{path.name}.toml"
    return next((place / name for place in places if (place / name).exists()), path)
