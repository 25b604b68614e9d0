"""Values as people write them."""

import pytest

from recipe_kb.extract.values import Unclear, plain, read_value


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("16", "count", 16),
        ("~16", "count", 16),
        ("16.0", "count", 16),
        ("20,000", "count", 20000),
        ("20.000", "count", 20000),
        ("20_000", "count", 20000),
        ("20k", "count", 20000),
        ("16 (per card)", "count", 16),
        ("16  ← was 96", "count", 16),
        ("16 * 4 = 64", "count", 64),
        ("-1", "count", -1),
        ("2e-5", "number", 2e-5),
        ("2.0E-05", "number", 2e-5),
        ("2\u00d710⁻⁵", "number", 2e-5),
        ("2 x 10^-5", "number", 2e-5),
        ("2 · 10^{-5}", "number", 2e-5),
        (".1", "number", 0.1),
        ("0,06", "share", 0.06),
        ("6%", "share", 0.06),
        ("6 %", "share", 0.06),
        ("0.1 (10%)", "share", 0.1),
        ("10% (0.1)", "share", 0.1),
        ("yes", "flag", True),
        ("Off", "flag", False),
        ("✅", "flag", True),
        ("bật", "flag", True),
        ("adamw_torch (fused)", "text", "adamw_torch"),
    ],
)
def test_a_value_is_read(text, kind, value):
    assert read_value(text, kind)[0] == value


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *[
            (text, "count")
            for text in ("", "many", "16-32", "16 or 32", "16 hoặc 32", "8GB", "32-bit", "> 16", "1.5", "-4")
        ],
        *[(text, "number") for text in ("nan", "inf", "1e999", "fast", "1,2,3", "1" * 400 + "x")],
        *[(text, "share") for text in ("3", "1.5", "-0.1")],
        *[(text, "flag") for text in ("auto", "2", "")],
        *[(text, "text") for text in ("", "none", "auto")],
    ],
)
def test_what_is_no_value_is_not_guessed(text, kind):
    with pytest.raises(Unclear):
        read_value(text, kind)


def test_the_place_of_a_value_is_the_number_alone():
    value, start, end, behind = read_value("~16  ← was 96", "count")
    assert (value, start, end) == (16, 1, 3)
    assert "was 96" in behind


@pytest.mark.parametrize(
    ("cell", "text"),
    [("**`adamw_torch`**", "adamw_torch"), ("_64_", "64"), ("fp16_opt_level", "fp16_opt_level"), ("*2e-5*", "2e-5")],
)
def test_marks_of_markdown_are_no_part_of_a_value(cell, text):
    assert plain(cell) == text
