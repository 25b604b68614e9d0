"""One built site for all tests of a run, and a checkout that is small enough to break."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from checkout import ROOT
from recipe_kb.site import build as building
from recipe_kb.site.build import build_site
from recipe_kb.site.facts import Facts
from recipe_kb.site.place import place_of
from recipe_kb.store.store import Store

URL = "https://kb.example/docs/"
CONFIG = f"""\
site_name: tiny
docs_dir: docs
strict: true
theme: {{name: material, language: en, font: false, custom_dir: {ROOT}/src/recipe_kb/site/theme}}
extra:
  generator: false
  alternate: [{{name: English, link: en/, lang: en}}, {{name: Tiếng Việt, link: vi/, lang: vi}}]
markdown_extensions: [attr_list, md_in_html, tables, admonition, pymdownx.superfences]
nav:
  - English: [Start: en/index.md]
  - Tiếng Việt: [Bắt đầu: vi/index.md]
validation:
  links: {{anchors: warn, unrecognized_links: warn}}
  nav: {{omitted_files: warn}}
"""


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The whole site of the checkout; the first worker builds it, the others wait."""
    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "site-of-the-run"
    shared.mkdir(exist_ok=True)
    place = place_of(Store(ROOT / "kb"), ROOT, shared, URL)
    with (shared / "built").open("a+") as done:
        fcntl.flock(done, fcntl.LOCK_EX)
        done.seek(0)
        if not done.read():
            build_site(place)
            done.write("yes")
    return place


@pytest.fixture(scope="session")
def facts():
    return Facts(Store(ROOT / "kb"))


@pytest.fixture
def place(tmp_path):
    """The checkout itself, written to another folder."""
    return place_of(Store(ROOT / "kb"), ROOT, tmp_path / "build")


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A checkout of one page per language, without generated pages; it builds in seconds."""
    root = tmp_path / "checkout"
    for language, title in (("en", "Start"), ("vi", "Bắt đầu")):
        (root / "docs" / language).mkdir(parents=True)
        (root / "docs" / language / "index.md").write_text(f"# {title} {{#start}}\n\nText.\n", encoding="utf-8")
    (root / "mkdocs.yml").write_text(CONFIG, encoding="utf-8")
    (root / "changelog.d").mkdir()
    monkeypatch.setattr(building, "make_pages", lambda _place, _facts: iter(()))
    return place_of(Store(ROOT / "kb"), root, tmp_path / "build", URL)


@pytest.fixture
def other_kb(tmp_path):
    """A copy of the knowledge base whose values a test may change."""
    root = tmp_path / "kb"
    shutil.copytree(ROOT / "kb", root, ignore=shutil.ignore_patterns("evidence"))
    return root


def page_of(place, path):
    """Return the HTML of a page."""
    return Path(place.site, path, "index.html").read_text(encoding="utf-8")
