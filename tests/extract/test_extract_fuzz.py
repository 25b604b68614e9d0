"""Whatever is written in whatever kind: an answer or a clear error, never a crash."""

import string
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recipe_kb.errors import BadInputError
from recipe_kb.extract.kind import SUFFIXES
from recipe_kb.extract.mojibake import repair
from recipe_kb.extract.read import configurations_in

NAMES = sorted({f"a{suffix}" for suffix in SUFFIXES} | {"a", "Makefile", "-"})
PIECES = st.sampled_from(
    [
        *("batch_size", "learning_rate", "lr", "fp16", "8", "1e-5", "true", ": ", " = ", "\n", "\n\n", "  ", "\t", "|"),
        *("|---|---|\n", "```yaml\n", "```python\n", "```\n", "# ", "CONFIG['batch_size'] = ", "TrainingArguments("),
        *(")", "{", "}", "[", "]", '"', "'", ",", "--lr ", "\\\n", "<<: *a", "&a ", "*a", "!!python/object:x ", "- "),
        *(
            "$X",
            "${X:-8}",
            "🔥",
            "\u00e2\u0161\u00a0",
            "ế",
            "before",
            "after",
            "| Setting | Old | New |\n",
            ">>> ",
            "!",
        ),
        *('{"cells": [{"cell_type": "code", "source": ["', '"]}]}', "%"),
    ]
)
TEXTS = st.one_of(
    st.lists(PIECES, max_size=40).map("".join),
    st.text(max_size=300),
    st.text(alphabet=string.printable, max_size=300),
)
QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check(content, name, store):
    start, refused = time.process_time(), []
    try:
        extracted = configurations_in(content, name, store)
    except BadInputError as error:
        refused = [problem.code for problem in error.problems]
        extracted = None
    finally:
        assert time.process_time() - start < 1
    if extracted is None:
        assert len(refused) == 1
        assert refused[0].startswith("KB43")
        return
    for configuration in extracted.configurations:
        assert configuration.settings or configuration.not_understood
        assert 1 <= configuration.lines[0] <= configuration.lines[1]
        for setting in configuration.settings:
            assert configuration.lines[0] <= setting.line <= configuration.lines[1]
            assert isinstance(setting.value, int | float | str | bool | None)


@QUICK
@given(content=TEXTS, name=st.sampled_from(NAMES))
def test_any_text_in_any_kind(content, name, store):
    check(content, name, store)


@QUICK
@given(content=st.binary(max_size=300), name=st.sampled_from(NAMES))
def test_any_bytes_in_any_kind(content, name, store):
    check(content, name, store)


@QUICK
@given(text=st.text(alphabet="\u00e2\u0161\u00ef\u00b8\u00c3\u00a9ạếĐ√·\u201aÄúabc \u00a0\u008f🔥", max_size=40))
def test_repair_keeps_lines_and_settles(text):
    once, _broken = repair([text])
    assert len(once) == 1
    assert "\n" not in once[0] or "\n" in text


@pytest.mark.parametrize("encoding", ["cp1252", "mac-roman"])
@QUICK
@given(text=st.text(alphabet="aạăâđêếềểễệôơưý ✅⚠🔥→", min_size=1, max_size=40))
def test_what_was_broken_once_comes_back(encoding, text):
    try:
        broken = text.encode().decode(encoding)
    except UnicodeDecodeError:
        return  # cp1252 has no letter for five bytes
    assert repair([broken])[0] == [text]
