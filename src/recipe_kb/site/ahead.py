"""Answers of many recipes, worked out ahead by all cores: predicting one takes longer than writing all its pages."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from recipe_kb.errors import KbError
from recipe_kb.resolve.answer import Answer
from recipe_kb.site.facts import Facts
from recipe_kb.store.store import Store

_MANY = 100
"""Starting the processes takes as long as some answers, so few recipes are answered where they are asked for."""
_AT_ONCE = 10


def answer_ahead(facts: Facts, *, many: int = _MANY) -> int:
    """Work out every answer, if there are many; `facts` then has them.

    Returns:
        How many were worked out; one that fails is left to who asks for it, and so is its error.
    """
    ids = [str(key) for key in facts.store.recipe_keys()]
    if len(ids) < many:
        return 0
    count = 0
    work = partial(_answers, facts.store.root)
    # A fresh process each: a fork of one that serves pages would inherit its locks.
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for answers in pool.map(work, _portions(ids)):
            for answer in answers:
                facts.keep(answer)
                count += 1
    return count


def _portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]


def _answers(root: Path, ids: Sequence[str]) -> list[Answer]:
    facts = Facts(Store(root))
    found = []
    for recipe_id in ids:
        try:
            answer = facts.answer(recipe_id)
        except (KbError, LookupError):
            continue
        memory = replace(answer.memory, find_interval=partial(_known, answer.memory.interval))
        found.append(replace(answer, memory=memory))
    return found


def _known(interval: tuple[int, int]) -> tuple[int, int]:
    return interval
