"""What the API serves: one list, from which the index, the page about the API and `llms.txt` are written."""

from dataclasses import dataclass

from recipe_kb.i18n import _


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One kind of served file.

    Attributes:
        name: What it is called; its schema is `kb-NAME/1`, and lies in `schema/kb-NAME-1.schema.json`.
        path: Below `api/v1/`; words in capitals stand for an id.
        words: What it holds, in the active language.
    """

    name: str
    path: str
    words: str

    @property
    def schema(self) -> str:
        """Path of its JSON Schema below `api/v1/`."""
        return f"schema/kb-{self.name}-1.schema.json"


def resources() -> tuple[Resource, ...]:
    """Return every kind of served file, in the active language."""
    listed = (
        ("index", "index.json", _("This list.")),
        ("recipes", "recipes.json", _("All recipes that are kept as files: batch, learning rate, memory, status.")),
        (
            "recipe",
            "recipes/GPU/MODEL/CELL.json",
            _("One whole recipe, as `kb recipe --json` prints it; beside it every form that its page shows."),
        ),
        ("gpus", "gpus.json", _("All GPUs: memory, speed, what each can do, names.")),
        ("models", "models.json", _("All models: size, lengths, licence, published settings.")),
        ("claims", "claims.json", _("All claims of the source guides, each with its verdict and the reason.")),
        ("cells", "cells/MODEL.json", _("Derived settings of a model for one task: every GPU, method and length.")),
        ("memory", "memory/MODEL.json", _("Traced training steps of a model, from which memory is predicted.")),
        ("evidence", "evidence/GPU/MODEL/CELL/FILE.json", _("One probe: what was run, and what was measured.")),
        ("changes", "changes.json", _("What changed, most recent first; feed.xml says the same.")),
    )
    return tuple(Resource(name=name, path=path, words=words) for name, path, words in listed)
