"""What a file is written in: its name says it, else its content."""

import re
from itertools import pairwise
from pathlib import Path

from recipe_kb.extract.decode import MAX_BYTES, MAX_NOTEBOOK_BYTES

SUFFIXES = {
    **dict.fromkeys((".md", ".markdown", ".mdx", ".qmd", ".rmd", ".mkd"), "markdown"),
    **dict.fromkeys((".yaml", ".yml"), "yaml"),
    **dict.fromkeys((".json", ".jsonc", ".json5"), "json"),
    ".toml": "toml",
    ".ipynb": "notebook",
    **dict.fromkeys((".py", ".pyi", ".pyw"), "python"),
    **dict.fromkeys(
        (".sh", ".bash", ".zsh", ".env", ".args", ".slurm", ".sbatch", ".ps1", ".bat", ".cmd", ".mk"), "shell"
    ),
    **dict.fromkeys((".ini", ".cfg", ".conf", ".properties", ".txt"), "text"),
}
"""End of a file's name -> its kind."""
NAMES = {"makefile": "shell", "dockerfile": "shell", ".env": "shell"}
DOCUMENTS = frozenset({"markdown", "notebook"})
"""Kinds that hold others."""

_LOOKED_AT = 400
"""Lines that tell what a text is."""
_FENCED = re.compile(r"^\s{0,3}(?:```|~~~)", re.MULTILINE)
_PROGRAM = re.compile(r"(?:#!|import\s|from\s+[\w.]+\s+import\s|\"{3}|'{3}|# -\*-)")
_RULE = re.compile(r"[\s|:]*-[\s|:\-]*")
"""The second line of a table."""


def kind_of(name: str) -> str:
    """Return what a file's name says about its kind; empty if nothing."""
    path = Path(name)
    return NAMES.get(path.name.lower()) or SUFFIXES.get(path.suffix.lower(), "")


def kind_of_content(content: bytes | str) -> str:
    """Return the kind that can be told without reading a text as each: a notebook; empty for all others."""
    if isinstance(content, bytes):
        is_notebook = content[:200].lstrip()[:1] == b"{" and b'"cells"' in content and b'"nbformat"' in content
    else:
        is_notebook = content[:200].lstrip()[:1] == "{" and '"cells"' in content and '"nbformat"' in content
    return "notebook" if is_notebook else ""


def limit_of(kind: str) -> int:
    """Return how many bytes of a kind are read."""
    return MAX_NOTEBOOK_BYTES if kind == "notebook" else MAX_BYTES


def is_document(lines: list[str]) -> bool:
    """Say whether a text whose name does not tell is Markdown: it has a fence or a table, and begins as no program.

    A line of `#` alone does not tell: it is a heading there, and a comment everywhere else.
    """
    lines = lines[:_LOOKED_AT]
    text = "\n".join(lines)
    if _PROGRAM.match(text.lstrip()):
        return False
    tables = (
        "|" in first and "|" in second[:200] and _RULE.fullmatch(second[:200]) for first, second in pairwise(lines)
    )
    return _FENCED.search(text) is not None or any(tables)
