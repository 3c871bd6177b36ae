"""Serve the page: with settings of the app's own, and to its own pages alone."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, MutableMapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

SCRIPT = Path(__file__).with_name("main.py")
SETTINGS: dict[str, Any] = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
    "global.developmentMode": False,
    "logger.hideWelcomeMessage": True,  # it asks another server for this one's address
    "server.baseUrlPath": "",
    "server.enableCORS": True,
    "server.enableStaticServing": False,
    "server.enableXsrfProtection": True,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.showEmailPrompt": False,
    "theme.fontFaces": [],
    "theme.light.primaryColor": "#0072b2",
    "theme.dark.primaryColor": "#56b4e9",
}
"""Of Streamlit; no file and no variable of the environment goes before them."""


@frozen
class Served:
    """How the app is served."""

    root: Path
    host: str
    port: int
    names: Collection[str] = ()
    """Names, beside `host` and those of this machine, under which browsers may ask for the app."""
    upload_limit: int = 200
    """Megabytes."""
    browser: bool = False
    """Whether to open a window."""
    programs: bool = False
    """Whether recipes below the root may bring one-file plugins."""

    @property
    def address(self) -> str:
        """For a browser on this machine."""
        host = {"0.0.0.0": "localhost", "::": "localhost"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def serve(served: Served) -> None:
    """Serve until the process is told to end.

    It works in an empty folder of its own, since Streamlit takes settings and secrets from the working
    directory, where frames of anybody may lie.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that private folders are removed
    root = served.root.resolve()
    with (
        TemporaryDirectory(prefix="cs-app-", ignore_cleanup_errors=True) as own,
        contextlib.chdir(own),
        contextlib.suppress(KeyboardInterrupt),
    ):
        from starlette.middleware import Middleware
        from streamlit.starlette import App

        @contextlib.asynccontextmanager
        async def opening(_: App) -> AsyncIterator[None]:
            if served.browser:
                threading.Thread(target=webbrowser.open, args=(served.address,), daemon=True).start()
            yield

        known = Middleware(KnownHosts, names={served.host, *served.names}, proxied=served.names)
        app = App(SCRIPT, middleware=[known], lifespan=opening)
        sys.argv = [os.fspath(SCRIPT), os.fspath(root), *(["--allow-plugins"] if served.programs else [])]
        app.run(
            config={
                **SETTINGS,
                "server.address": served.host,
                "server.port": served.port,
                "server.maxUploadSize": served.upload_limit,
                "server.corsAllowedOrigins": [f"http://{name}" for name in served.names],
            }
        )


class KnownHosts:
    """Refuse requests under unknown names, and those that pages of others make.

    Any page that a user visits can send requests to this machine: from its own origin, so `Origin` is
    checked; or under a name of its own that it has made to point here, so `Host` is.
    """

    def __init__(self, app: Application, names: Collection[str], proxied: Collection[str] = ()) -> None:
        """Guard an application.

        Args:
            app: the application.
            names: names under which it may be asked for, beside those of this machine.
            proxied: those of them whose pages may also ask under another name, as behind a proxy.
        """
        self._app = app
        self._names = {name.lower() for name in names}
        self._proxied = {name.lower() for name in proxied}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on what is not refused."""
        refusal = self._refusal(scope["headers"]) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
        else:
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": refusal.encode()})

    def _refusal(self, headers: list[tuple[bytes, bytes]]) -> str | None:
        """Why a request with these headers is refused."""
        hosts = [value.decode("latin-1").lower() for name, value in headers if name == b"host"]
        origins = [value.decode("latin-1").lower() for name, value in headers if name == b"origin"]
        if len(hosts) != 1 or not self._is_known(_name_in(hosts[0])):
            return "cs-app is not served under this name; if it should be, start it with --allow-host NAME"
        for origin in origins:
            authority = origin.partition("://")[2]
            if authority != hosts[0] and _name_in(authority) not in self._proxied:
                return "cs-app answers its own pages alone"
        return None

    def _is_known(self, name: str) -> bool:
        try:
            return name in {"localhost", *self._names} or ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def _name_in(authority: str) -> str:
    """The name or address in ``name:port``; nothing where it is neither."""
    try:
        parts = urlsplit(f"//{authority}")
        return (
            (parts.hostname or "").rstrip(".") if parts.netloc == authority and "@" not in authority else ""
        )
    except ValueError:
        return ""
