"""Comments that allow findings, and baselines."""

import pytest

from recipe_kb.errors import BadInputError
from recipe_kb.lint import baseline, example
from recipe_kb.lint.run import lint
from recipe_kb.schema.configuration import Configuration, Context, Written

EVALUATION = "per_device_train_batch_size: 16\nper_device_eval_batch_size: 192"


def linted(store, text):
    configurations, asked, lines = example.read(text)
    return lint(configurations, store, lines, asked, ["eval-batch-ratio", "workers"])


@pytest.mark.parametrize(
    "comment",
    [
        "  # kb: ignore KB503 -- measured on that card",
        "  # kb: ignore KB503,KB504 --measured",
        "  # kb:ignore KB504, KB503 -- measured",
        "  // kb: ignore KB503 -- measured",
        "  <!-- kb: ignore KB503 -- measured -->",
    ],
)
def test_a_comment_on_the_line_allows(store, comment):
    result = linted(store, EVALUATION + comment)
    assert not result.findings
    assert [finding.code for finding in result.suppressed] == ["KB503"]


@pytest.mark.parametrize(
    "comment",
    [
        "  # kb: ignore KB503",
        "  # kb: ignore KB504 -- another one",
        "  # kb: ignored KB503 -- no such word",
        "  # ignore KB503 -- measured",
    ],
)
def test_a_comment_that_allows_nothing(store, comment):
    assert [finding.code for finding in linted(store, EVALUATION + comment).findings] == ["KB503"]


def test_a_comment_above_counts_for_the_next_line_only(store):
    lines = EVALUATION.splitlines()
    inside = f"{lines[0]}\n# kb: ignore KB503 -- measured\n# more words\n\n{lines[1]}\ndataloader_num_workers: 0"
    assert [finding.code for finding in linted(store, inside).findings] == ["KB523"]
    too_early = f"learning_rate: 1\n# kb: ignore KB503 -- measured\n{EVALUATION}"
    assert [finding.code for finding in linted(store, too_early).findings] == ["KB503"]


def test_a_comment_for_the_file(store):
    text = f"# kb: ignore-file KB503 -- quoted as a mistake\n{EVALUATION}\n---\n{EVALUATION}"
    assert not linted(store, text).findings
    assert len(linted(store, text).suppressed) == 2


def fenced(comment, before=""):
    text = f"{before}\n{comment}\n\n```yaml\n# ====\n{EVALUATION}\n```\n\n```yaml\n{EVALUATION}\n```\n"
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines, start=1) if line == "```yaml"]
    return lines, [_configuration(lines, start + 1) for start in starts]


def _configuration(lines, first):
    last = lines.index("```", first) + 0
    settings = []
    for number in range(first, last + 1):
        name, colon, value = lines[number - 1].partition(": ")
        if colon:
            at = {"line": number, "start": len(name) + 2, "end": len(name) + 2 + len(value)}
            settings.append(Written(name=name, value=int(value), written_name=name, written_value=value, **at))
    return Configuration(
        file="guide.md", lines=(first, last), kind="yaml", label="", context=Context(), settings=tuple(settings)
    )


def test_a_comment_before_a_fence_counts_for_the_configuration(store):
    lines, configurations = fenced("<!-- kb: ignore KB503 -- quoted as the mistake -->")
    result = lint(configurations, store, lines)
    assert [(finding.code, finding.line) for finding in result.suppressed] == [("KB503", 7)]
    assert [finding.line for finding in result.findings] == [12]


def test_a_comment_before_other_words_counts_for_those(store):
    lines, configurations = fenced("Other words.", before="<!-- kb: ignore KB503 -- of something else -->")
    assert not lint(configurations, store, lines).suppressed


def test_a_comment_in_the_string_of_a_notebook(store):
    lines = ['    "per_device_train_batch_size = 16\\n",', '    "eval = 192  # kb: ignore KB503 -- measured\\n",']
    given = [("per_device_train_batch_size", 16, 1), ("per_device_eval_batch_size", 192, 2)]
    settings = tuple(
        Written(name=name, value=value, written_name=name, written_value=str(value), line=line)
        for name, value, line in given
    )
    configuration = Configuration(
        file="a.ipynb", lines=(1, 2), kind="notebook", label="", context=Context(), settings=settings
    )
    assert [finding.code for finding in lint([configuration], store, lines).suppressed] == ["KB503"]


def test_a_baseline_covers_what_was_there_though_lines_move(store, tmp_path):
    path = tmp_path / "baseline.json"
    path.write_text(baseline.write(linted(store, EVALUATION).findings), encoding="utf-8")
    known = baseline.read(path)
    moved = linted(store, f"# a comment\n\nlearning_rate: 3e-5\n{EVALUATION}\ndataloader_num_workers: 0").findings
    held = baseline.hold(moved, known)
    assert [finding.code for finding in held.covered] == ["KB503"]
    assert [finding.code for finding in held.new] == ["KB523"]
    assert held.gone == 0


def test_a_baseline_covers_no_more_than_it_counted(store, tmp_path):
    path = tmp_path / "baseline.json"
    path.write_text(baseline.write(linted(store, EVALUATION).findings), encoding="utf-8")
    twice = linted(store, f"{EVALUATION}\n---\n{EVALUATION}").findings
    held = baseline.hold(twice, baseline.read(path))
    assert (len(held.covered), len(held.new)) == (1, 1)
    changed = linted(store, EVALUATION.replace("192", "256")).findings
    assert baseline.hold(changed, baseline.read(path)).gone == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "KB590"), ("{", "KB591"), ("[]", "KB591"), ('{"schema": "x", "findings": []}', "KB591")],
)
def test_a_broken_baseline_is_an_error(tmp_path, content, code):
    path = tmp_path / "baseline.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(BadInputError) as error:
        baseline.read(path)
    assert error.value.problems[0].code == code
    assert error.value.problems[0].next_command
