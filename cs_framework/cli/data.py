"""``cs-data``: look at data sets, part and convert them, and make synthetic ones."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import fields

from cs_framework.api.settings import METADATA_KEY
from cs_framework.cli.console import handle_errors
from cs_framework.recipe.schema import DataSettings, SyntheticSettings

if TYPE_CHECKING:
    from cs_framework.data.check import Findings

_SHOWN = 20
_FORMATS = click.Choice(["coco", "label-studio", "voc", "yolo"])
_PATH = click.Path(path_type=Path)
_pattern = click.option(
    "--pattern",
    metavar="RE",
    help="Finds the embryo in file names, such as '(?P<group>.+)_\\d+'; data.group_pattern.",
)
_class = click.option(
    "--class", "wanted", metavar="NAME", help="Whose boxes to take, where there are several classes."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cytoplasmic-strings")
def commands() -> None:
    """Look at data sets, part and convert them, and make synthetic ones.

    Exit code: 0 done, 1 problems were found, 2 the arguments or the data set as a whole are wrong.
    """


@commands.command()
@click.argument("root", type=_PATH)
@_pattern
def check(root: Path, pattern: str | None) -> None:
    """Report what the data set in ROOT holds, and what would spoil a run."""
    from cs_framework.api.components import Env
    from cs_framework.cli.console import track
    from cs_framework.data.check import check as look

    findings = look(DataSettings(root=root, group_pattern=pattern), Env(track=track))
    click.echo(_report(root, findings))
    if findings.problems:
        sys.exit(1)


@commands.command()
@click.argument("source", metavar="IN", type=_PATH)
@click.argument("target", metavar="OUT", type=_PATH)
@click.option("--from", "read_as", type=_FORMATS, help="Format of IN; guessed where it is clear.")
@click.option("--to", "write_as", type=_FORMATS, help="Format of OUT; coco where it ends in .coco.json.")
@click.option("--frames", type=_PATH, help="Folder of the frames, for their sizes; YOLO needs it.")
@_class
def convert(source: Path, target: Path, **options: Any) -> None:
    """Convert boxes IN to the new file (coco, label-studio) or folder (voc, yolo) OUT.

    IN is a data root, a file or a folder of labels. To correct what a run has found, convert its
    detections.coco.json to label-studio and import that.
    """
    from cs_framework.api.components import Env
    from cs_framework.cli.console import track
    from cs_framework.data.convert import convert as write

    count = write(source, target, Env(track=track), **options)
    click.echo(f"{target}: {count} frames")


@commands.command()
@click.argument("source", metavar="IN", type=_PATH)
@click.argument("target", metavar="OUT", type=_PATH)
@click.option(
    "--fractions",
    type=float,
    nargs=3,
    default=(0.6, 0.2, 0.2),
    show_default=True,
    help="Shares of the embryos for train, val and test.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which embryos go where.")
@_pattern
@click.option("--labels", type=_PATH, help="Boxes of IN in any format; frames with boxes show strings.")
@_class
def split(
    source: Path,
    target: Path,
    fractions: tuple[float, ...],
    seed: int,
    pattern: str | None,
    labels: Path | None,
    wanted: str | None,
) -> None:
    """Part the frames IN by embryo into train, val and test: the new data root OUT.

    IN is a data root, or a folder with normal/, abnormal/ and perhaps labels/, or with --labels any folder.
    Embryos with and without strings are dealt out alike. Files are linked, or copied where that fails.
    """
    from cs_framework.api.components import Env
    from cs_framework.cli.console import track
    from cs_framework.data.convert import read_labels
    from cs_framework.data.split import split as part

    if labels is None and wanted is not None:
        raise click.UsageError("--class chooses among the boxes of --labels")
    boxed = None if labels is None else read_labels(labels, Env(track=track), frames=source, wanted=wanted)
    parts = part(source, target, fractions=fractions, seed=seed, pattern=pattern, boxed=boxed)
    for name, embryos in parts.items():
        click.echo(f"{name}: {len(embryos)} embryos")


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each of the generator's settings."""
    for attribute in reversed(fields(SyntheticSettings)):
        declared = attribute.metadata[METADATA_KEY]
        command = click.option(
            f"--{attribute.name}",
            type=click.IntRange(declared.get("ge"), declared.get("le")),
            default=attribute.default,
            show_default=True,
            help=declared["help"].capitalize() + ".",
        )(command)
    return command


@commands.command()
@click.argument("out", type=_PATH)
@_options
def synth(out: Path, **settings: int) -> None:
    """Draw synthetic embryos, with boxes and masks, into the new or empty folder OUT."""
    from cs_framework.synthetic import write_synthetic

    write_synthetic(out, SyntheticSettings(**settings))
    click.echo(f"{out}: {settings['embryos']} embryos of {settings['frames']} frames")


def main() -> None:
    """Entry point of ``cs-data``."""
    with handle_errors():
        commands()


def _report(root: Path, findings: Findings) -> str:
    columns = ("split", "normal", "abnormal", "with boxes", "boxes", "embryos")
    lines = [str(root), "", "  ".join(f"{name:>10}" for name in columns)]
    for split, count in findings.splits.items():
        figures = (count.normal, count.abnormal, count.boxed, count.boxes, count.embryos)
        lines.append("  ".join([f"{split:>10}", *(f"{figure:>10}" for figure in figures)]))
    lines.append("")
    if findings.sizes:
        (low_height, low_width), (high_height, high_width) = findings.sizes[0], findings.sizes[-1]
        lines.append(f"frames: {low_width} x {low_height} to {high_width} x {high_height} pixels")
        lines.append("depth: " + ", ".join(f"{count} {depth}" for depth, count in findings.depths.items()))
    for title, texts in (("problems", findings.problems), ("notes", findings.notes)):
        if texts:
            lines += ["", f"{title}:", *(f"  - {text}" for text in texts[:_SHOWN])]
        if len(texts) > _SHOWN:
            lines.append(f"  - and {len(texts) - _SHOWN} more")
    lines += ["", "not usable: fix the problems above" if findings.problems else "ready for training"]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
