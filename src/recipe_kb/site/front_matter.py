"""The YAML block at the start of a page."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.store.yaml_file import dump

_BLOCK = re.compile(r"\A---\n(.*?)^---\n", re.DOTALL | re.MULTILINE)


def split(text: str, where: str) -> tuple[dict[str, Any], str]:
    """Return the front matter of a page and its body.

    Args:
        text: The whole page.
        where: The file, as problems print it.

    Raises:
        BadInputError: The block is no YAML mapping.
    """
    block = _BLOCK.match(text)
    if block is None:
        return {}, text
    try:
        meta = yaml.safe_load(block[1]) or {}
    except yaml.YAMLError as error:
        raise _odd(where, str(error).splitlines()[0]) from error
    if not isinstance(meta, dict):
        raise _odd(where, _("a mapping of keys to values"))
    return meta, text[block.end() :]


def join(meta: Mapping[str, Any], body: str) -> str:
    """Write a page."""
    return f"---\n{dump(dict(meta))}---\n{body}" if meta else body


def _odd(where: str, why: str) -> BadInputError:
    what = _("the front matter is not valid: {why}").format(why=why)
    return BadInputError(Problem(code="KB402", what=what, where=where, next_command="kb site check"))
