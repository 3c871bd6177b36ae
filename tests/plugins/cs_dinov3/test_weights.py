from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from cs_dinov3.weights import RELEASED, locate
from cs_framework import SetupError
from cs_framework.toolkit import weights

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Point huggingface_hub at an address and at an empty cache, and return how."""
    cache = tmp_path / "cache"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))

    def at(address):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        return cache

    return at


@pytest.fixture
def answering():
    """A hub that answers every question with one status and error code; its address."""
    servers = []

    def start(status, code):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header("X-Error-Code", code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("backend", RELEASED)
def test_only_the_library_of_the_backend_is_needed(backend, monkeypatch, tmp_path):
    (other,) = RELEASED.keys() - {backend}
    weights = tmp_path / "weights.safetensors"
    weights.touch()
    monkeypatch.setitem(sys.modules, other, None)
    assert locate(backend, str(weights)) == weights
    monkeypatch.setitem(sys.modules, backend, None)
    with pytest.raises(SetupError, match=f"pip install {backend}"):
        locate(backend, str(weights))


def refusal(backend, name=None):
    with pytest.raises(SetupError) as caught:
        locate(backend, name)
    return str(caught.value)


def test_local_weights_are_taken_as_they_are(transformers_folder):
    file = transformers_folder / "model.safetensors"
    assert locate("transformers", str(transformers_folder)) == transformers_folder
    assert locate("timm", str(file)) == file


def test_a_path_that_holds_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.json").write_text("{}")
    assert "lacks config.json or *.safetensors" in refusal("timm", str(tmp_path / "half"))
    for name in (str(tmp_path / "none"), "./none", "~/none-of-this"):
        assert f"{name}: there is no such file or folder" in refusal("timm", name)


def test_every_way_out_is_named(hub):
    hub(NOBODY)
    text = refusal("transformers")
    assert RELEASED["transformers"] in text
    for cure in ("hf auth login", 'backend = "timm"', "weights =", "ridge-texture"):
        assert cure in text
    assert "hf auth login" not in refusal("timm"), "its copy needs no permission"


def test_names_of_timm_may_leave_out_its_owner(hub):
    hub(NOBODY)
    assert "timm/vit_large_patch16_dinov3.lvd1689m: " in refusal("timm", "vit_large_patch16_dinov3.lvd1689m")


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (403, "GatedRepo", "access to it has not been granted"),
        (401, "RepoNotFound", "no such model"),
        (503, "", "fetching it failed"),
    ],
)
def test_the_hub_s_refusal_is_told_in_plain_words(hub, answering, status, code, reason):
    hub(answering(status, code))
    assert reason in refusal("transformers")


def test_a_network_that_swallows_everything_does_not_hang(hub, monkeypatch):
    monkeypatch.setattr(weights, "_ANSWER_WITHIN", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hub(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert "fetching it failed" in refusal("transformers")


def test_what_was_fetched_once_needs_no_network(hub, transformers_folder):
    name = "somebody/dinov3"
    repo = hub(NOBODY) / "models--somebody--dinov3"
    snapshot = repo / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(snapshot.name)
    (snapshot / "config.json").write_bytes((transformers_folder / "config.json").read_bytes())
    assert "fetching it failed" in refusal("transformers", name), "half of it is not enough"
    (snapshot / "model.safetensors").write_bytes((transformers_folder / "model.safetensors").read_bytes())
    assert locate("transformers", name) == snapshot


def test_offline_by_choice(tmp_path):
    """In a process of its own, since huggingface_hub reads the variable on import."""
    code = "from cs_dinov3.weights import locate; locate('transformers', None)"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "HF_HUB_OFFLINE forbids fetching it" in done.stderr
