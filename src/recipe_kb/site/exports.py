"""A recipe in every form that its page shows, to be copied; `kb export` writes more."""

import json
from collections.abc import Iterator

from recipe_kb.dialects.job import Job
from recipe_kb.dialects.registry import dialect
from recipe_kb.i18n import language
from recipe_kb.resolve.answer import Answer

SHOWN = ("yaml", "args", "python", "shell", "accelerate", "lightning", "axolotl", "llamafactory")
"""All dialects but the notebook, whose text nobody copies: its ladder is predicted, which takes half a second each."""


def exports(answer: Answer) -> Iterator[tuple[str, str]]:
    """Yield format and text; the same text that the command prints."""
    job = Job.of(answer)
    for form in SHOWN:
        module = dialect(form)
        if not module.why_not(job):
            yield form, module.write(job)
    yield "json", json.dumps(answer.to_json(language()), ensure_ascii=False, indent=2)
