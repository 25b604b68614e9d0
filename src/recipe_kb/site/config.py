"""The engine's configuration of one language, made from the `mkdocs.yml` of the checkout."""

from typing import Any

import yaml

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.site.languages import NAMES
from recipe_kb.site.place import Place

_SEPARATOR = r"[\s\u200b\-_,:!=\[\]()\"`/“”]+|\.(?!\d)|&[lg]t;|&amp;|&quot;"
"""What ends a word for search: also what stands around names, but no dot inside a number."""
_ORDER = "vi"
"""Of both languages: the theme's `lunr.vi.min.js` also puts what holds every word that was typed first."""
_WEIGHTS = {"title": 24.0, "text": 1.0, "tags": 12.0, "page": 4.0, "names": 400.0, "spelled": 60.0}
_FIELDS = {name: {"boost": boost} for name, boost in _WEIGHTS.items()}
"""The engine's own weight of a title, a thousand, puts a page with one word of three in its title before all others;
`search_index` fills all but title and text."""
_KEPT = ("site_name", "site_description", "strict", "markdown_extensions", "validation", "extra_css")


def config_of(place: Place, language: str) -> dict[str, Any]:
    """Return the configuration for the stage of a language.

    Raises:
        BadInputError: `mkdocs.yml` cannot be read, or lists no pages of this language.
    """
    whole = read_config(place)
    config = {name: whole[name] for name in _KEPT if name in whole}
    config |= {
        "docs_dir": str(place.stage / language / "docs"),
        "site_dir": str(place.build / "new" / language),
        "theme": whole["theme"] | {"language": language, "custom_dir": str(place.root / whole["theme"]["custom_dir"])},
        "plugins": [{"search": {"lang": _ORDER, "separator": _SEPARATOR, "pipeline": [], "fields": _FIELDS}}],
        "extra_javascript": whole.get("extra_javascript", []),
        "extra": whole["extra"] | {"staged": language},
        "nav": nav_of(whole, language, place),
        "not_in_nav": str(whole.get("not_in_nav", "")).replace("/*/", "/"),
    }
    if place.url:
        config["site_url"] = f"{place.url}{language}/"
    return config


def read_config(place: Place) -> dict[str, Any]:
    """Read the `mkdocs.yml` of the checkout."""
    from mkdocs.utils.yaml import yaml_load  # knows `!ENV`

    path = place.root / "mkdocs.yml"
    try:
        config = yaml_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise _odd(str(error).splitlines()[0]) from error
    if not isinstance(config, dict) or not isinstance(config.get("nav"), list):
        raise _odd("nav")
    return config


def nav_of(config: dict[str, Any], language: str, place: Place) -> list[Any]:
    """Return the pages of one language, in order and with paths inside its folder.

    Raises:
        BadInputError: There are none.
    """
    for section in config["nav"]:
        for title, pages in section.items():
            if title == NAMES[language] and isinstance(pages, list):
                return [_without_folder(page, f"{language}/") for page in pages]
    what = _("nav has no section {name!r}").format(name=NAMES[language])
    raise BadInputError(Problem(code="KB402", what=what, where=place.shown(place.root / "mkdocs.yml")))


def _without_folder(pages: Any, folder: str) -> Any:
    if isinstance(pages, str):
        return pages.removeprefix(folder)
    if isinstance(pages, dict):
        return {title: _without_folder(inner, folder) for title, inner in pages.items()}
    return [_without_folder(page, folder) for page in pages]


def _odd(why: str) -> BadInputError:
    what = _("is no configuration of the site: {why}").format(why=why)
    return BadInputError(Problem(code="KB402", what=what, where="mkdocs.yml", next_command="kb site check"))
