"""Files that are no configuration of anybody: a clear error each, in time, and nothing is run."""

import time
from pathlib import Path

import pytest

from recipe_kb.errors import BadInputError
from recipe_kb.extract.decode import MAX_BYTES
from recipe_kb.extract.read import configurations_in

SECONDS = 1.0
PAIR = "batch_size: 8\nlearning_rate: 1e-5\n"


def grown(depth, join):
    """YAML whose aliases double or multiply at each line."""
    lines = [f"k0: &k0 {join(['8'] * 9)}"]
    lines += [f"k{n}: &k{n} {join([f'*k{n - 1}'] * 9)}" for n in range(1, depth)]
    return "\n".join([*lines, PAIR])


REFUSED = {
    "list-bomb.yaml": (grown(9, lambda items: f"[{', '.join(items)}]"), "KB436", "aliases"),
    "map-bomb.yaml": (
        grown(9, lambda items: "{" + ", ".join(f"x{n}: {item}" for n, item in enumerate(items)) + "}"),
        "KB436",
        "aliases",
    ),
    "object.yaml": ("!!python/object/apply:os.system ['false']\n" + PAIR, "KB436", "Python object"),
    "object-inside.yaml": (PAIR + "hook: !!python/name:os.system\n", "KB436", "Python object"),
    "deep-list.yaml": ("[" * 100_000, "KB436", "nested too deeply"),
    "deep-map.yaml": ("{a: " * 50_000, "KB436", "nested too deeply"),
    "deep-blocks.yaml": ("\n".join(" " * n + f"a{n}:" for n in range(300)), "KB436", "nested too deeply"),
    "tabs.yaml": ("train:\n\tbatch_size: 8\n  lr: 1e-5\n", "KB436", "tab"),
    "deep.json": ("[" * 100_000, "KB436", "nested too deeply"),
    "deep-object.json": ('{"a":' * 100_000, "KB436", "nested too deeply"),
    "cut.json": ('{"batch_size": 8,', "KB436", "not valid JSON"),
    "many.json": ('{"a":1' + ',"batch_size":8' * 30_000 + "}", "KB436", "values"),
    "deep.toml": ("a=" + "[" * 100_000, "KB436", "nested too deeply"),
    "broken.toml": ("a = = 1", "KB436", "not valid TOML"),
    "deep.py": ("(" * 100_000, "KB436", "brackets inside"),
    "minus.py": ("-" * 100_000 + "1", "KB436", "nested too deeply"),
    "chain.py": ("a" + ".b" * 100_000, "KB436", "nested too deeply"),
    "sum.py": ("x = " + "1+" * 100_000 + "1", "KB436", "nested too deeply"),
    "null.py": ("batch_size = 8\0", "KB436", "null"),
    "arguments.py": ("f(" + "batch_size=8," * 30_000 + ")", "KB436", "values"),
    "broken.ipynb": ("{", "KB435", "not valid JSON"),
    "list.ipynb": ("[]", "KB435", "not a notebook"),
    "deep.ipynb": ('{"cells":' + "[" * 100_000, "KB435", "nested too deeply"),
    "binary.yaml": (bytes(range(256)) * 100, "KB431", "not text"),
    "program.md": (b"\x7fELF\x02\x01\x01\0" + b"\0" * 500, "KB431", "not text"),
    "image.json": (b"\x89PNG\r\n\x1a\n" + b"\0\xff" * 400, "KB431", "not text"),
    "large.yaml": ("a" * (MAX_BYTES + 1), "KB430", "too large"),
    "long.md": ("a\n" * 20_001, "KB430", "too long"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_said(name, store):
    content, code, words = REFUSED[name]
    start = time.process_time()
    with pytest.raises(BadInputError) as caught:
        configurations_in(content, name, store)
    assert time.process_time() - start < SECONDS
    (problem,) = caught.value.problems
    assert problem.code == code
    assert words in problem.what
    assert problem.where.startswith(name)


def test_a_hundred_megabytes_are_not_read(tmp_path, store):
    path = tmp_path / "large.md"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)
    start = time.process_time()
    with pytest.raises(BadInputError, match=r"100\.0 MB, at most 0\.5 MB"):
        configurations_in(path, "large.md", store)
    assert time.process_time() - start < SECONDS


def test_nothing_is_run(tmp_path, store):
    mark = tmp_path / "ran"
    touch = f"open({str(mark)!r}, 'w').close()"
    for name, content in {
        "a.py": f"{touch}\nbatch_size = 8\nlearning_rate = 1e-5\n",
        "a.yaml": f'x: !!python/object/apply:eval ["{touch}"]\n{PAIR}',
        "a.sh": f"touch {mark}\nBATCH_SIZE=$(touch {mark})\nLR=1e-5\nTRAIN_BATCH_SIZE=8\n",
        "a.ipynb": f'{{"cells": [{{"cell_type": "code", "source": ["!touch {mark}\\n", "batch_size = 8"]}}]}}',
    }.items():
        try:
            configurations_in(content, name, store)
        except BadInputError as error:
            assert "Python object" in str(error)  # noqa: PT017 - only the YAML is refused
    assert not mark.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (PAIR.encode("utf-16"), "UTF-16"),
        (PAIR.encode("utf-16-be"), "UTF-16-BE"),
        (("# caf\u00e9\n" + PAIR).encode("cp1252"), "Windows-1252"),
        (("# Ph\u00e9n na\u00efvet\u00e9 \u00fc\n" + PAIR).encode("mac-roman"), "Mac Roman"),
    ],
)
def test_other_encodings_are_read_and_named(content, words, store):
    extracted = configurations_in(content, "a.yaml", store)
    assert [setting.value for setting in extracted.configurations[0].settings] == [8, 1e-5]
    (warning,) = extracted.warnings
    assert warning.code == "KB432"
    assert words in warning.what


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
def test_any_line_end_counts_the_same_lines(ending, store):
    text = "# one\n\n```yaml\nbatch_size: 8\nlearning_rate: 1e-5\n```\n".replace("\n", ending)
    (found,) = configurations_in(text.encode(), "a.md", store).configurations
    assert [setting.line for setting in found.settings] == [4, 5]


def test_one_broken_fence_does_not_hide_the_next(store):
    text = "```yaml\nx: !!python/object:os.system {}\n```\n\n```yaml\n" + PAIR + "```\n"
    extracted = configurations_in(text, "a.md", store)
    assert len(extracted.configurations) == 1
    assert [(one.code, one.where) for one in extracted.warnings] == [("KB436", "a.md:2")]


def test_a_document_without_end_is_cut_and_says_so(store):
    text = "```yaml\nbatch_size: 8\n```\n" * 1_500
    extracted = configurations_in(text, "a.md", store)
    assert len(extracted.configurations) == 1_000
    assert [one.code for one in extracted.warnings] == ["KB437"]


def test_a_file_that_is_not_there(store):
    with pytest.raises(BadInputError) as caught:
        configurations_in(Path("/no/such/file.md"), "file.md", store)
    assert caught.value.problems[0].code == "KB434"
