"""pydantic's findings in our words, in both languages, with stable codes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from recipe_kb.errors import Problem
from recipe_kb.i18n import _

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from recipe_kb.schema.recipe import Recipe

Words = Callable[[str, Any, dict[str, Any]], tuple[str, str]]


def _expected(kind: Callable[[], str]) -> Words:
    def words(name: str, got: Any, _context: dict[str, Any]) -> tuple[str, str]:
        what = _("{name} must be {expected} (got {got!r})")
        return "KB105", what.format(name=name, expected=kind(), got=_short(got))

    return words


def _bound(sign: str, key: str) -> Words:
    def words(name: str, got: Any, context: dict[str, Any]) -> tuple[str, str]:
        what = _("{name} must be {sign} {bound} (got {got!r})")
        return "KB105", what.format(name=name, sign=sign, bound=context[key], got=_short(got))

    return words


def _short(got: Any) -> Any:
    text = repr(got)
    return got if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - one line of a terminal


def _missing(name: str, _got: Any, _context: dict[str, Any]) -> tuple[str, str]:
    return "KB104", _("{name} is missing").format(name=name)


def _unknown(name: str, _got: Any, _context: dict[str, Any]) -> tuple[str, str]:
    return "KB103", _("unknown key {name}").format(name=name)


def _choice(name: str, got: Any, context: dict[str, Any]) -> tuple[str, str]:
    what = _("{name} must be one of {expected} (got {got!r})")
    return "KB105", what.format(name=name, expected=context["expected"].replace(" or ", _(" or ")), got=_short(got))


def _effective_batch(_name: str, _got: Any, context: dict[str, Any]) -> tuple[str, str]:
    what = _("effective_batch_size is {got}; {batch} x {accumulation} x 1 = {product}")
    return "KB101", what.format(**context)


def wrong_product(recipe: "Recipe", num_gpus: int, where: str) -> Problem:
    """Say that the effective batch of a recipe is not that of its number of GPUs."""
    batch, accumulation = recipe.settings.per_device_train_batch_size, recipe.settings.gradient_accumulation_steps
    what = _("effective_batch_size is {got}; {batch} x {accumulation} x {num_gpus} = {product}").format(
        got=recipe.effective_batch_size,
        batch=batch,
        accumulation=accumulation,
        num_gpus=num_gpus,
        product=batch * accumulation * num_gpus,
    )
    return Problem(code="KB101", where=where, what=what, next_command="kb check")


def _provenance(_name: str, _got: Any, context: dict[str, Any]) -> tuple[str, str]:
    what = _("provenance does not match settings (missing: {missing}; without a setting: {unknown})")
    return "KB107", what.format(
        missing=", ".join(context["missing"]) or "-", unknown=", ".join(context["unknown"]) or "-"
    )


def _one_reference(name: str, _got: Any, context: dict[str, Any]) -> tuple[str, str]:
    what = _("{name} needs exactly one of claim, rule, source, gpu, model, evidence, assumption (got: {given})")
    return "KB107", what.format(name=name, given=", ".join(context["given"]) or "-")


def _refuted(_name: str, _got: Any, _context: dict[str, Any]) -> tuple[str, str]:
    return "KB109", _("a refuted recipe needs `refuted` with reason and instead, and no other recipe may have it")


_INTEGER = _expected(lambda: _("a whole number"))
_NUMBER = _expected(lambda: _("a number"))
_STRING = _expected(lambda: _("text"))
_BOOLEAN = _expected(lambda: _("true or false"))
_MAPPING = _expected(lambda: _("a mapping of keys to values"))
_LIST = _expected(lambda: _("a list"))
_WORDS: dict[str, Words] = {
    "missing": _missing,
    "missing_keyword_only_argument": _missing,
    "unexpected_keyword_argument": _unknown,
    "literal_error": _choice,
    "int_type": _INTEGER,
    "int_parsing": _INTEGER,
    "int_from_float": _INTEGER,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "string_type": _STRING,
    "string_too_short": _expected(lambda: _("text that is not empty")),
    "string_pattern_mismatch": _expected(lambda: _("text of the form that the schema gives")),
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "dataclass_type": _MAPPING,
    "dict_type": _MAPPING,
    "tuple_type": _LIST,
    "list_type": _LIST,
    "too_short": _expected(lambda: _("longer")),
    "too_long": _expected(lambda: _("shorter")),
    "greater_than": _bound(">", "gt"),
    "greater_than_equal": _bound(">=", "ge"),
    "less_than": _bound("<", "lt"),
    "less_than_equal": _bound("<=", "le"),
    "effective_batch": _effective_batch,
    "provenance": _provenance,
    "one_reference": _one_reference,
    "refuted": _refuted,
}


WHOLE_RECORD = {"effective_batch": ("effective_batch_size",), "provenance": ("provenance",), "refuted": ("status",)}
"""What is wrong with a record as a whole -> the key whose line is shown."""


def problem_of(detail: "ErrorDetails", where: str) -> Problem:
    """Turn one pydantic error into a problem at a place."""
    name = ".".join(map(str, detail["loc"])) or _("the file")
    words = _WORDS.get(detail["type"])
    if words is None:
        code, what = "KB105", _("{name} is not valid: {why}").format(name=name, why=detail["msg"])
    else:
        code, what = words(name, detail["input"], detail.get("ctx", {}))
    return Problem(code=code, what=what, where=where, next_command="kb check")
