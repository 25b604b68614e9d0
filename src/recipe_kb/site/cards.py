"""How many cards a model needs to be trained in full, worked out beforehand: one file, `docs/data/cards.json`.

What fits on one card is in the cells; how many it takes where one does not hold it takes seconds for each to find out.
`scripts/cards.py` brings the file up to date.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.resolve.several import COUNTS, fits_from
from recipe_kb.schema.base import Method
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.site.cells import lengths_of, read_cells
from recipe_kb.site.place import Place

GENERATED = "by scripts/cards.py; do not edit"
SCHEMA = "kb-cards/1"
METHOD: Method = "full"


@dataclass(frozen=True, kw_only=True)
class ModelCards:
    """How many cards one model needs.

    Attributes:
        length: Tokens of a sample.
        inputs: Hash of what the cells of the model depend on, when it was worked out.
        counts: GPU to 1, 2, 4 or 8; None where 8 are not enough.
    """

    length: int
    inputs: str
    counts: dict[str, int | None]


def cards_path(place: Place) -> Path:
    """Return the file."""
    return place.docs / "data" / "cards.json"


def read_cards(place: Place) -> dict[str, ModelCards]:
    """Read what was worked out; nothing where nobody did.

    Raises:
        BadInputError: It is no such file.
    """
    path = cards_path(place)
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {model_id: ModelCards(**values) for model_id, values in content["models"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        what = _("is not what `scripts/cards.py` writes: {why}").format(why=f"{type(error).__name__}: {error}")
        problem = Problem(code="KB417", what=what, where=place.shown(path), next_command="python scripts/cards.py")
        raise BadInputError(problem) from error


def make_cards(place: Place) -> Iterator[str]:
    """Bring the file up to date, model by model, so that it can be stopped; yield each that was worked out."""
    kept = read_cards(place)
    for model_id in place.store.model_ids():
        cells = read_cells(place, model_id)
        length = max(lengths_of(place.store.model(model_id)))
        if cells is None or (model_id in kept and kept[model_id].inputs == cells.inputs):
            continue
        single = {
            gpu: cell for (method, tokens, gpu), cell in cells.cells.items() if (method, tokens) == (METHOD, length)
        }
        counts = {gpu: 1 if cell else count_of(place, gpu, model_id, length) for gpu, cell in single.items()}
        kept[model_id] = ModelCards(length=length, inputs=cells.inputs, counts=counts)
        _write(place, kept)
        yield model_id


def count_of(place: Place, gpu_id: str, model_id: str, length: int) -> int | None:
    """Return the smallest number of cards that hold one task with FSDP; None where the largest tried does not."""
    store = place.store
    key = RecipeKey(gpu=gpu_id, model=model_id, tasks=(1, 1), max_length=length, method=METHOD)
    return fits_from(store, key, store.gpu(gpu_id), store.model(model_id))


def _write(place: Place, cards: dict[str, ModelCards]) -> None:
    content: dict[str, Any] = {
        "generated": GENERATED,
        "schema": SCHEMA,
        "tried": [1, *COUNTS],
        "models": {model_id: vars(cards[model_id]) for model_id in sorted(cards)},
    }
    cards_path(place).write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
