"""``cs-run``: do what a recipe describes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import click

from cs_framework.cli.console import handle_errors
from cs_framework.errors import RecipeError
from cs_framework.recipe.bundled import bundled_recipes, first_sentence, open_recipe
from cs_framework.recipe.schema import STEP_NAMES
from cs_framework.steps.outcome import INTERRUPTED, to_stderr


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("recipe", type=click.Path(path_type=Path), required=False)
@click.argument("steps", nargs=-1)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change one key of the recipe.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/NAME]")
@click.option("--check", is_flag=True, help="Validate recipe, plugins and settings; run nothing.")
@click.option("--resume", is_flag=True, help="Go on in a run folder, leaving out what is done.")
@click.option("--replace", is_flag=True, help="Run anew in a run folder that holds results.")
@click.option("--block", multiple=True, metavar="PLUGIN", help="Do not import DIST, or DIST:ENTRY-POINT.")
@click.option(
    "--cache", type=click.Path(path_type=Path), help="Folder for proposals and embeddings, for all steps."
)
@click.option("--no-cache", is_flag=True, help="Compute everything anew.")
@click.option("--engine", metavar="NAME", help="local, dask, or dask:ADDRESS; the key pipeline.engine.")
@click.option("--shard", metavar="I/N", help="Detect on share I of N (from 0) of a shared run folder.")
@click.option(
    "--assemble", type=click.Path(path_type=Path), metavar="DIR", help="Finish a run folder of shares."
)
@click.option("--profile", is_flag=True, help="Show during the run where the time goes.")
@click.version_option(package_name="cytoplasmic-strings")
def main(
    recipe: Path | None,
    steps: tuple[str, ...],
    overrides: tuple[str, ...],
    out: Path | None,
    check: bool,
    resume: bool,
    replace: bool,
    block: tuple[str, ...],
    cache: Path | None,
    no_cache: bool,
    engine: str | None,
    shard: str | None,
    assemble: Path | None,
    profile: bool,
) -> None:
    """Run the STEPS of a RECIPE: train, evaluate, detect, proposals (when none is given, those it names).

    RECIPE is a file, or the name of a recipe that comes with the package, such as quickstart.toml; without
    one, these are listed.

    Exit code: 0 done, 1 the run failed, 2 the recipe or the arguments are wrong, 130 stopped by
    Ctrl-C, 143 by SIGTERM.
    """
    with handle_errors(interrupted=INTERRUPTED):
        for step in steps:
            if step not in STEP_NAMES:
                raise RecipeError(f"unknown step {step!r}; the steps are {', '.join(STEP_NAMES)}")
        if resume and replace:
            raise RecipeError("--resume keeps what a run folder holds and --replace drops it: choose one")
        if shard and replace:
            raise RecipeError("--replace would drop what other shares have finished: choose another --out")
        if assemble is not None:
            _assemble(recipe, assemble, block)
        if recipe is None:
            _list_recipes()
            return
        _refuse_folder(recipe)
        if engine is not None:
            overrides = (*overrides, f"pipeline.engine={engine}")
        if check:
            loaded = open_recipe(recipe, steps, overrides, block)
            for warning in loaded.warnings:
                to_stderr(f"warning: {warning}")
            click.echo(f"{loaded.path}: fine")
            return
        from cs_framework.cli.console import track
        from cs_framework.pipeline.batch import Share
        from cs_framework.steps.execute import Options, run_recipe

        options = Options(
            out=out,
            resume=resume,
            replace=replace,
            cache=cache,
            no_cache=no_cache,
            block=block,
            share=Share.parse(shard) if shard else None,
            profile=profile,
        )
        sys.exit(run_recipe(recipe, steps, overrides, options, track).exit_code)


def _assemble(recipe: Path | None, folder: Path, block: tuple[str, ...]) -> NoReturn:
    if recipe is not None:
        raise RecipeError("--assemble DIR takes no recipe: the run folder holds it")
    from cs_framework.cli.console import track
    from cs_framework.steps.execute import assemble

    sys.exit(assemble(folder, block, track))


def _list_recipes() -> None:
    """Print the recipes that come with the package, each with the first sentence of its head."""
    width = max((len(path.name) for path in bundled_recipes()), default=0)
    click.echo("recipes that come with the package (cs-run RECIPE; cs-run --help says more):\n")
    for path in bundled_recipes():
        click.echo(f"  {path.name:<{width}}  {first_sentence(path)}")
    click.echo("\nto look for strings in a folder of frames, without a recipe: cs-detect FRAMES")


def _refuse_folder(path: Path) -> None:
    if not path.is_dir():
        return
    from cs_framework.recipe.loading import RESOLVED_FILE

    if (path / RESOLVED_FILE).exists():
        raise RecipeError(f"{path} is a run folder; its recipe is {path / RESOLVED_FILE}")
    raise RecipeError(
        f"{path} is a folder, not a recipe; to look for strings in its frames: cs-detect {path}"
    )


if __name__ == "__main__":
    main()
