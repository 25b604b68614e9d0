"""Serve the site on this machine and build it again at every change; open pages load themselves anew."""

import functools
import threading
import time
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from recipe_kb.errors import CannotHereError, KbError, Problem
from recipe_kb.i18n import _
from recipe_kb.site.build import build_site
from recipe_kb.site.place import Place
from recipe_kb.store.store import Store

_EVERY_S = 1.0
_HOLD_S = 25.0
_RELOAD = b"""<script>
(function wait(seen) {
  fetch("/_built?" + (seen || "")).then(function (reply) { return reply.text() }).then(function (built) {
    if (seen && built !== seen) location.reload()
    else wait(built)
  }).catch(function () { setTimeout(wait, 2000, seen) })
})()
</script>
"""


class _State:
    """How often the site has been built; pages wait for the next time."""

    def __init__(self) -> None:
        self.count = 0
        self.changed = threading.Condition()

    def built(self) -> None:
        with self.changed:
            self.count += 1
            self.changed.notify_all()

    def after(self, seen: str) -> int:
        """Return the count, once it is another than was seen or some time has passed."""
        with self.changed:
            self.changed.wait_for(lambda: str(self.count) != seen, timeout=_HOLD_S)
            return self.count


class _Handler(SimpleHTTPRequestHandler):
    """Serves files, and adds to each page a script that waits for the next build."""

    state: _State

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/_built":
            self._send(str(self.state.after(address.query)).encode(), "text/plain")
            return
        path = Path(self.translate_path(self.path))
        page = path / "index.html" if path.is_dir() and address.path.endswith("/") else path
        if page.suffix == ".html" and page.is_file():
            self._send(page.read_bytes() + _RELOAD, "text/html; charset=utf-8")
            return
        super().do_GET()

    def log_message(self, *_words: object) -> None:
        """Say nothing: a line per file would hide what the build says."""

    def _send(self, content: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)


def serve(place: Place, port: int, talk: Callable[[str], None], *, until: threading.Event | None = None) -> None:
    """Serve until interrupted.

    Args:
        place: Where everything is.
        port: 0 for any free one.
        talk: Told what is going on.
        until: Ends it; by default only an interrupt does.

    Raises:
        KbError: The port is taken, or the first build failed; later ones are told, and the last good site stays.
    """
    state, before = _State(), _sources(place)
    server = _listening(place, port, state)
    end = until or threading.Event()
    try:
        build_site(place)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        talk(_("Serving http://127.0.0.1:{port}/ ; Ctrl-C ends it.").format(port=server.server_address[1]))
        try:
            _build_again(place, state, talk, changes_of(place, end, before))
        finally:
            server.shutdown()
    finally:
        server.server_close()


def _listening(place: Place, port: int, state: _State) -> ThreadingHTTPServer:
    """Take the port before the first build: who cannot have it is told at once."""
    handler = type("Handler", (_Handler,), {"state": state})
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), functools.partial(handler, directory=str(place.site)))
    except OSError as error:
        what = _("Port {port} cannot be used: {why}").format(port=port, why=error.strerror)
        raise CannotHereError(Problem(code="KB405", what=what, next_command="kb site serve --port 0")) from error


def _build_again(place: Place, state: _State, talk: Callable[[str], None], changes: Iterator[None]) -> None:
    for _change in changes:
        start = time.monotonic()
        try:
            build_site(Place(store=Store(place.store.root), root=place.root, build=place.build, url=place.url))
        except KbError as error:
            talk(str(error))
            continue
        state.built()
        talk(_("Built again in {seconds} s.").format(seconds=round(time.monotonic() - start)))


def changes_of(place: Place, end: threading.Event, before: dict[Path, int]) -> Iterator[None]:
    """Yield whenever a source of the site is another than before, until the end."""
    while not end.wait(_EVERY_S):
        now = _sources(place)
        if now != before:
            before = now
            yield


def _sources(place: Place) -> dict[Path, int]:
    theme = Path(__file__).parent / "theme"
    folders = (place.docs, place.store.root, place.root / "changelog.d", theme)
    files = (path for folder in folders for path in folder.rglob("*"))
    found = {}
    for path in (*files, place.root / "mkdocs.yml"):
        try:
            found[path] = path.stat().st_mtime_ns
        except OSError:
            continue  # gone since it was listed
    return found
