"""The site of this checkout, as files."""

import gzip
import json
import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from checkout import ROOT
from recipe_kb.site.languages import NAMES
from recipe_kb.site.links import link_problems
from recipe_kb.site.truth import truth_problems

URL = "https://kb.example/docs/"
HEAVIEST_BYTES = 300_000


def pages(built, language):
    folder = built.site / language
    return {path.parent.relative_to(folder).as_posix() for path in folder.rglob("index.html")}


def test_both_languages_have_the_same_pages(built):
    assert pages(built, "en") == pages(built, "vi")
    assert len(pages(built, "en")) > 130


def test_no_link_leads_to_nothing_and_nothing_comes_from_elsewhere(built):
    assert not link_problems(built.site)


def test_every_value_is_the_knowledge_base_s(built):
    count, problems = truth_problems(built, built.site, iter(NAMES))
    assert not problems
    assert count > 5000


def test_a_page_is_light(built):
    """With its own scripts and styles, compressed, without the index of search."""
    for language in NAMES:
        for path in (built.site / language).rglob("index.html"):
            text = path.read_text(encoding="utf-8")
            linked = re.findall(r"(?:src|href)=\"?([^\"\s>]+\.(?:js|css))(?=[\"\s>])", text)
            files = [path, *((path.parent / name).resolve() for name in set(linked))]
            weight = sum(len(gzip.compress(file.read_bytes())) for file in files)
            assert weight < HEAVIEST_BYTES, path


def test_every_page_names_its_language(built):
    for language in NAMES:
        for path in (built.site / language).rglob("index.html"):
            assert f'<html lang="{language}"' in path.read_text(encoding="utf-8")[:2000]


def test_the_switch_stays_on_the_page_without_a_script(built):
    for language, other in (("en", "vi"), ("vi", "en")):
        for path in (built.site / language).rglob("index.html"):
            text = path.read_text(encoding="utf-8")
            (target,) = re.findall(rf'href="([^"]+)" hreflang="{other}"', text)
            here = path.parent.relative_to(built.site / language)
            assert (path.parent / target).resolve() == (built.site / other / here).resolve(), path


def test_the_map_lists_every_page_in_both_languages(built):
    root = ET.parse(built.site / "sitemap.xml").getroot()  # noqa: S314 - we wrote it
    names = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9", "x": "http://www.w3.org/1999/xhtml"}
    listed = {entry.find("s:loc", names).text: entry for entry in root.findall("s:url", names)}
    for language in NAMES:
        for page in pages(built, language):
            entry = listed[f"{URL}{language}/" + ("" if page == "." else f"{page}/")]
            others = {link.get("hreflang"): link.get("href") for link in entry.findall("x:link", names)}
            assert set(others) == set(NAMES)
            assert all(address in listed for address in others.values())


def test_the_feed_has_every_change(built):
    root = ET.parse(built.site / "feed.xml").getroot()  # noqa: S314 - we wrote it
    atom = "{http://www.w3.org/2005/Atom}"
    entries = root.findall(f"{atom}entry")
    assert len(entries) == len(list((ROOT / "changelog.d").glob("*.md"))) > 0
    for entry in entries:
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry.find(f"{atom}updated").text)
        assert entry.find(f"{atom}link").get("href").startswith(URL)


def test_the_index_for_programs_links_to_what_is_there(built):
    text = (built.site / "llms.txt").read_text(encoding="utf-8")
    links = re.findall(r"\]\((\S+)\)", text)
    assert len(links) > 100
    assert "[]" not in text, "a guide without its title"
    for link in links:
        target = built.site / link.removeprefix(URL)
        assert target.is_file() or (target / "index.html").is_file(), link


def read(built, name):
    return json.loads((built.site / "api" / "v1" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["recipes", "gpus", "models", "claims", "changes"])
def test_every_list_of_the_api_says_what_it_is(built, name):
    listing = read(built, f"{name}.json")
    assert listing["schema"] == f"kb-{name}/1"
    assert listing["schema_version"] == 1
    assert listing["total"] == len(listing[name]) > 0


def test_a_recipe_of_the_api_is_the_command_s(built, kb):
    for row in read(built, "recipes.json")["recipes"]:
        assert read(built, row["address"])["id"] == row["id"]
    cell = ("--gpu", "t4", "--model", "biobert", "--tasks", "8")
    assert read(built, "recipes/t4/biobert/8t-512-full.json") == json.loads(kb("recipe", *cell, "--json").stdout)
    for form in ("yaml", "args"):
        text = (built.site / "api" / "v1" / "recipes" / "t4" / "biobert" / f"8t-512-full.{form}").read_text(
            encoding="utf-8"
        )
        assert text == kb("recipe", *cell, "--format", form).stdout


def test_memory_and_schemas_are_those_of_the_knowledge_base(built):
    served = built.site / "api" / "v1"
    for path in (ROOT / "kb" / "memory").glob("*.json"):
        kept = json.loads(path.read_text(encoding="utf-8"))
        assert read(built, f"memory/{path.name}").items() >= kept.items()
    for path in (ROOT / "kb" / "schema").glob("*.json"):
        assert (served / "schema" / path.name).read_bytes() == path.read_bytes()


def test_evidence_is_served_as_it_was_recorded(built):
    files = list((ROOT / "kb" / "evidence").rglob("*.json"))
    assert files
    for path in files:
        served = built.site / "api" / "v1" / "evidence" / path.relative_to(ROOT / "kb" / "evidence")
        assert served.read_bytes() == path.read_bytes()


def test_decisions_in_the_other_language_say_what_they_are(built):
    text = (built.site / "vi" / "adr" / "0001-layout-and-names" / "index.html").read_text(encoding="utf-8")
    assert '<div lang="en">' in text
    index = json.loads((built.site / "vi" / "search" / "search_index.json").read_text(encoding="utf-8"))
    assert not [entry for entry in index["docs"] if entry["location"].startswith("adr/")]


def test_exports_are_not_searched(built):
    index = json.loads((built.site / "en" / "search" / "search_index.json").read_text(encoding="utf-8"))
    recipes = [entry["location"] for entry in index["docs"] if entry["location"].startswith("recipes/")]
    assert recipes
    assert not [location for location in recipes if location.endswith("#exports")]


@pytest.mark.slow
def test_plain_mkdocs_shows_both_languages_with_references_and_records(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    for language in NAMES:
        assert (tmp_path / "site" / language / "recipes" / "t4" / "biobert" / "8t-512-full" / "index.html").is_file()
        assert "data-src" in (tmp_path / "site" / language / "gpus" / "t4" / "index.html").read_text(encoding="utf-8")
