"""Every rule against its own examples, and the registry against the folder."""

from pathlib import Path

import pytest

from recipe_kb import i18n
from recipe_kb.extract.read import configurations_in
from recipe_kb.lint import example, rules
from recipe_kb.lint.asked import Asked
from recipe_kb.lint.finding import SEVERITIES
from recipe_kb.lint.fix import fixed
from recipe_kb.lint.registry import RULES
from recipe_kb.lint.rule import page_of
from recipe_kb.lint.run import lint

CASES = [(name, kind, text) for name, rule in RULES.items() for kind in ("GOOD", "BAD") for text in getattr(rule, kind)]


def found(store, text, names=None):
    configurations, asked, lines = example.read(text)
    return lint(configurations, store, lines, asked, names)


def test_the_registry_is_the_folder():
    files = {path.stem for path in Path(rules.__file__).parent.glob("*.py")} - {"__init__"}
    assert {name.replace("-", "_") for name in RULES} == files
    assert all(rule.__name__.rpartition(".")[2] == name.replace("-", "_") for name, rule in RULES.items())


def test_the_codes_are_of_lint_and_given_once():
    codes = [rule.CODE for rule in RULES.values()]
    assert len(set(codes)) == len(codes) >= 25
    assert codes == sorted(codes)
    assert all(code.startswith("KB5") and len(code) == 5 for code in codes)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_has_its_parts(name, store):
    rule = RULES[name]
    assert rule.SEVERITY in SEVERITIES
    assert rule.GOOD
    assert rule.BAD
    known = {
        "rule": store.rule_ids(),
        "source": list(store.sources()),
        "claim": [claim.id for claim in store.claims()],
    }
    for source in rule.SOURCES:
        kind, _colon, record_id = source.partition(":")
        assert record_id in known[kind], source


@pytest.mark.parametrize("name", RULES)
def test_the_page_is_built_the_same_in_both_languages(name):
    english, vietnamese = page_of(RULES[name], "en"), page_of(RULES[name], "vi")
    assert len(english[1]) == len(vietnamese[1]) >= 1
    assert english[0] != vietnamese[0]
    assert len(english[0]) < 120
    assert not any(english[1][number] == vietnamese[1][number] for number in range(len(english[1])))


@pytest.mark.parametrize(("name", "kind", "text"), CASES)
def test_an_example_is_what_it_says(name, kind, text, store):
    code = RULES[name].CODE
    codes = [finding.code for finding in found(store, text).findings]
    assert (code in codes) == (kind == "BAD"), codes


@pytest.mark.parametrize(("name", "kind", "text"), CASES)
def test_an_example_is_read_completely(name, kind, text):
    configurations, _asked, lines = example.read(text)
    for configuration in configurations:
        for setting in configuration.settings:
            assert lines[setting.line - 1][setting.start : setting.end].strip("'\"") == setting.written_value


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, kind, text in CASES if kind == "BAD"])
def test_a_fix_ends_the_finding(name, text, store):
    findings = found(store, text, [name]).findings
    lines = example.read(text)[2]
    after = fixed(lines, findings)
    if not any(finding.edits for finding in findings):
        assert after.lines == lines
        return
    assert after.lines != lines
    unfixed = [finding for finding in findings if not finding.edits]
    again = found(store, "\n".join(after.lines), [name]).findings
    assert len(again) <= len(unfixed)
    assert fixed(after.lines, again).lines == after.lines


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, kind, text in CASES if kind == "BAD"])
def test_a_message_is_in_both_languages(name, text, store):
    english = [finding.message for finding in found(store, text, [name]).findings]
    i18n.activate("vi")
    vietnamese = [finding.message for finding in found(store, text, [name]).findings]
    assert len(english) == len(vietnamese)
    assert not set(english) & set(vietnamese)


READABLE = [
    (name, kind, text)
    for name, kind, text in CASES
    if "\n---\n" not in text and not any(word in text for word in ("num_samples=", "method=", "label="))
]


@pytest.mark.parametrize(("name", "kind", "text"), READABLE)
def test_kb_extract_reads_an_example_the_same(name, kind, text, store):
    configurations, asked, lines = example.read(text)
    context = configurations[0].context
    asked = Asked(
        gpu=context.gpu,
        model=context.model,
        max_length=context.max_length,
        tasks=context.tasks,
        num_gpus=context.num_gpus,
        transformers=asked.transformers,
    )
    file = "example.sh" if configurations[0].kind == "shell" else "example.yaml"
    extracted = configurations_in(text, file, store)
    result = lint(extracted.configurations, store, lines, asked, [name])
    if extracted.configurations or kind == "BAD":
        assert bool(result.findings) == (kind == "BAD"), [extracted, result]
