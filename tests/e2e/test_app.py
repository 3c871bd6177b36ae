"""``cs-app`` as a person meets it: in a browser."""

from __future__ import annotations

import csv
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.support.frames import streak_frame

PATIENCE = 60_000
"""Milliseconds; nothing is timed, but a machine may be busy."""
TRUTH = "0 0.4 0.546875 0.2 0.15625"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def address(toy_run, tmp_path_factory) -> Iterator[str]:
    """Where the app listens; its root holds one run twice, so that two can be compared."""
    root = tmp_path_factory.mktemp("app")
    for name in ("one", "two"):
        shutil.copytree(toy_run, root / "runs" / name)
    port = free_port()
    command = [
        Path(sys.executable).with_name("cs-app"),
        "--no-browser",
        "--port",
        str(port),
        "--allow-plugins",
    ]
    write_settings_of_a_stranger(root)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=root)
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[0]
    assert "Traceback" not in said


def write_settings_of_a_stranger(root: Path) -> None:
    """The app's working directory may hold whatever came with the frames."""
    (root / ".streamlit").mkdir()
    (root / ".streamlit" / "config.toml").write_text(
        '[server]\nbaseUrlPath = "evil"\nenableCORS = false\ncorsAllowedOrigins = ["http://evil.example"]\n'
        'enableXsrfProtection = false\nallowedHosts = ["nobody.example"]\n'
        '[[theme.fontFaces]]\nfamily = "x"\nurl = "http://evil.example/x.woff2"\n'
    )
    (root / ".streamlit" / "secrets.toml").write_text('[auth]\ncookie_secret = "evil"\n')
    for module in ("click", "numpy", "torch", "streamlit", "page", "results"):
        (root / f"{module}.py").write_text("raise SystemExit('a module of the data was imported')\n")


def wait_for(url: str, process: subprocess.Popen[str]) -> None:
    for _ in range(600):
        assert process.poll() is None, process.stdout.read()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the app does not answer")


@pytest.fixture
def page(browser, address) -> Iterator[Page]:
    """The app in a new window; it may ask nobody else for anything."""
    page = browser.new_page(viewport={"width": 1400, "height": 1600})
    page.set_default_timeout(PATIENCE)
    asked: list[str] = []
    page.on("request", lambda made: asked.append(made.url))
    page.on("websocket", lambda opened: asked.append(opened.url.replace("ws://", "http://")))
    page.goto(address)
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name="runs/one (trained, with one-file plugins)").click()
    yield page
    page.close()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def drop(page: Page, name: str, content: bytes) -> None:
    file = {"name": name, "mimeType": "image/png", "buffer": content}
    page.locator('input[type="file"]').first.set_input_files(file)


def png() -> bytes:
    return cv2.imencode(".png", streak_frame(np.random.default_rng(3), string=True))[1].tobytes()


def comes(locator) -> None:
    expect(locator.first).to_be_visible(timeout=PATIENCE)


def count_rows(page: Page, count: int) -> None:
    """The table is painted; what it holds stands beside the painting, for those who cannot see it."""
    rows = page.locator('[data-testid="stDataFrame"] table[role="grid"]').first
    expect(rows).to_have_attribute("aria-rowcount", str(count + 1), timeout=PATIENCE)


def test_from_a_frame_to_its_boxes_and_their_download(page, tmp_path):
    drop(page, "embryo.png", png())
    page.get_by_role("button", name="Analyse", exact=True).click()
    comes(page.get_by_role("heading", name="A string is reported, with confidence"))
    comes(page.get_by_text("orange: the best box"))

    least = page.locator('input[aria-label="Least confidence"]')
    least.fill("0")
    least.press("Enter")
    count_rows(page, 5)

    top = page.locator('input[aria-label="Boxes at most (top)"]')
    top.fill("3")
    top.press("Enter")
    count_rows(page, 3)

    page.get_by_text("Ground truth").click()
    truth = page.get_by_role("textbox", name="YOLO lines")
    truth.fill(TRUTH)
    truth.press("Control+Enter")
    comes(page.get_by_text("Against 1 true box (blue)"))

    table = page.locator('[data-testid="stDataFrame"]').first.bounding_box()
    page.mouse.click(table["x"] + 18, table["y"] + 35 + 35 * 1.5)  # the second row
    comes(page.get_by_text("orange: the chosen box"))

    page.get_by_test_id("stButtonGroup").get_by_text("Download", exact=True).click()
    with page.expect_download(timeout=PATIENCE) as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    download.value.save_as(tmp_path / "detections.csv")
    with (tmp_path / "detections.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["rank"] for row in rows] == ["0", "1", "2"]
    assert {row["frame"] for row in rows} == {"embryo.png"}

    page.get_by_role("combobox", name="Compare with").click()
    page.get_by_role("option", name="runs/two (trained, with one-file plugins)").click()
    page.get_by_role("button", name="Analyse", exact=True).click()
    expect(page.get_by_role("heading", name="A string is reported")).to_have_count(2, timeout=PATIENCE)
    assert page.locator('[data-testid="stException"]').count() == 0


def test_a_corrupt_file_is_a_message(page):
    drop(page, "<b>bad.png", b"\x89PNG\r\n\x1a\n" + bytes(100))
    alert = page.locator('[data-testid="stAlert"]')
    comes(alert)
    said = alert.first.inner_text()
    assert "bad" in said
    assert "Traceback" not in said
    assert alert.locator("b").count() == 0
    drop(page, "good.png", png())  # and the app goes on


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 101),
        ({"Host": "evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
    ],
)
def test_only_its_own_pages_can_drive_the_app(headers, status, address):
    where = address.removeprefix("http://")
    asked = {
        "Host": where,
        "Origin": address,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    } | headers
    host, _, port = where.partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        lines = "".join(f"{name}: {value}\r\n" for name, value in asked.items())
        connection.sendall(f"GET /_stcore/stream HTTP/1.1\r\n{lines}\r\n".encode())
        assert connection.recv(100).split()[1] == str(status).encode()


def test_the_app_listens_at_this_machine_alone(address):
    port = int(address.rpartition(":")[2])
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
    local = {line.split()[1] for line in listening if line.split()[3] == "0A"}
    assert f"0100007F:{port:04X}" in local
    assert f"00000000:{port:04X}" not in local
