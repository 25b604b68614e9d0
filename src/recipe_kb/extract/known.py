"""What a knowledge base knows that reading needs, made once: a thousand files ask for it."""

from dataclasses import dataclass
from functools import cached_property

from recipe_kb.extract.names import Names
from recipe_kb.extract.prose import Prose
from recipe_kb.store.store import Store


@dataclass(eq=False)
class Known:
    """Names and prose of one knowledge base; each is made when it is first needed."""

    store: Store

    @cached_property
    def names(self) -> Names:
        """Return the spellings of settings."""
        return Names(self.store.spellings())

    @cached_property
    def prose(self) -> Prose:
        """Return the names of GPUs and models, for which all their files are read."""
        return Prose(self.store)


_KEPT: list[Known] = []


def known(store: Store) -> Known:
    """Return what a knowledge base knows; the last one that was asked for is kept."""
    if not _KEPT or _KEPT[0].store is not store:
        _KEPT[:] = [Known(store)]
    return _KEPT[0]
