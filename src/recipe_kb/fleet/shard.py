"""Which recipes are whose, where several machines share them without talking to each other."""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

_FORM = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True)
class Shard:
    """One of several parts, counted from 1.

    A recipe belongs to the shard that a hash of its id says: on every machine the same, whatever else there is to
    train. So all shards together are every recipe once, and a new recipe moves no other.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `3/8`; None if it is no shard."""
        found = _FORM.fullmatch(text.strip())
        if found is None:
            return None
        number, count = int(found[1]), int(found[2])
        return cls(number, count) if 1 <= number <= count else None

    def holds(self, recipe_id: str) -> bool:
        """Say whether a recipe is in this shard."""
        digest = hashlib.sha256(recipe_id.encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1

    def __str__(self) -> str:
        """Write it as it is typed."""
        return f"{self.number}/{self.count}"
