"""Who is answered, and what the command says where it cannot serve."""

from __future__ import annotations

import asyncio
import socket

import pytest
from click.testing import CliRunner

from cs_framework.app.serve import KnownHosts, Served
from cs_framework.cli.app import main


def answer(
    kind: str, host: str | None, *origins: str, names=("10.0.0.5", "lab.example"), proxied=("lab.example",)
):
    """``"passed"``, or what is sent instead."""
    sent = []

    async def app(scope, receive, send):
        await send("passed")

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message if isinstance(message, str) else message.get("status") or message["type"])

    headers = [(b"host", host.encode("latin-1"))] if host is not None else []
    headers += [(b"origin", origin.encode("latin-1")) for origin in origins]
    asyncio.run(KnownHosts(app, names, proxied)({"type": kind, "headers": headers}, receive, send))
    return sent[0]


@pytest.mark.parametrize(
    ("host", "origins"),
    [
        ("localhost:8501", ()),
        ("LOCALHOST:8501", ("http://localhost:8501",)),
        ("localhost.:8501", ()),
        ("127.0.0.1:8501", ("http://127.0.0.1:8501",)),
        ("127.9.9.9", ()),
        ("[::1]:8501", ("http://[::1]:8501",)),
        ("10.0.0.5:8501", ("http://10.0.0.5:8501",)),
        ("lab.example", ("https://lab.example",)),
        ("localhost:8501", ("https://lab.example",)),  # a proxy asks in its name
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_its_own_pages_are_answered(kind, host, origins):
    assert answer(kind, host, *origins) == "passed"


@pytest.mark.parametrize(
    ("host", "origins"),
    [
        ("evil.example:8501", ()),
        ("evil.example:8501", ("http://evil.example:8501",)),  # a name that was made to point here
        ("localhost.evil.example", ()),
        ("10.0.0.6", ()),
        ("evil.example@localhost", ()),
        ("localhost/evil", ()),
        ("local\xe9host", ()),
        ("[::1", ()),
        ("", ()),
        (None, ()),
        ("localhost:8501", ("http://evil.example",)),
        ("localhost:8501", ("http://localhost:3000",)),
        ("localhost:8501", ("http://127.0.0.1:8501",)),
        ("localhost:8501", ("http://10.0.0.5",)),
        ("localhost:8501", ("null",)),
        ("localhost:8501", ("",)),
        ("localhost:8501", ("http://localhost:8501", "http://evil.example")),
        ("localhost:8501", ("http://lab.example@evil.example",)),
    ],
)
def test_nobody_else_is(host, origins):
    assert answer("http", host, *origins) == 403
    assert answer("websocket", host, *origins) == "websocket.close"


def test_two_hosts_are_none():
    guard = KnownHosts(None, ())
    assert guard._refusal([(b"host", b"localhost"), (b"host", b"localhost")])


@pytest.mark.parametrize("port", ["0", "70000", "-1", "http"])
def test_a_port_that_is_none_is_told(port):
    done = CliRunner().invoke(main, ["--no-browser", f"--port={port}"])
    assert done.exit_code == 2
    assert "--port" in done.output


def test_a_port_in_use_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(main, ["--no-browser", "--port", str(port)])
    assert done.exit_code == 1
    assert f"port {port} is in use: choose another with --port" in done.output


def test_an_address_of_another_machine_is_told():
    done = CliRunner().invoke(main, ["--no-browser", "--host", "192.0.2.1", "--port", "8599"])
    assert done.exit_code == 1
    assert "cannot listen at 192.0.2.1, port 8599" in done.output


@pytest.mark.parametrize("name", ["http://lab.example", "lab.example:80", "*", "", "*.example"])
def test_a_name_that_is_none_is_told(name):
    done = CliRunner().invoke(main, ["--no-browser", "--allow-host", name])
    assert done.exit_code == 2
    assert "without http:// and port" in done.output


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "http://127.0.0.1:1"), ("0.0.0.0", "http://localhost:1"), ("::1", "http://[::1]:1")],
)
def test_the_address_is_one_that_a_browser_can_open(host, address, tmp_path):
    assert Served(tmp_path, host, 1).address == address
