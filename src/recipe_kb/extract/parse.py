"""A part -> what it says, read as the kind that it claims to be, or as the one that gives most."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from recipe_kb.extract.found import NotThisKindError, Parsed, Part
from recipe_kb.extract.names import Names
from recipe_kb.extract.parts import without_magics
from recipe_kb.extract.understood import Understood

_SHELL = re.compile(r"(?:^|\s)--[A-Za-z]\w+|^\s*(?:export\s+)?[A-Z_]{3,}=\S|^#!.*sh\b", re.MULTILINE)
_PYTHON = re.compile(r"^(?:import|from|def|class|@)\s|^\w+\s*=\s*[\w.]+\(|\w\[[\"']", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What reading a part gave.

    Attributes:
        kind: What it was read as.
        parsed: None where it could not be read.
        found: Every entry with what it means.
        failed: Why it is not of the kind that it claims to be.
    """

    kind: str
    parsed: Parsed | None
    found: Sequence[Understood]
    failed: NotThisKindError | None = None


def readers() -> Mapping[str, Callable[[str], Parsed]]:
    """Return the reader of each kind that is not made of others; a kind's library is imported with it."""
    from recipe_kb.extract.kinds import json, python, shell, text, toml, yaml

    return {
        "json": json.read,
        "python": python.read,
        "shell": shell.read,
        "text": text.read,
        "toml": toml.read,
        "yaml": yaml.read,
    }


def parse(part: Part, names: Names, *, alone: bool) -> Outcome:
    """Read a part.

    Args:
        part: Of a document, or a whole file.
        names: Say what is worth something.
        alone: It is a whole file, whose name says its kind and which must keep the rules of that.
    """
    if part.parsed is not None:
        return Outcome(kind=part.kind, parsed=part.parsed, found=names.understand(part.parsed.entries))
    by_kind = readers()
    text = part.text
    if part.kind == "python":
        text = "\n".join(without_magics(text.split("\n")))
    strict = part.kind in by_kind
    order = [part.kind] if strict else _candidates(text)
    best, failed = _best(order, text, by_kind, names)
    if failed is not None and (strict or failed.fatal) and (alone or failed.fatal):
        return Outcome(kind=part.kind or "text", parsed=None, found=(), failed=failed)
    if part.kind == "python":
        best = _with_commands(part, best, by_kind, names)
    if _worth(best.found) == 0 and strict and not alone:
        for kind in ("text", "shell"):
            other, _failed = _best([kind], text, by_kind, names)
            if _worth(other.found):
                return Outcome(kind=part.kind, parsed=other.parsed, found=other.found)
    return best


def _best(
    order: Sequence[str], text: str, by_kind: Mapping[str, Callable[[str], Parsed]], names: Names
) -> tuple[Outcome, NotThisKindError | None]:
    """Read a text as each of some kinds; the first that understands most is it."""
    best = Outcome(kind=order[0], parsed=None, found=())
    failed = None
    for kind in order:
        try:
            parsed = by_kind[kind](text)
        except NotThisKindError as error:
            failed = failed or error
            if error.fatal:
                return best, error
            continue
        found = names.understand(parsed.entries)
        if best.parsed is None or _worth(found) > _worth(best.found):
            best = Outcome(kind=kind, parsed=parsed, found=found)
    return best, failed


def _worth(found: Sequence[Understood]) -> int:
    return sum(one.name is not None and not (one.entry.computed and one.weak) for one in found)


def _with_commands(part: Part, best: Outcome, by_kind: Mapping[str, Callable[[str], Parsed]], names: Names) -> Outcome:
    """Add what the command lines of a notebook (`!python train.py --lr 2e-5`) say."""
    lines = [line if line.lstrip().startswith(("!", "%env")) else "" for line in part.text.split("\n")]
    if not any(lines):
        return best
    commands = by_kind["shell"]("\n".join(lines))
    comments = best.parsed.comments if best.parsed else {}
    entries = sorted([*(best.parsed.entries if best.parsed else ()), *commands.entries], key=lambda entry: entry.line)
    return Outcome(kind="python", parsed=Parsed(entries=entries, comments=comments), found=names.understand(entries))


def _candidates(text: str) -> list[str]:
    """Return the kinds that a text without a name may be of, the strictest first."""
    if text.lstrip().startswith(("{", "[")):
        return ["json", "toml", "yaml", "python", "text"]
    kinds = ["shell"] if _SHELL.search(text) else []
    if _PYTHON.search(text):
        kinds.append("python")
    if re.search(r"^\[", text, re.MULTILINE):
        return [*kinds, "yaml", "toml", "text"]
    return [*kinds, "yaml", "text"]
