"""For plain `mkdocs serve` and `mkdocs build`: both languages at once, with references and generated pages."""

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.livereload import LiveReloadServer
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page as EnginePage

from recipe_kb.site.build import pages_in
from recipe_kb.site.facts import Facts
from recipe_kb.site.guide import read_guide
from recipe_kb.site.languages import NAMES, speaking
from recipe_kb.site.place import Place, place_of
from recipe_kb.site.stage import with_banner
from recipe_kb.store.location import default_root
from recipe_kb.store.store import Store

_read: dict[Path, Facts] = {}
"""Checkout -> what its pages refer to, as it was when the build began; a guide must not read all of it again."""


def on_serve(server: LiveReloadServer, /, config: MkDocsConfig, **_rest: Any) -> LiveReloadServer:
    """Build again when a file changes that pages are made from, not only a guide."""
    place = _place(config)
    for folder in (place.store.root, place.root / "changelog.d"):
        server.watch(str(folder))
    return server


def on_files(files: Files, /, config: MkDocsConfig, **_rest: Any) -> Files:
    """Add the generated pages of every language; the knowledge base is read anew each time."""
    place = _place(config)
    facts = _read[place.root] = Facts(place.store, place.figures)
    for language in NAMES:
        for page in pages_in(place, facts, language):
            files.append(File.generated(config, f"{language}/{page.path}.md", content=page.to_markdown()))
    return files


def on_page_markdown(markdown: str, /, page: EnginePage, config: MkDocsConfig, **_rest: Any) -> str:
    """Fill the references of a guide in."""
    path = page.file.abs_src_path
    language = page.file.src_uri.partition("/")[0]
    if path is None or page.file.generated_by or language not in NAMES:
        return markdown
    place = _place(config)
    guide = read_guide(place, Path(path))
    with speaking(language):
        return with_banner(place, guide, guide.rendered(_read[place.root]), language)


def _place(config: MkDocsConfig) -> Place:
    return place_of(Store(default_root()), Path(config.config_file_path).parent)
