"""Both ways to look at the pages while writing them, as processes: a page changes when its source does."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from small_copy import small_checkout

from checkout import KB

pytestmark = pytest.mark.slow
WAIT_S = 240
"""For one build on a busy machine."""


@pytest.fixture
def checkout(tmp_path):
    """A checkout of start pages and generated pages, with a knowledge base of its own."""
    return small_checkout(tmp_path / "checkout")


@pytest.fixture
def started(checkout, tmp_path):
    """Return a function that starts a server in the checkout; it and its children are gone when the test ends."""
    processes = []

    def start(*command):
        log = tmp_path / "log"
        with log.open("w") as said:
            process = subprocess.Popen(
                command,
                cwd=checkout,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | {"KB_ROOT": str(checkout / "kb"), "NO_MKDOCS_2_WARNING": "1", "PYTHONUNBUFFERED": "1"},
            )
        processes.append(process)
        return process, log

    yield start
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(process, log, found):
    """Wait for what a function finds; say what the server said where it never does."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        value = found()
        if value:
            return value
        time.sleep(0.3)
    raise AssertionError(log.read_text(encoding="utf-8"))


def read(address):
    try:
        with urllib.request.urlopen(address, timeout=60) as reply:  # noqa: S310 - this machine
            return reply.read().decode()
    except (urllib.error.URLError, OSError):
        return ""


def shows(address, *words):
    return lambda: all(word in text for text in [read(address)] for word in words)


def announced(log):
    for line in log.read_text(encoding="utf-8").splitlines():
        if "http://127.0.0.1:" in line:
            return "http://127.0.0.1:" + line.partition("http://127.0.0.1:")[2].split()[0]
    return None


def replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def both_sources_are_followed(checkout, address, process, log):
    """Change a guide, then a figure of the knowledge base."""
    until(process, log, shows(f"{address}vi/gpus/t4/", "Tesla T4", ">320</data>"))
    replace(checkout / "docs" / "en" / "index.md", "Text.", "Other words.")
    until(process, log, shows(f"{address}en/", "Other words."))
    replace(checkout / "kb" / "gpus" / "t4.yaml", "bandwidth_gb_s: 320", "bandwidth_gb_s: 319")
    until(process, log, shows(f"{address}vi/gpus/t4/", ">319</data>"))


def test_kb_site_serve_follows_its_sources(checkout, started, tmp_path):
    process, log = started(str(KB), "site", "serve", "--port", "0", "--out", str(tmp_path / "out"))
    address = until(process, log, lambda: announced(log))
    assert "/_built" in read(f"{address}en/"), "an open page does not wait for the next build"
    both_sources_are_followed(checkout, address, process, log)
    # A fault is told, and the last good site stays.
    replace(checkout / "docs" / "en" / "index.md", "Other words.", "[lost](nowhere.md)")
    until(process, log, lambda: "KB404" in log.read_text(encoding="utf-8"))
    assert "Other words." in read(f"{address}en/")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert "Traceback" not in log.read_text(encoding="utf-8")


def test_plain_mkdocs_serve_follows_its_sources(checkout, started):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process, log = started(sys.executable, "-m", "mkdocs", "serve", "--dev-addr", f"127.0.0.1:{port}")
    both_sources_are_followed(checkout, f"http://127.0.0.1:{port}/", process, log)


def test_a_port_that_is_taken_is_told_before_the_build(checkout, tmp_path, started):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        process, log = started(str(KB), "site", "serve", "--port", port, "--out", str(tmp_path / "out"))
        assert process.wait(timeout=60) == 3
    assert f"KB405 Port {port} cannot be used" in log.read_text(encoding="utf-8")
    assert not (tmp_path / "out" / "new").exists()
