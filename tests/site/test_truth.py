"""The check of values must see every way in which a page can disagree with the knowledge base."""

import math
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from checkout import ROOT
from recipe_kb import i18n
from recipe_kb.site.build import pages_in
from recipe_kb.site.facts import Facts
from recipe_kb.site.place import place_of
from recipe_kb.site.referred import FILTERS, Referred
from recipe_kb.site.truth import Reading, fault, marks, truth_problems
from recipe_kb.store.store import Store

FIGURES = ROOT / "docs" / "data" / "figures"
READING = Reading(ROOT / "kb", FIGURES)


def shown(source, form=None, **how):
    kind, _colon, rest = source.partition(":")
    record_id, _hash, path = rest.partition("#")
    value = Referred(value=Facts(Store(ROOT / "kb"), FIGURES).find(kind, record_id, path), source=source)
    (mark,) = marks(str(FILTERS[form](value, **how) if form else value))
    return mark


SOURCES = (
    ("recipe:t4/biobert/8t-512-full#settings.learning_rate", None),
    ("recipe:t4/biobert/8t-512-full#settings.learning_rate", "code"),
    ("recipe:t4/biobert/8t-512-full#settings.adam_epsilon", "scientific"),
    ("recipe:t4/biobert/8t-512-full#settings.optim", None),
    ("recipe:t4/biobert/8t-512-full#settings.tf32", "code"),
    ("gpu:t4#memory.torch_total_mib.0", "gib"),
    ("gpu:t4#supports.bf16", None),
    ("model:biobert#parameters.trained", "millions"),
    ("model:qwen2.5-0.5b#parameters.trained", "millions"),
    ("model:biobert#shape.vocab_size", None),
    ("rule:warm-up#constants.encoder_ratio", "percent"),
    ("claim:000-02#numbers.ratio", None),
    ("predicted:t4/biobert/8t-512-full#peak_reserved_bytes", "gib"),
    ("predicted:t4/biobert/8t-512-full#share", "percent"),
    ("figure:memory-accuracy#fixed.median_error", "percent"),
    ("figure:memory-accuracy#num_predicted", None),
    ("figure:memory-accuracy#date", None),
    ("constant:regress#memory_tolerance", "percent"),
    ("constant:probe#timeout_s", None),
)


@pytest.mark.parametrize("language", ["en", "vi"])
@pytest.mark.parametrize(("source", "form"), SOURCES)
def test_what_the_site_writes_is_true(source, form, language):
    i18n.activate(language)
    mark = shown(source, form)
    assert fault(mark, READING, language) is None


@pytest.mark.parametrize(("source", "form"), SOURCES)
def test_other_words_or_another_value_are_seen(source, form):
    mark = shown(source, form)
    changed = mark.words.translate(str.maketrans("0123456789", "1234567890"))
    others = {changed, "yes" if mark.words == "no" else f"{mark.words}9", ""} - {mark.words}
    for words in others:
        assert fault(replace(mark, words=words), READING, "en"), words
    assert fault(replace(mark, value=f"9{mark.value}"), READING, "en")


@pytest.mark.parametrize(
    "source",
    [
        "gpu:t44#sm_count",
        "gpu:t4#no.such",
        "nonsense",
        "recipe:t4#x",
        "gpu:t4#memory.torch_total_mib.x",
        "x:y#z",
        "figure:memory-accuracy#no.such",
        "figure:none#x",
        "constant:regress#none",
        "constant:none#memory",
    ],
)
def test_a_source_that_is_not_there_is_seen(source):
    assert fault(replace(shown("gpu:t4#sm_count"), source=source), READING, "en")


NUMBERS = st.one_of(
    st.integers(0, 10**12), st.floats(1e-9, 1e12, allow_nan=False).map(lambda value: float(f"{value:.6g}"))
)


@given(
    NUMBERS, st.sampled_from(["en", "vi"]), st.sampled_from([None, "code", "gib", "millions", "number", "scientific"])
)
def test_any_number_reads_back(value, language, form):
    if form in {"millions", "number"} or (isinstance(value, float) and form is None and not 1e-6 < value < 1e9):
        value = float(math.floor(value)) if value >= 1 else 1.0
    i18n.activate(language)
    referred = Referred(value=value, source="rule:x#constants.y_bytes")
    (mark,) = marks(str(FILTERS[form](referred) if form else referred))

    class One(Reading):
        def value(self, source):
            return value

    assert fault(mark, One(ROOT), language) is None, mark


def test_one_changed_value_changes_every_page_of_both_languages(other_kb):
    path = other_kb / "gpus" / "t4.yaml"
    place = place_of(Store(ROOT / "kb"), ROOT)
    before = {language: texts(place, Store(ROOT / "kb"), language) for language in ("en", "vi")}
    path.write_text(
        path.read_text(encoding="utf-8").replace("bandwidth_gb_s: 320", "bandwidth_gb_s: 321"), encoding="utf-8"
    )
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["bandwidth_gb_s"] == 321
    for language in ("en", "vi"):
        after = texts(place, Store(other_kb), language)
        changed = {name for name in after if after[name] != before[language][name]}
        assert changed == {"gpus/index", "gpus/t4"}
        assert "321" in after["gpus/t4"]


def texts(place, store, language):
    """Return the pages of GPUs: those of recipes take longer and hold no bandwidth."""
    from recipe_kb.site.languages import speaking
    from recipe_kb.site.pages import gpus

    with speaking(language):
        return {page.path: page.to_markdown() for page in gpus.pages(place, Facts(store))}


def test_a_page_that_was_changed_by_hand_is_found(tmp_path, place):
    page = tmp_path / "en" / "index.html"
    page.parent.mkdir()
    mark = '<data value="320" data-src="gpu:t4#bandwidth_gb_s" data-as="plain">{}</data>'
    page.write_text(mark.format(320), encoding="utf-8")
    assert truth_problems(place, tmp_path, iter(["en"])) == (1, [])
    page.write_text(mark.format(325), encoding="utf-8")
    count, (problem,) = truth_problems(place, tmp_path, iter(["en"]))
    assert (count, problem.code, problem.where) == (1, "KB410", "en/index.html")


def test_pages_in_makes_pages(place, facts):
    assert len(pages_in(place, facts, "en")) > 100
