"""What `kb extract --draft` writes: a recipe with its provenance, or what is known of one and what is missing."""

from pathlib import Path

from recipe_kb.extract.draft import Draft, draft
from recipe_kb.i18n import _
from recipe_kb.schema.configuration import Configuration
from recipe_kb.store.store import Store
from recipe_kb.store.yaml_file import dump


def write_draft(store: Store, configuration: Configuration, folder: Path, taken: set[Path]) -> Path:
    """Write one draft.

    Args:
        store: The knowledge base.
        configuration: What was found.
        folder: Where drafts go; each configuration gets a folder of its own, below it the path of the recipe's id.
        taken: Files that were written before, for other configurations.

    Returns:
        The file.

    Raises:
        CannotHereError: It cannot be written.
    """
    from recipe_kb.tune.recipe_file import recipe_text, write_recipe

    made = draft(store, configuration)
    name = f"{_slug(Path(configuration.file).stem)}-{configuration.lines[0]}{_letter(configuration)}"
    own, number = folder / name, 1
    while any(other.is_relative_to(own) for other in taken):
        number += 1
        own = folder / f"{name}-{number}"
    if made.key is not None and made.recipe is not None and made.gpu is not None:
        path = own / f"{made.key}.yaml"
        text = recipe_text(made.key, made.recipe, made.gpu).partition("\n")[2]
    else:
        path = own / "incomplete.yaml"
        settings = {one.name: one.value for one in configuration.settings}
        lines = {one.name: f"{configuration.file}:{one.line}" for one in configuration.settings}
        text = dump({"settings": settings, "written_in": lines})
    write_recipe("".join(f"# {line}\n" for line in _header(configuration, made)) + text, path)
    return path


def _header(configuration: Configuration, made: Draft) -> list[str]:
    """Say where a draft comes from and what stands between it and `kb check`."""
    first, last = configuration.lines
    lines = [
        _("Draft from {where}, {label}").format(where=f"{configuration.file}:{first}-{last}", label=configuration.label)
    ]
    lines += [_("missing: {what}").format(what=what) for what in made.missing]
    lines += [_("not taken over: {what}").format(what=what) for what in made.left_out]
    if not made.missing:
        lines.append(_("Nothing is missing; copy it below kb/recipes, then run kb check."))
    return [" ".join(line.split()) for line in lines]


def _slug(text: str) -> str:
    kept = "".join(char if char.isalnum() or char in ".-" else "-" for char in text.lower())
    return kept.strip("-.") or "draft"


def _letter(configuration: Configuration) -> str:
    """Tell the sides of one table apart: they stand on the same lines."""
    return f"-{configuration.label}" if configuration.label in {"before", "after"} else ""
