"""The knowledge base and the language of the person, borrowed for a moment from a process that is not ours."""

import gettext
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from recipe_kb import i18n
from recipe_kb.cli.group import Session
from recipe_kb.errors import Problem
from recipe_kb.i18n import _
from recipe_kb.store.location import default_root
from recipe_kb.store.store import Store


@contextmanager
def kb_session() -> Iterator[Session]:
    """Speak the person's language while the block runs, and leave the process as it was.

    Raises:
        pytest.UsageError: There is no knowledge base where `KB_ROOT` says.
    """
    spoken, variable, domain = i18n.language(), os.environ.get("LANGUAGE"), gettext.textdomain()
    i18n.activate(i18n.choose(None, os.environ))
    try:
        root = default_root()
        if not (root / "gpus").is_dir():
            what = _("There is no knowledge base here: no folder gpus/. Is KB_ROOT right?")
            problem = Problem(code="KB212", what=what, where=str(root), next_command="unset KB_ROOT")
            raise pytest.UsageError(str(problem))
        yield Session(store=Store(root), language=i18n.language(), quiet=True)
    finally:
        i18n.activate(spoken)
        gettext.textdomain(domain)
        if variable is None:
            os.environ.pop("LANGUAGE", None)
        else:
            os.environ["LANGUAGE"] = variable
