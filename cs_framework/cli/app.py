"""``cs-app``: the explorer, in a browser."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import click


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The only folder the app may read, and where it trains: runs, bundles and recipes of your own.  "
    "[default: the working directory]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8501, show_default=True, help="Port to listen at.")
@click.option("--upload-limit", default=200, show_default=True, help="Largest file to drop in, in MB.")
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open a browser window.")
@click.version_option(package_name="cytoplasmic-strings")
def main(root: Path, host: str, port: int, upload_limit: int, browser: bool) -> None:
    """Look at what filter, proposers, embedder and scorer make of a frame.

    Whoever reaches the address can use the app, so it listens at this machine alone unless --host says else.
    """
    if find_spec("streamlit") is None:
        raise click.ClickException("the app needs streamlit: pip install 'cytoplasmic-strings[app]'")
    from streamlit.web.cli import main as streamlit

    options = {
        "server.address": host,
        "server.port": port,
        "server.headless": not browser,
        "server.maxUploadSize": upload_limit,
        "server.enableXsrfProtection": True,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        "theme.light.primaryColor": "#0072b2",
        "theme.dark.primaryColor": "#56b4e9",
    }
    script = Path(__file__).parents[1] / "app" / "main.py"
    flags = [f"--{name}={str(value).lower()}" for name, value in options.items()]
    click.echo(f"the app reads {root.resolve()}")
    sys.exit(streamlit(["run", str(script), *flags, "--", str(root.resolve())], prog_name="cs-app"))


if __name__ == "__main__":
    main()
