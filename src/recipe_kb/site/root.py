"""What is the same for all languages: the page that chooses one, the map for search engines, the feed, `llms.txt`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from markupsafe import Markup

from recipe_kb.site.api import VERSION
from recipe_kb.site.changelog import read_changes
from recipe_kb.site.facts import Facts
from recipe_kb.site.guide import read_guide
from recipe_kb.site.languages import NAMES, ORIGINAL, speaking
from recipe_kb.site.page import Page, address
from recipe_kb.site.place import Place
from recipe_kb.site.resources import resources

_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
_XHTML = "http://www.w3.org/1999/xhtml"
_ATOM = "http://www.w3.org/2005/Atom"
_CHOOSE = Markup(
    """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>recipe-kb</title>
<link rel="alternate" type="application/atom+xml" href="feed.xml">
<style>
body{{font:1.25rem/1.6 system-ui,sans-serif;display:grid;place-content:center;min-height:90vh;text-align:center}}
a{{display:inline-block;padding:.5em 1em}}
@media(prefers-color-scheme:dark){{body{{background:#15181d;color:#e6edf3}}a{{color:#8ab4f8}}}}
</style>
<main><h1>recipe-kb</h1><p>{}</p></main>
<script>location.replace((/^vi/.test(navigator.language) ? "vi" : "en") + "/")</script>
</html>
"""
)


def write_root(place: Place, facts: Facts, pages: Mapping[str, Sequence[Page]], site: Path) -> None:
    """Write what lies beside the folders of the languages.

    Args:
        place: Where everything is.
        facts: Values.
        pages: Generated pages by language.
        site: Folder of the site.
    """
    links = Markup("\n").join(
        Markup('<a href="{0}/" lang="{0}" hreflang="{0}">{1}</a>').format(language, name)
        for language, name in NAMES.items()
    )
    (site / "index.html").write_text(_CHOOSE.format(links), encoding="utf-8")
    (site / "feed.xml").write_text(_feed(place), encoding="utf-8")
    (site / "llms.txt").write_text(_for_language_models(place, facts, pages[ORIGINAL]), encoding="utf-8")
    for language in NAMES:
        # The engine's own map lists one language and knows nothing of the other.
        for name in ("sitemap.xml", "sitemap.xml.gz"):
            (site / language / name).unlink(missing_ok=True)
    if place.url:
        (site / "sitemap.xml").write_text(_sitemap(place.url, site), encoding="utf-8")
        (site / "robots.txt").write_text(
            f"User-agent: *\nAllow: /\nSitemap: {place.url}sitemap.xml\n", encoding="utf-8"
        )


def _sitemap(url: str, site: Path) -> str:
    """List every page with the same page in the other languages."""
    ET.register_namespace("", _SITEMAP)
    ET.register_namespace("xhtml", _XHTML)
    root = ET.Element(f"{{{_SITEMAP}}}urlset")
    found = {language: _addresses(site / language) for language in NAMES}
    for language in NAMES:
        for path in found[language]:
            entry = ET.SubElement(root, f"{{{_SITEMAP}}}url")
            ET.SubElement(entry, f"{{{_SITEMAP}}}loc").text = f"{url}{language}/{path}"
            for other in NAMES:
                if path in found[other]:
                    attributes = {"rel": "alternate", "hreflang": other, "href": f"{url}{other}/{path}"}
                    ET.SubElement(entry, f"{{{_XHTML}}}link", attributes)
    return _xml(root)


def _addresses(folder: Path) -> list[str]:
    pages = (path.parent.relative_to(folder).as_posix() for path in folder.rglob("index.html"))
    return sorted("" if path == "." else f"{path}/" for path in pages)


def _feed(place: Place) -> str:
    """Write changes as Atom; an entry has the date at which its fragment was written as its file says."""
    ET.register_namespace("", _ATOM)
    root = ET.Element(f"{{{_ATOM}}}feed")
    base = place.url or ""
    changes = read_changes(place.root / "changelog.d")
    _text(root, "id", base or "urn:recipe-kb:changes")
    _text(root, "title", "recipe-kb")
    _text(root, "updated", max((change.written for change in changes), default="1970-01-01T00:00:00Z"))
    ET.SubElement(ET.SubElement(root, f"{{{_ATOM}}}author"), f"{{{_ATOM}}}name").text = "recipe-kb"
    ET.SubElement(root, f"{{{_ATOM}}}link", {"rel": "self", "href": f"{base}feed.xml"})
    for change in changes:
        entry = ET.SubElement(root, f"{{{_ATOM}}}entry")
        _text(entry, "id", f"urn:recipe-kb:change:{change.id}")
        _text(entry, "title", f"{change.kind}: {change.lines[0]}" if change.lines else change.id)
        _text(entry, "updated", change.written)
        _text(entry, "content", "\n".join(change.lines))
        anchor = f"change-{change.id.replace('.', '-')}"
        ET.SubElement(entry, f"{{{_ATOM}}}link", {"href": f"{base}{ORIGINAL}/changes/#{anchor}"})
    return _xml(root)


def _text(parent: ET.Element, name: str, words: str) -> None:
    ET.SubElement(parent, f"{{{_ATOM}}}{name}").text = words


def _xml(root: ET.Element) -> str:
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _for_language_models(place: Place, facts: Facts, pages: Sequence[Page]) -> str:
    """Write the index that programs read which answer in words: what there is, and where the data are."""
    base = place.url or ""
    with speaking(ORIGINAL):
        lines = [
            "# recipe-kb",
            "",
            "> Fine-tuning settings per GPU, model and number of tasks, each with its source",
            "",
        ]
        lines += ["## Data", ""]
        for resource in resources():
            target = resource.path if resource.path == resource.path.lower() else resource.schema
            lines.append(f"- [{resource.path}]({base}api/{VERSION}/{target}): {resource.words}")
        lines += ["", "## Guides", ""]
        for path in place.guides(ORIGINAL):
            guide = read_guide(place, path)
            title = guide.body.lstrip("# \n").partition("\n")[0].partition(" {#")[0]
            end = "" if path.stem == "index" else f"{path.stem}/"
            lines.append(f"- [{title}]({base}{ORIGINAL}/{end})")
        lines += ["", "## Pages", ""]
        for page in pages:
            where = address("index", page.path).removeprefix("./")
            lines.append(f"- [{_one_line(page.title)}]({base}{ORIGINAL}/{where})")
    counted = len(facts.store.recipe_keys())
    return "\n".join([*lines, "", f"schema_version: 1; recipes: {counted}", ""])


def _one_line(words: str) -> str:
    return " ".join(words.split()).replace("[", "(").replace("]", ")")
