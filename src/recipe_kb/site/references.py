"""Guides take their numbers from the knowledge base: `{{ recipe('t4/biobert/8t-512-full', 'settings.optim') }}`.

What is in code, in a line or in a block, is never rendered: commands and configurations are shown as they are.
"""

import re
from collections.abc import Callable

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.schema.base import Text
from recipe_kb.site.blocks.registry import BLOCKS
from recipe_kb.site.changed import name_of
from recipe_kb.site.facts import Facts, NoSuchFactError
from recipe_kb.site.markup import as_text, block
from recipe_kb.site.referred import FILTERS, Referred

CODE = re.compile(
    r"^(?P<fence>`{3,}|~{3,})[^\n]*\n.*?^(?P=fence)[`~]*[ ]*$|(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)",
    re.DOTALL | re.MULTILINE,
)
"""Blocks of code, and code in a line."""
_FOLDERS = {"recipe": "recipes", "gpu": "gpus", "model": "models", "rule": "rules", "claim": "claims"}
_KEPT = "\x00{}\x00"
_TEMPLATE = "<template>"


def render(body: str, facts: Facts, where: str, first_line: int = 1) -> str:
    """Fill the references of a guide in, in the active language.

    Args:
        body: Markdown without front matter.
        facts: Where the values come from.
        where: The file, as problems print it.
        first_line: Of the body in the file.

    Raises:
        BadInputError: A reference to nothing, or a syntax error; with its line.
    """
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return _KEPT.format(len(kept) - 1) + "\n" * match[0].count("\n")

    template = CODE.sub(keep, body)
    try:
        filled = _environment(facts).from_string(template).render()
    except (TemplateError, NoSuchFactError, TypeError, ValueError, ArithmeticError) as error:
        line = first_line - 1 + _line_of(error)
        problem = Problem(code="KB403", what=str(error), where=f"{where}:{line}", next_command="kb site check")
        raise BadInputError(problem) from error
    restored = re.compile(r"\x00(\d+)\x00(\n*)")
    return restored.sub(lambda match: kept[int(match[1])] + match[2][kept[int(match[1])].count("\n") :], filled)


def reference_calls(body: str) -> list[str]:
    """Return the references of a guide in order, as written, without blanks."""
    return ["".join(found.split()) for found in re.findall(r"\{\{(.*?)\}\}", CODE.sub("", body), re.DOTALL)]


def _environment(facts: Facts) -> SandboxedEnvironment:
    # The usual `{#` would take the `{#id}` of a heading for the start of a comment.
    environment = SandboxedEnvironment(
        undefined=StrictUndefined,
        comment_start_string="{##",
        comment_end_string="##}",
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.globals.clear()
    for kind in ("recipe", "gpu", "model", "rule", "claim", "figure"):
        environment.globals[kind] = _function(facts, kind)
    environment.globals["predicted"] = _of_prediction(facts)
    environment.globals["evidence"] = _of_evidence(facts)
    environment.globals["constant"] = _of_program(facts)
    for kind, folder in _FOLDERS.items():
        environment.globals[f"{kind}_link"] = _link(facts, kind, folder)
    for name, make in BLOCKS.items():
        environment.globals[name] = _block(facts, make)
    environment.filters.clear()
    environment.filters.update(FILTERS)
    return environment


def _function(facts: Facts, kind: str) -> Callable[[str, str], Referred]:
    return lambda record_id, path: _scalar(facts, kind, record_id, path)


def _of_prediction(facts: Facts) -> Callable[..., Referred]:
    """Return a function that predicts a recipe as it stands, or with the settings that it is given."""
    return lambda recipe_id, path, **changes: _scalar(facts, "predicted", name_of(recipe_id, changes), path)


def _block(facts: Facts, make: Callable[..., Markup]) -> Callable[..., str]:
    return lambda *args, **options: block(make(facts, *args, **options))


def _of_evidence(facts: Facts) -> Callable[[str, str], Referred]:
    return lambda recipe_id, path: _scalar(facts, "evidence", facts.newest_evidence(recipe_id), path)


def _of_program(facts: Facts) -> Callable[[str], Referred]:
    def constant(name: str) -> Referred:
        part, _dot, path = name.partition(".")
        return _scalar(facts, "constant", part, path)

    return constant


def _scalar(facts: Facts, kind: str, record_id: str, path: str) -> Referred:
    value = facts.find(kind, record_id, path)
    source = f"{kind}:{record_id}#{path}"
    if not isinstance(value, bool | int | float | str | Text):
        raise NoSuchFactError(_("{name} is not one value").format(name=source))
    return Referred(value=value, source=source)


def _link(facts: Facts, kind: str, folder: str) -> Callable[..., str]:
    """Return a function that writes a link to the page of a record; guides all lie in one folder."""

    def link(record_id: str, words: str = "") -> str:
        if record_id not in facts.ids(kind):
            facts.find(kind, record_id, "")
        shown = as_text(words) if words else f"`{record_id}`"
        page = f"claims/{record_id[:3]}.md#c{record_id}" if kind == "claim" else f"{folder}/{record_id}.md"
        return f"[{shown}]({page})"

    return link


def _line_of(error: BaseException) -> int:
    """Return the line of the template in which an error was raised."""
    line = getattr(error, "lineno", None)
    if isinstance(line, int):
        return line
    trace, found = error.__traceback__, 1
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _TEMPLATE:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found
