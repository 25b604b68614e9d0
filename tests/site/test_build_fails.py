"""A broken link, a missing picture, a wrong reference or a missing translation never becomes a page."""

import pytest

from recipe_kb.errors import BadInputError, FindingError
from recipe_kb.site.build import build_site
from recipe_kb.site.check import translation_problems


def test_a_tiny_site_builds_and_replaces_the_old_one(tiny):
    built = build_site(tiny)
    assert dict(built.num_pages) == {"en": 2, "vi": 2}  # the start page and 404
    assert (tiny.site / "index.html").is_file()
    (tiny.site / "old").write_text("", encoding="utf-8")
    build_site(tiny)
    assert not (tiny.site / "old").exists()
    assert not (tiny.build / "new").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[broken](nowhere.md)", "nowhere.md"),
        ("[broken](#nowhere)", "nowhere"),
        ("![missing](picture.png)", "picture.png"),
    ],
)
def test_a_link_to_nothing_fails_the_build_and_the_old_site_stays(tiny, text, says):
    tiny.site.mkdir(parents=True)
    (tiny.site / "old").write_text("", encoding="utf-8")
    path = tiny.docs / "vi" / "index.md"
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    with pytest.raises(FindingError) as error:
        build_site(tiny)
    assert any(says in problem.what and problem.where == "vi" for problem in error.value.problems)
    assert (tiny.site / "old").is_file()


def test_a_page_that_the_navigation_forgets_fails_the_build(tiny):
    (tiny.docs / "en" / "new.md").write_text("# New {#new}\n", encoding="utf-8")
    with pytest.raises(FindingError) as error:
        build_site(tiny)
    assert "new.md" in str(error.value)


def test_a_wrong_reference_fails_the_build_at_its_line(tiny):
    (tiny.docs / "en" / "index.md").write_text("# Start\n\n{{ gpu('t4', 'nothing') }}\n", encoding="utf-8")
    with pytest.raises(BadInputError) as error:
        build_site(tiny)
    assert error.value.problems[0].where == "docs/en/index.md:3"


def test_a_missing_translation_is_a_finding(tiny):
    (tiny.docs / "vi" / "index.md").unlink()
    assert [problem.where for problem in translation_problems(tiny)] == ["docs/vi/index.md"]
