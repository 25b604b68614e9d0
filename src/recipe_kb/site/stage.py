"""The stage: one folder of plain Markdown per language, with every number filled in. The engine knows nothing else."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from recipe_kb.i18n import _
from recipe_kb.site import freshness, front_matter
from recipe_kb.site.config import config_of
from recipe_kb.site.decisions import decisions, staged_decision
from recipe_kb.site.facts import Facts
from recipe_kb.site.guide import Guide, read_guide
from recipe_kb.site.languages import speaking
from recipe_kb.site.markup import as_text
from recipe_kb.site.page import GUIDE_BOOST, Page
from recipe_kb.site.place import Place
from recipe_kb.store.yaml_file import dump

_TO_DECISIONS = re.compile(r"\]\(\.\./adr/")


def write_stage(place: Place, facts: Facts, language: str, pages: Iterable[Page]) -> Path:
    """Write the stage of a language.

    Args:
        place: Where everything is.
        facts: Values that guides refer to.
        language: en, vi.
        pages: Generated pages in that language.

    Returns:
        The engine's configuration file.

    Raises:
        BadInputError: A guide refers to nothing, or is no page.
    """
    folder = place.stage / language
    shutil.rmtree(folder, ignore_errors=True)
    docs = folder / "docs"
    with speaking(language):
        for path in place.guides(language):
            _write(docs / path.name, staged_guide(place, facts, read_guide(place, path), language))
        for path in decisions(place):
            _write(docs / "adr" / path.name, staged_decision(place, path, language))
        for page in pages:
            _write(docs / f"{page.path}.md", page.to_markdown())
    assets = place.docs / "assets"
    if assets.is_dir():
        shutil.copytree(assets, docs / "assets", dirs_exist_ok=True)
    config = folder / "mkdocs.yml"
    config.write_text(dump(config_of(place, language)), encoding="utf-8")
    return config


def staged_guide(place: Place, facts: Facts, guide: Guide, language: str) -> str:
    """Return a guide as the engine reads it, in the active language."""
    body = _TO_DECISIONS.sub("](adr/", guide.rendered(facts))
    meta = {name: value for name, value in guide.meta.items() if name in {"title", "description", "search", "tags"}}
    meta = {"search": {"boost": GUIDE_BOOST}} | meta | {"source": guide.where}
    return front_matter.join(meta, with_banner(place, guide, body, language))


def with_banner(place: Place, guide: Guide, body: str, language: str) -> str:
    """Put a dated banner under the title of a page whose original has changed since it was translated."""
    status = freshness.status_of(place, guide, language)
    if status != "stale":
        return body
    words, more = freshness.banner(guide), _("The original is more recent.")
    title, _newline, rest = body.lstrip("\n").partition("\n")
    return f'{title}\n\n!!! warning "{as_text(words)}"\n\n    {as_text(more)}\n{rest}'


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
