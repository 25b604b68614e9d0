"""What programs can read, and how."""

from collections.abc import Iterator

from markupsafe import Markup

from recipe_kb.i18n import _
from recipe_kb.site.api import VERSION
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import code, heading, items, link, listing, paragraph, table, with_code
from recipe_kb.site.page import Page
from recipe_kb.site.place import Place
from recipe_kb.site.resources import Resource, resources

_FOLDER = f"api/{VERSION}/"
_ROOT = "../../"
"""From this page to the root of the site."""


def pages(place: Place, facts: Facts) -> Iterator[Page]:
    """Make the one page."""
    example = next((str(key) for key in facts.store.recipe_keys()), "GPU/MODEL/CELL")
    address = f"{place.url or 'https://HOST/'}{_FOLDER}recipes/{example}.json"
    rows = [
        (_path(one), with_code(one.words), link(f"{_ROOT}{_FOLDER}{one.schema}", f"kb-{one.name}/1"))
        for one in resources()
    ]
    yield Page(
        path="json-api",
        title=_("JSON for programs"),
        description=_("Every record of the knowledge base as a file of JSON, with its schema."),
        blocks=(
            paragraph(_("Programs read the same values that the pages show, as files; nobody needs a key.")),
            listing(f"curl {address}"),
            heading(2, _("What there is"), "resources"),
            table((_("address"), _("content"), _("schema")), rows, _("What there is")),
            heading(2, _("What you can rely on"), "promises"),
            items(
                (
                    with_code(_("`schema` says what a file is; the number after the slash is its version.")),
                    with_code(_("A change that breaks a reader gets a folder `v2` of its own; `v1` stays.")),
                    _("Sizes are bytes, MiB or GB, times are seconds, as the name of each value says."),
                    _("Texts are there in both languages, or in English where a file has one language."),
                )
            ),
            heading(2, _("Other files"), "others"),
            items(
                (
                    Markup("{}: {}").format(link(f"{_ROOT}feed.xml", "feed.xml"), _("changes as an Atom feed")),
                    Markup("{}: {}").format(link(f"{_ROOT}llms.txt", "llms.txt"), _("an index for language models")),
                    Markup("{}: {}").format(
                        link(f"{_ROOT}{_FOLDER}schema/recipe.schema.json", "schema/recipe.schema.json"),
                        with_code(_("and its siblings: the files in `kb/`, for editors")),
                    ),
                )
            ),
        ),
        data="index.json",
        boost=0.5,
    )


def _path(one: Resource) -> Markup:
    """Show where a kind of file is; a link where it is one file."""
    is_one = one.path == one.path.lower()
    return link(f"{_ROOT}{_FOLDER}{one.path}", one.path) if is_one else code(one.path)
