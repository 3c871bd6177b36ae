"""``cs-detect``: strings in a folder of frames, in one command and without a recipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cs_framework.cli.console import handle_errors
from cs_framework.errors import RecipeError, printable
from cs_framework.recipe.bundled import bundled, open_recipe
from cs_framework.steps.outcome import INTERRUPTED, to_stderr

if TYPE_CHECKING:
    from cs_framework.data.look import FirstLook
    from cs_framework.recipe import LoadedRecipe

_PATH = click.Path(path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("frames", type=_PATH)
@click.option(
    "--model",
    metavar="DIR",
    default="pretrained",
    show_default=True,
    help="A trained run or its model/ folder, or the bundle that comes with the package.",
)
@click.option("--out", type=_PATH, help="Run folder.  [default: runs/NAME-OF-FRAMES]")
@click.option(
    "--adapt", is_flag=True, help="Let the model learn on from these frames first, without labels: minutes."
)
@click.option("--look", is_flag=True, help="Say what is understood of the frames, and stop.")
@click.option("--resume", is_flag=True, help="Go on in a run folder, leaving out what is done.")
@click.option("--replace", is_flag=True, help="Run anew in a run folder that holds results.")
@click.version_option(package_name="cytoplasmic-strings")
def main(
    frames: Path, model: str, out: Path | None, adapt: bool, look: bool, resume: bool, replace: bool
) -> None:
    """Look for strings in FRAMES: a folder, an image, a TIFF stack, a video, or a list of files (.txt, .csv).

    Says first what it understood of them, and in the end what it found and where the report is.

    Exit code: 0 done, 1 the run failed, 2 the frames or the arguments are wrong, 130 stopped by
    Ctrl-C, 143 by SIGTERM.
    """
    with handle_errors(interrupted=INTERRUPTED):
        if resume and replace:
            raise RecipeError("--resume keeps what a run folder holds and --replace drops it: choose one")
        name = frames.resolve().stem if frames.is_file() else frames.resolve().name
        loaded = _load(frames, model, name or "frames", ["adapt", "detect"] if adapt else ["detect"])
        seen = _say_what_is_there(loaded)
        if look:
            click.echo("".join(f"note: {printable(note)}\n" for note in seen.notes), nl=False)
            return
        from cs_framework.cli.console import track
        from cs_framework.steps.execute import Options, execute

        out = out or Path("runs") / loaded.recipe.name
        code = execute(loaded, Options(out, resume, replace), track)
        _say_what_was_found(out)
        sys.exit(code)


def _load(frames: Path, model: str, name: str, steps: list[str]) -> LoadedRecipe:
    keys = {"model.bundle": model, "detect.input": frames, "name": name}
    own = bundled(Path("detect.toml"))
    loaded = open_recipe(own, steps, [f"{key}={value}" for key, value in keys.items()])
    for warning in loaded.warnings:
        to_stderr(f"warning: {warning}")
    return loaded


def _say_what_is_there(loaded: LoadedRecipe) -> FirstLook:
    from cs_framework.api.components import Env
    from cs_framework.cli.console import track
    from cs_framework.data.look import describe
    from cs_framework.data.look import look as look_at

    recipe = loaded.recipe
    assert recipe.detect.input is not None, "it is an argument"
    seen = look_at(recipe.detect.input, recipe.data, Env(track=track))
    click.echo("\n".join(printable(line) for line in describe(seen)))
    return seen


def _say_what_was_found(out: Path) -> None:
    from cs_framework.report import wording
    from cs_framework.report.contents import Contents

    if not (out / "report.html").exists():
        return
    contents = Contents.read(out)
    lines = [wording.headline(contents), *wording.answer(contents), *wording.trust(contents)]
    click.echo("\n".join(["", *(printable(line) for line in lines), "", f"report: {out / 'report.html'}"]))
