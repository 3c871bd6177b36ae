"""``cs-data``: look at data sets and make synthetic ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cs_framework.errors import CSError, DataError

if TYPE_CHECKING:
    from cs_framework.data.check import Findings

_SHOWN = 20


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cs-framework")
def commands() -> None:
    """Look at data sets and make synthetic ones.

    Exit code: 0 done, 1 problems were found, 2 the arguments or the data set as a whole are wrong.
    """


@commands.command()
@click.argument("root", type=click.Path(path_type=Path))
@click.option(
    "--pattern",
    metavar="RE",
    help="Finds the embryo in file names, such as '(?P<group>.+)_\\d+'; data.group_pattern.",
)
def check(root: Path, pattern: str | None) -> None:
    """Report what the data set in ROOT holds, and what would spoil a run."""
    from cs_framework.cli.progress import track
    from cs_framework.data.check import check as look
    from cs_framework.interfaces import Env
    from cs_framework.recipe.schema import DataSettings

    findings = look(DataSettings(root=root, group_pattern=pattern), Env(track=track))
    click.echo(_report(root, findings))
    if findings.problems:
        sys.exit(1)


@commands.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--embryos", type=int, metavar="N", help="Embryos over all splits.  [default: 16]")
@click.option("--frames", type=int, metavar="M", help="Frames of each embryo.  [default: 20]")
@click.option("--size", type=int, metavar="PX", help="Width and height of a frame.  [default: 320]")
@click.option("--seed", type=int, metavar="S", help="Seed of the generator.  [default: 7]")
def synth(out: Path, **chosen: int | None) -> None:
    """Draw synthetic embryos, with boxes and masks, into the new or empty folder OUT."""
    from cs_framework.data.synthetic import write_synthetic
    from cs_framework.recipe.schema import SyntheticSettings

    try:
        settings = SyntheticSettings(**{key: value for key, value in chosen.items() if value is not None})
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: not an empty folder; name a new one")
    write_synthetic(out, settings)
    click.echo(f"{out}: {settings.embryos} embryos of {settings.frames} frames")


def main() -> None:
    """Entry point of ``cs-data``."""
    try:
        commands()
    except CSError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


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
    lines += ["", "a run would be spoilt" if findings.problems else "fit for a run"]
    return "\n".join(lines)
