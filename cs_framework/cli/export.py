"""``cs-export``: make a bundle that runs its networks in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cs_framework.cli.console import handle_errors

if TYPE_CHECKING:
    from cs_framework.export.step import Exported

_PATH = click.Path(path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("bundle")
@click.argument("out", type=_PATH)
@click.option("--frames", type=_PATH, help="Reference frames; synthetic ones are drawn when none are given.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0, min_open=True),
    default=1e-4,
    show_default=True,
    help="How far any score may drift, as a share of the largest.",
)
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="A key of detect.toml, such as plugins."
)
@click.version_option(package_name="cytoplasmic-strings")
def main(bundle: str, out: Path, frames: Path | None, tolerance: float, overrides: tuple[str, ...]) -> None:
    """Copy the trained BUNDLE (a folder, or pretrained) to the new folder OUT, its networks as ONNX files.

    Reference frames are scored with both; OUT is written only where no score drifts beyond the tolerance.
    Use it like any bundle: cs-run detect.toml --set model.bundle=OUT --set detect.input=FRAMES.

    Exit code: 0 done, 1 the scores drift or OUT cannot be written, 2 the bundle or the arguments are wrong.
    """
    with handle_errors():
        from cs_framework.cli.console import track
        from cs_framework.export.step import export
        from cs_framework.recipe.bundled import open_recipe

        loaded = open_recipe(Path("detect.toml"), overrides=(f"model.bundle={bundle}", *overrides))
        for warning in loaded.warnings:
            click.echo(f"warning: {warning}", err=True)
        click.echo("\n".join(_report(export(loaded, out, frames, tolerance, track), tolerance)))
        click.echo(f"{out}: written")


def _report(exported: Exported, tolerance: float) -> list[str]:
    lines = [
        f"{exported.frames} reference frames, {exported.regions} regions; "
        f"a score may drift by {tolerance:.0e} of the largest"
    ]
    for kind, figures in exported.drift.items():
        told = ", ".join(f"{figure} {value:.1e}" for figure, value in figures.items())
        before, after = exported.seconds[kind]
        lines.append(f"{kind}: {told}; {before:.2f} s with torch, {after:.2f} s with ONNX Runtime")
    lines += [f"{kind}: stays as it is, since it has no network to export" for kind in exported.unchanged]
    return lines


if __name__ == "__main__":
    main()
