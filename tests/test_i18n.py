"""Both languages: every message is translated, no placeholder is lost, the choice of language is as documented."""

import re
from decimal import Decimal

import pytest
from babel.core import Locale
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from hypothesis import given
from hypothesis import strategies as st

from checkout import ROOT
from recipe_kb import i18n

CATALOG = ROOT / "src" / "recipe_kb" / "locale" / "vi" / "LC_MESSAGES" / "recipe_kb.po"


def messages():
    with CATALOG.open("rb") as stream:
        catalog = read_po(stream, locale="vi")
    return catalog, [message for message in catalog if message.id]


def test_every_message_is_translated_and_keeps_its_placeholders():
    catalog, found = messages()
    assert len(found) > 200
    for message in found:
        originals = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(strings), message.id
        assert not message.fuzzy, message.id
        assert not list(message.check(catalog)), message.id
        for string in strings:
            assert set(re.findall(r"{[^}]*}", string)) == set(re.findall(r"{[^}]*}", originals[-1])), message.id


@pytest.mark.parametrize(
    ("option", "environ", "expected"),
    [
        ("vi", {"KB_LANG": "en"}, "vi"),
        (None, {"KB_LANG": "vi", "LANG": "en_US.UTF-8"}, "vi"),
        (None, {"LC_ALL": "vi_VN.UTF-8"}, "vi"),
        (None, {"LANG": "vi-VN"}, "vi"),
        (None, {"LANG": "fr_FR.UTF-8"}, "en"),
        (None, {"LANG": "C.UTF-8"}, "en"),
        (None, {}, "en"),
    ],
)
def test_language_is_option_then_variable_then_locale(option, environ, expected):
    assert i18n.choose(option, environ) == expected


def test_activation_changes_our_words():
    i18n.activate("vi")
    assert i18n._("Memory") != "Memory"
    i18n.activate("en")
    assert i18n._("Memory") == "Memory"


def test_numbers_for_reading_follow_the_language():
    assert (i18n.gib(15_633_219_584), i18n.number(1234.5, 1)) == ("14.56 GiB", "1,234.5")
    i18n.activate("vi")
    assert (i18n.gib(15_633_219_584), i18n.number(1234.5, 1)) == ("14,56 GiB", "1.234,5")
    assert i18n.percent(0.125, 1) == "12,5%"


@given(value=st.floats(-1e9, 1e9), digits=st.integers(0, 3), language=st.sampled_from(i18n.LANGUAGES))
def test_numbers_are_those_of_the_locale_data(value, digits, language):
    i18n.activate(language)
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    rounded = Decimal(f"{value:.{digits}f}")
    assert i18n.number(value, digits).replace("-0", "0") == format_decimal(
        rounded, format=pattern, locale=language
    ).replace("-0", "0")


@given(share=st.floats(0, 1e6), digits=st.integers(0, 3), language=st.sampled_from(i18n.LANGUAGES))
def test_percentages_are_those_of_the_locale_data(share, digits, language):
    i18n.activate(language)
    pattern = Locale(language).percent_formats[None].pattern
    pattern = pattern.replace("##0", "##0" + ("." + "0" * digits if digits else ""))
    rounded = Decimal(f"{100 * share:.{digits}f}") / 100
    assert i18n.percent(share, digits) == format_percent(rounded, format=pattern, locale=language)
