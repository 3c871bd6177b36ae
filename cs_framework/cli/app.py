"""``cs-app``: the explorer, in a browser."""

from __future__ import annotations

import errno
import os
import socket
from importlib.util import find_spec
from pathlib import Path

import click


def _names(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    for name in given:
        if not name or set(name) & set("/:*@ "):
            raise click.BadParameter(f"{name!r} is no name of a host: write it without http:// and port")
    return given


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The only folder the app may read, and where it trains: runs, bundles and recipes of your own.  "
    "[default: the working directory]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port to listen at."
)
@click.option(
    "--allow-host",
    metavar="NAME",
    multiple=True,
    callback=_names,
    help="A further name under which browsers reach the app, such as that of a proxy; may repeat.",
)
@click.option(
    "--allow-plugins",
    is_flag=True,
    help="Let recipes and runs that are chosen bring one-file plugins, which are programs.",
)
@click.option(
    "--upload-limit",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="Largest file to drop in, in MB.",
)
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open a browser window.")
@click.version_option(package_name="cytoplasmic-strings")
def main(
    root: Path,
    host: str,
    port: int,
    allow_host: tuple[str, ...],
    allow_plugins: bool,
    upload_limit: int,
    browser: bool,
) -> None:
    """Look at what filter, proposers, embedder and scorer make of a frame.

    Whoever reaches the address can use the app, so it listens at this machine alone unless --host says else,
    and answers only under localhost, the address of --host, and names given by --allow-host.
    """
    if find_spec("streamlit") is None:
        raise click.ClickException("the app needs streamlit: pip install 'cytoplasmic-strings[app]'")
    _refuse_taken(host, port)
    from cs_framework.app.serve import Served, serve

    served = Served(root, host, port, allow_host, upload_limit, browser, allow_plugins)
    click.echo(f"the app reads {root.resolve()}\nand is at {served.address} (Ctrl-C ends it)")
    serve(served)


def _refuse_taken(host: str, port: int) -> None:
    """Raise an error where nothing can listen there."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            if os.name != "nt":  # where it would let two listen
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.ClickException(f"port {port} is in use: choose another with --port") from error
        raise click.ClickException(
            f"cannot listen at {host}, port {port}: {error.strerror or error}; see --host and --port"
        ) from error


if __name__ == "__main__":
    main()
