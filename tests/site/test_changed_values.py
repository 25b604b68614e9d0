"""Change one value in the knowledge base, and every page of both languages that shows it changes, or is found out."""

from html import unescape

import pytest
from small_copy import small_copy

from checkout import ROOT
from recipe_kb.errors import BadInputError
from recipe_kb.i18n import LANGUAGES
from recipe_kb.site.build import pages_in
from recipe_kb.site.facts import Facts
from recipe_kb.site.languages import speaking
from recipe_kb.site.place import place_of
from recipe_kb.site.references import render
from recipe_kb.site.truth import Reading, fault, marks
from recipe_kb.store.store import Store

GUIDE = """\
# Guide

{{ gpu('t4', 'bandwidth_gb_s') }} {{ rule('warm-up', 'constants.encoder_ratio') | percent }}
{{ recipe('t4/biobert/8t-512-full', 'settings.learning_rate') }} {{ claim('000-02', 'numbers.ratio') }}
{{ model('biobert', 'parameters.embeddings') | millions(1) }}
{{ predicted('t4/biobert/8t-512-full', 'share') | percent }}
{{ evidence('t4/biobert/8t-512-full', 'measured.loss_first') | number(2) }}
"""
RECIPE = "t4/biobert/8t-512-full"
EVIDENCE = f"evidence/{RECIPE}/2026-11-22-cpu.json"
CASES = {
    "recipe": (f"recipes/{RECIPE}.yaml", "learning_rate: 3.0e-5", "learning_rate: 3.1e-5", "settings.learning_rate"),
    "gpu": ("gpus/t4.yaml", "bandwidth_gb_s: 320", "bandwidth_gb_s: 321", "bandwidth_gb_s"),
    "model": ("models/biobert.yaml", "embeddings: 22665216", "embeddings: 23665216", "parameters.embeddings"),
    "rule": ("rules/warm-up.yaml", "encoder_ratio: 0.1", "encoder_ratio: 0.2", "constants.encoder_ratio"),
    "claim": ("claims/000.yaml", "ratio: 12", "ratio: 13", "numbers.ratio"),
    "evidence": (EVIDENCE, '"loss_first": 2.3', '"loss_first": 4.3', "measured.loss_first"),
    "predicted": ("gpus/t4.yaml", "torch_total_mib: [14909", "torch_total_mib: [14609", "share"),
}
"""Kind of value -> file, text, other text, path of the value."""
TEXTS = {
    "source": ("sources.yaml", 'title: "BioBERT: a pre', 'title: "Sentinel: a pre', "sources"),
    "remedy": ("remedies.yaml", "the same training with fewer samples at once", "sentinel", f"recipes/{RECIPE}"),
    "term": ("glossary.yaml", "Samples that one GPU computes at once.", "Sentinel.", "glossary"),
    "note": ("gpus/t4.yaml", "There is no bf16 unit", "There is no sentinel", "gpus/t4"),
    "verdict": ("claims/000.yaml", "The ratio is right", "The sentinel is right", "claims/000"),
}


def written(store):
    """Return language and path to the text of every page, generated or a guide."""
    facts, place = Facts(store), place_of(store, ROOT)
    pages = {}
    for language in LANGUAGES:
        pages |= {(language, page.path): page.to_markdown() for page in pages_in(place, facts, language)}
        with speaking(language):
            pages[language, "guide"] = render(GUIDE, facts, "guide.md", 1)
    return pages


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    return written(Store(small_copy(tmp_path_factory.mktemp("before"))))


@pytest.fixture(scope="module")
def changed_values(tmp_path_factory):
    """The store in which every value of `CASES` is another, and its pages."""
    return with_changes(small_copy(tmp_path_factory.mktemp("values")), CASES)


@pytest.fixture(scope="module")
def changed_texts(tmp_path_factory):
    """The same for `TEXTS`."""
    return with_changes(small_copy(tmp_path_factory.mktemp("texts")), TEXTS)


def with_changes(root, cases):
    for relative, old, new, _place in cases.values():
        store = change(root, relative, old, new)
    return store, written(store)


def change(root, relative, old, new):
    path = root / relative
    text = path.read_text(encoding="utf-8")
    assert old in text, (relative, old)
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return Store(root)


def showing(pages, path):
    """Return the pages that show a value, by its source."""
    return {page for page, text in pages.items() if any(mark.source.endswith(path) for mark in marks(text))}


@pytest.mark.parametrize("kind", CASES)
def test_every_page_that_shows_a_value_changes_with_it(before, changed_values, kind):
    *_change, path = CASES[kind]
    source = next(mark.source for mark in marks(before["en", "guide"]) if mark.source.endswith(f"#{path}"))
    assert source.startswith(f"{kind}:")
    shown = showing(before, source)
    assert {page for language, page in shown if language == "en"} == {
        page for language, page in shown if language == "vi"
    }
    assert ("vi", "guide") in shown
    assert len(shown) >= (2 if kind == "claim" else 4)
    store, after = changed_values
    reading = Reading(store.root)
    for page in shown:
        language = page[0]
        (was,) = {mark.value for mark in marks(before[page]) if mark.source == source}
        (now,) = {mark.value for mark in marks(after[page]) if mark.source == source}
        assert was != now
        assert all(fault(mark, reading, language) is None for mark in marks(after[page]))
        # A page that was not made anew is found out.
        assert any(fault(mark, reading, language) for mark in marks(before[page]) if mark.source == source)


@pytest.mark.parametrize("kind", TEXTS)
def test_every_page_that_shows_a_text_changes_with_it(before, changed_texts, kind):
    _relative, old, new, expected = TEXTS[kind]
    _store, after = changed_texts
    old, new = (text.removeprefix("title: ").strip('"') for text in (old, new))
    had = {page for page, text in before.items() if flat(old) in flat(text)}
    assert ("en", expected) in had
    assert (("vi", expected) in had) == (kind == "source")  # the others have a Vietnamese text of their own
    for page in had:
        assert flat(old) not in flat(after[page])
        assert flat(new) in flat(after[page])


def flat(text):
    """Return words as they are read: without the references that markup is made of."""
    return " ".join(unescape(text).split())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_value_that_is_gone_fails_the_build(tmp_path, language):
    store = change(small_copy(tmp_path), "rules/warm-up.yaml", "encoder_ratio: 0.1, ", "")
    with speaking(language), pytest.raises(BadInputError) as error:
        render(GUIDE, Facts(store), "guide.md", 1)
    assert error.value.problems[0].where == "guide.md:3"
