import pytest

from recipe_kb.site.guide import Guide
from recipe_kb.site.parity import parity_problems

ORIGINAL = """\
# Title {#title}

See [that](memory.md#how) and {{ gpu('t4', 'sm_count') }}.

!!! note "Mind"

    text

```console
$ kb
```

| a | b |
|---|---|
| 1 | 2 |

## Second {#second}
"""


def guide(body):
    return Guide(path=None, where="x.md", meta={}, body=body, first_line=1)


def test_a_translation_of_the_same_structure_is_fine():
    other = ORIGINAL.replace("Title", "Tên").replace("See [that]", "Xem [cái đó]").replace('"Mind"', '"Lưu ý"')
    assert not list(parity_problems(guide(ORIGINAL), guide(other)))


@pytest.mark.parametrize(
    ("old", "new", "aspect"),
    [
        ("{#second}", "{#thứ-hai}", "headings"),
        ("## Second", "### Second", "headings"),
        ("memory.md#how", "memory.md#why", "links"),
        ("'t4'", "'l4'", "references"),
        ("```console", "```text", "code"),
        ("!!! note", "!!! warning", "notes"),
        ("|---|---|", "|---|---|---|", "tables"),
    ],
)
def test_every_difference_is_a_finding(old, new, aspect):
    (problem,) = parity_problems(guide(ORIGINAL), guide(ORIGINAL.replace(old, new)))
    assert problem.code == "KB415"
    assert aspect in problem.what


def test_code_may_hold_anything():
    other = ORIGINAL.replace("$ kb", "$ kb --lang vi\n# [a](b) {{ x }}")
    assert not list(parity_problems(guide(ORIGINAL), guide(other)))
