"""Bring docs/data/cards.json up to date: how many cards each model needs, where one does not hold it.

Run it after `kb site cells`. It takes minutes, and goes on where it was stopped.
"""

from pathlib import Path

from recipe_kb.site.cards import make_cards
from recipe_kb.site.place import Place
from recipe_kb.store.location import default_root
from recipe_kb.store.store import Store

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Work out what has changed."""
    place = Place(store=Store(default_root()), root=ROOT, build=ROOT / "build")
    for model_id in make_cards(place):
        print(model_id, flush=True)


if __name__ == "__main__":
    main()
