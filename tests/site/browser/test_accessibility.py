"""No serious finding of axe-core on any kind of page, in both languages and both colour schemes."""

import pytest
from kinds import KINDS, LANGUAGES

GRAVE = {"serious", "critical"}
ALL = {"resultTypes": ["violations"]}
CONTRAST = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}
"""Nothing else changes with the colours."""


def grave(page, options=ALL):
    found = page.evaluate("(options) => axe.run(options)", options)["violations"]
    return [(one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in found if one["impact"] in GRAVE]


@pytest.fixture(scope="module")
def axe():
    """The script of axe-core."""
    reason = "axe-playwright-python is not installed: pip install -e '.[dev]'"
    return pytest.importorskip("axe_playwright_python.base", reason=reason).AXE_SCRIPT


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_no_serious_finding(visit, axe, kind, language):
    page = visit(f"{language}/{KINDS[kind]}")
    if kind == "picker":
        page.locator("#answer table").wait_for()
    assert page.locator("body").get_attribute("data-md-color-scheme") == "default"
    page.evaluate(axe)
    light = grave(page)
    page.add_style_tag(content="* { transition: none !important }")
    page.evaluate("document.body.setAttribute('data-md-color-scheme', 'slate')")
    assert light == []
    assert grave(page, CONTRAST) == []


def test_it_would_find_something(visit, axe):
    page = visit("en/gpus/t4/")
    page.evaluate("document.querySelector('article').append(document.createElement('img'))")
    page.evaluate(axe)
    assert [name for name, _nodes in grave(page)] == ["image-alt"]
