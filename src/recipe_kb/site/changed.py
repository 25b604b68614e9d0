"""A recipe with some settings changed, written in one line: `t4/biobert/8t-512-full?optim=sgd&max_length=256`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl, urlencode

from recipe_kb.i18n import _
from recipe_kb.memory.predict import Question
from recipe_kb.resolve.answer import Answer
from recipe_kb.resolve.memory import MemoryEstimate, context_on, memory_of, total_bytes
from recipe_kb.resolve.traced import question_of
from recipe_kb.schema.recipe import RecipeKey, Settings
from recipe_kb.store.store import Store
from recipe_kb.text import nearest

_LENGTH = "max_length"
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A recipe as somebody would run it.

    Attributes:
        answer: The recipe.
        key: Its cell, with the length that was asked for.
        settings: Its settings, with the changes.
        is_changed: Something was asked for that the recipe does not say.
    """

    answer: Answer
    key: RecipeKey
    settings: Settings
    is_changed: bool

    def memory(self, store: Store) -> MemoryEstimate:
        """Predict its memory.

        Raises:
            ValueError: No step was traced with these changes; a reader would compare two methods without knowing.
        """
        if not self.is_changed:
            return self.answer.memory
        answer = self.answer
        found = memory_of(store, self.key, self.settings, answer.recipe.task_mixing, answer.gpu, answer.model)
        if found.method != "traced":
            raise ValueError(_("{name} was not traced with these settings").format(name=answer.recipe_id))
        return found

    def question(self, store: Store) -> Question:
        """Return what the predictor is asked.

        Raises:
            ValueError: No step was traced for it.
        """
        answer, gpu = self.answer, self.answer.gpu
        context, total = context_on(store, self.key, gpu), total_bytes(store, self.key, gpu)
        mixing = answer.recipe.task_mixing
        question = question_of(store, self.key, self.settings, mixing, answer.model, gpu, context, total)
        if question is None:
            raise ValueError(_("{name} was not traced with these settings").format(name=answer.recipe_id))
        return question


def name_of(recipe_id: str, changes: Mapping[str, Any]) -> str:
    """Write a recipe with changes; without any it is the recipe's id."""
    written = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in changes.items()}
    return f"{recipe_id}?{urlencode(written)}" if written else recipe_id


def split(name: str) -> tuple[str, dict[str, str]]:
    """Return the recipe's id, and the changes as they are written."""
    recipe_id, _mark, query = name.partition("?")
    return recipe_id, dict(parse_qsl(query, keep_blank_values=True))


def changed(answer: Answer, changes: Mapping[str, str]) -> Changed:
    """Change settings of a recipe.

    Args:
        answer: The recipe.
        changes: Setting, or `max_length`, to its value as it is typed.

    Raises:
        ValueError: There is no such setting, or it cannot have this value.
    """
    settings = {name: _value(answer.recipe.settings, name, text) for name, text in changes.items() if name != _LENGTH}
    length = int(changes[_LENGTH]) if _LENGTH in changes else answer.key.max_length
    if not 0 < length <= answer.model.max_length:
        raise ValueError(_("{name} cannot be {value!r}").format(name=_LENGTH, value=length))
    return Changed(
        answer=answer,
        key=replace(answer.key, max_length=length),
        settings=replace(answer.recipe.settings, **settings),
        is_changed=bool(changes),
    )


def _value(settings: Settings, name: str, text: str) -> Any:
    """Read the value of a setting as it is typed."""
    known = settings.given()
    if name not in known:
        what = _("There is no setting {name!r}.").format(name=name)
        offered = nearest(name, [*known, _LENGTH])
        if offered:
            what += " " + _("Did you mean {names}?").format(names=_(" or ").join(offered))
        raise ValueError(what)
    kind, before = get_type_hints(Settings)[name], known[name]
    odd = ValueError(_("{name} cannot be {value!r}").format(name=name, value=text))
    if get_origin(kind) is Literal:
        if text not in get_args(kind):
            raise odd
        return text
    if isinstance(before, bool):
        if text not in _TRUTH:
            raise odd
        return _TRUTH[text]
    try:
        return type(before)(text)
    except ValueError:
        raise odd from None
