from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_kb.errors import BadInputError
from recipe_kb.site.accept import accept_page
from recipe_kb.site.check import translation_problems
from recipe_kb.site.facts import Facts
from recipe_kb.site.freshness import accept, content_hash, statuses
from recipe_kb.site.guide import Guide, read_guide
from recipe_kb.site.languages import speaking
from recipe_kb.site.stage import staged_guide


def write(place, language, text, name="index.md"):
    path = place.docs / language / name
    path.write_text(text, encoding="utf-8")
    return path


def found(place):
    return {(language, name): status for language, name, status in statuses(place)}


def test_a_page_goes_from_unmarked_to_current_to_stale(tiny):
    assert found(tiny) == {("en", "index.md"): "original", ("vi", "index.md"): "unmarked"}
    accept_page(tiny, (tiny.docs / "vi" / "index.md").resolve())
    assert found(tiny)["vi", "index.md"] == "current"
    write(tiny, "en", "# Start {#start}\n\nOther   text.\n")
    assert found(tiny)["vi", "index.md"] == "stale"
    accept_page(tiny, (tiny.docs / "vi" / "index.md").resolve())
    assert found(tiny)["vi", "index.md"] == "current"


def test_spacing_alone_makes_nothing_stale(tiny):
    accept_page(tiny, (tiny.docs / "vi" / "index.md").resolve())
    write(tiny, "en", "---\nallow_bare: why\n---\n#  Start  {#start}\n\n\nText.")
    assert found(tiny)["vi", "index.md"] == "current"


def test_missing_and_orphaned_pages_are_seen(tiny):
    write(tiny, "en", "# New {#new}\n", "new.md")
    write(tiny, "vi", "# Cũ {#old}\n", "old.md")
    assert found(tiny)["vi", "new.md"] == "missing"
    assert found(tiny)["vi", "old.md"] == "orphan"
    assert found(tiny)["en", "old.md"] == "missing"
    problems = {problem.where: problem.what for problem in translation_problems(tiny)}
    assert set(problems) == {"docs/vi/index.md", "docs/vi/new.md", "docs/vi/old.md", "docs/en/old.md"}


def test_a_page_written_in_vietnamese_first_has_english_as_its_translation(tiny):
    write(tiny, "vi", "# Mới {#new}\n", "new.md")
    write(tiny, "en", "---\nl10n: {source: vi, source_hash: x}\n---\n# New {#new}\n", "new.md")
    assert found(tiny)["en", "new.md"] == "stale"
    accept_page(tiny, (tiny.docs / "en" / "new.md").resolve())
    assert found(tiny)["en", "new.md"] == "current"


def test_a_stale_page_has_a_dated_banner_under_its_title(tiny, facts):
    path = tiny.docs / "vi" / "index.md"
    path.write_text(accept(tiny, read_guide(tiny, path), "en", date(2026, 11, 20)), encoding="utf-8")
    assert "!!!" not in staged_guide(tiny, facts, read_guide(tiny, path), "vi")
    write(tiny, "en", "# Start {#start}\n\nOther.\n")
    staged = staged_guide(tiny, facts, read_guide(tiny, path), "vi").splitlines()
    title = next(number for number, line in enumerate(staged) if line.startswith("# "))
    assert staged[title + 2].startswith('!!! warning "This translation')
    assert "2026&#45;11&#45;20" in staged[title + 2]


def test_accepting_keeps_the_page_and_its_other_front_matter(tiny):
    path = write(tiny, "vi", "---\nallow_bare: vì sao\n---\n# Bắt đầu {#start}\n\nChữ: `a`.\n")
    accept_page(tiny, path.resolve())
    guide = read_guide(tiny, path)
    assert guide.body == "# Bắt đầu {#start}\n\nChữ: `a`.\n"
    assert guide.meta["allow_bare"] == "vì sao"
    assert guide.meta["l10n"]["reviewed"]


@pytest.mark.parametrize("name", ["docs/en/index.md", "mkdocs.yml", "docs/vi/old.md"])
def test_what_is_no_translation_cannot_be_accepted(tiny, name):
    write(tiny, "vi", "# Cũ {#old}\n", "old.md")
    with pytest.raises(BadInputError) as error:
        accept_page(tiny, (tiny.root / name).resolve())
    assert error.value.problems[0].code == "KB416"


@pytest.mark.parametrize("block", ["---\n[a\n---\n", "---\n- a\n---\n"])
def test_a_front_matter_that_is_none_is_an_error(tiny, block):
    path = write(tiny, "vi", f"{block}# Bắt đầu {{#start}}\n")
    with pytest.raises(BadInputError) as error:
        read_guide(tiny, path)
    assert error.value.problems[0].code == "KB402"


@given(st.text(), st.text())
def test_other_words_have_another_hash(first, second):
    hashes = [content_hash(Guide(path=None, where="", meta={}, body=body, first_line=1)) for body in (first, second)]
    import unicodedata

    words = [unicodedata.normalize("NFC", f"{{}}\n{body}").split() for body in (first, second)]
    assert (hashes[0] == hashes[1]) == (words[0] == words[1])


def test_the_banner_stands_below_the_title_in_the_reader_s_language(tiny):
    english, other = tiny.docs / "en" / "index.md", tiny.docs / "vi" / "index.md"
    other.write_text(
        "---\nl10n: {source: en, source_hash: old, reviewed: '2026-01-01'}\n---\n\n"
        + other.read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    assert english.is_file()
    with speaking("vi"):
        text = staged_guide(tiny, Facts(tiny.store), read_guide(tiny, other), "vi")
    body = text.partition("\n---\n")[2].lstrip("\n")
    assert body.startswith("# Bắt đầu")
    assert "Bản gốc mới hơn" in body
