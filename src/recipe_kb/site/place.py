"""Where the sources of the site are, and where it is written."""

from dataclasses import dataclass
from pathlib import Path

from recipe_kb.errors import CannotHereError, Problem
from recipe_kb.i18n import _
from recipe_kb.store.store import Store


@dataclass(frozen=True, kw_only=True)
class Place:
    """Folders of one site.

    Attributes:
        store: The knowledge base.
        root: Checkout: holds `mkdocs.yml`, `docs/` and `changelog.d/`.
        build: Holds the stage and the site; nothing there is edited by hand.
        url: Address at which the site will be served, with a slash at its end; None where that is not known.
    """

    store: Store
    root: Path
    build: Path
    url: str | None = None

    @property
    def docs(self) -> Path:
        """Guides, one folder per language."""
        return self.root / "docs"

    @property
    def figures(self) -> Path:
        """What benchmarks measured, as JSON; only they write it."""
        return self.docs / "data" / "figures"

    @property
    def stage(self) -> Path:
        """Plain Markdown of one language each, as the engine reads it."""
        return self.build / "stage"

    @property
    def site(self) -> Path:
        """The finished site."""
        return self.build / "site"

    def guides(self, language: str) -> list[Path]:
        """Return the guides of a language, by name."""
        return sorted((self.docs / language).glob("*.md"))

    def shown(self, path: Path) -> str:
        """Return a path the way problems print it: inside the checkout."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


def place_of(store: Store, root: Path, build: Path | None = None, url: str | None = None) -> Place:
    """Return the folders of a checkout.

    Args:
        store: The knowledge base.
        root: The checkout.
        build: Where to write; `build/` of the checkout by default.
        url: Address at which the site will be served.

    Raises:
        CannotHereError: There are no guides here.
    """
    if not _is_checkout(root):
        what = _(
            "There is no site here: mkdocs.yml and docs/ are in the checkout, and an installed package has neither."
        )
        raise CannotHereError(Problem(code="KB401", what=what, where=str(root), next_command="kb site build --help"))
    address = f"{url.rstrip('/')}/" if url else None
    return Place(store=store, root=root, build=build or root / "build", url=address)


def checkout_of(store: Store) -> Path:
    """Return the folder that holds the guides: around the knowledge base, or around where the user stands."""
    here = Path.cwd()
    for folder in (store.root.parent, here, *here.parents):
        if _is_checkout(folder):
            return folder.resolve()
    return here


def _is_checkout(folder: Path) -> bool:
    return (folder / "mkdocs.yml").is_file() and (folder / "docs" / "en").is_dir()
