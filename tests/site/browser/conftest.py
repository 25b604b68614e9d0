"""A real browser over the built site. Whatever a test opens, nothing may fail in it and no other host may be asked."""

import functools
import http.server
import shutil
import threading
from urllib.parse import urlsplit

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
PREFIX = "/docs/"
"""The site lies in a folder of its host: an address that begins at the root of the host is broken there."""


def pytest_collection_modifyitems(items):
    for item in items:
        if "/site/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


NO_INDEX = {"config": {"lang": ["en"], "separator": " ", "pipeline": [], "fields": {}}, "docs": []}


@pytest.fixture(scope="session")
def browser():
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium here; Debian and Ubuntu have it as the package chromium")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'"
    )
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def translate_path(self, path):
        return super().translate_path(path.removeprefix(PREFIX.rstrip("/")) if path.startswith(PREFIX) else "/nothing")

    def log_message(self, *_args):
        pass


@pytest.fixture(scope="session")
def address(built):
    """Where the site is served."""
    handler = functools.partial(_Quiet, directory=built.site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}{PREFIX}"
        server.shutdown()
        thread.join()


@pytest.fixture
def visit(browser, address):
    """Return a function that opens a page of the site in a browser of its own; what went wrong there fails the test.

    Every page that is opened builds the index of search, which takes seconds; tests that search ask for it.
    """
    contexts, wrong = [], []

    def opened(path, *, allowed=(), search=False, loaded=None, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        if not search:
            context.route("**/search_index.json", lambda route: route.fulfill(json=NO_INDEX))
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: said.type == "error" and said.text not in allowed and wrong.append(said.text))
        page.on("request", lambda asked: _is_other(asked.url, address) and wrong.append(asked.url))
        page.on("response", lambda reply: loaded is not None and loaded.append(reply))
        page.goto(address + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def _is_other(url, address):
    return urlsplit(url).scheme in {"http", "https", "ws", "wss"} and urlsplit(url).netloc != urlsplit(address).netloc
