import pytest

from recipe_kb import i18n
from recipe_kb.probe.ending import judge_ending
from recipe_kb.schema import reasons
from recipe_kb.schema.reasons import in_language

TEMPLATES = {name: value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_reason_is_found_again_and_translated(name):
    import re

    template = TEMPLATES[name]
    values = {field: f"<{field}>" for field in re.findall(r"{(\w+)}", template)}
    english = template.format(**values)
    assert in_language(english) == english
    i18n.activate("vi")
    vietnamese = in_language(english)
    assert vietnamese != english
    assert all(value in vietnamese for value in values.values())


def test_somebody_elses_words_stay():
    i18n.activate("vi")
    reason = judge_ending(1, "ValueError: bad: worse").reason
    assert in_language(reason).endswith(": ValueError: bad: worse")
    assert not in_language(reason).startswith("exit code")
    assert in_language("something unheard of") == "something unheard of"
