"""Text -> the syntax tree of Python; what a guide cuts out of a program is put back into one."""

import ast
import warnings

from recipe_kb.extract.broken import python_fault
from recipe_kb.extract.found import NotThisKindError
from recipe_kb.i18n import _


def fragment(text: str) -> tuple[ast.Module, list[str]]:
    """Parse a text, or what a guide cuts out of one: indented lines, arguments without their call.

    Returns:
        The tree, and the lines that had to be put before the text.

    Raises:
        NotThisKindError: It is no Python, or too deep.
    """
    try:
        return parsed(text), []
    except NotThisKindError as error:
        if error.fatal:
            raise
        for before, after in (("if 1:", ""), ("arguments(", ")")):
            try:
                return parsed(f"{before}\n{text}\n{after}"), [before]
            except NotThisKindError:
                continue
        raise


def parses(text: str) -> bool:
    """Say whether a text is Python."""
    try:
        parsed(text)
    except NotThisKindError:
        return False
    return True


def parsed(text: str) -> ast.Module:
    """Parse a text.

    Raises:
        NotThisKindError: It is no Python, or too deep.
    """
    if "\0" in text:
        raise NotThisKindError(_("holds a null character"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in somebody's script is no matter of ours
            return ast.parse(text)
    except SyntaxError as error:
        column = error.offset - 1 if error.offset else None
        raise NotThisKindError(python_fault(error.msg), error.lineno, column) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise NotThisKindError(_("is nested too deeply"), fatal=True) from error
