import pytest

from recipe_kb.site.bare_numbers import bare_numbers, is_allowed
from recipe_kb.site.guide import Guide


def guide(body, **meta):
    return Guide(path=None, where="docs/en/x.md", meta=meta, body=body, first_line=3)


@pytest.mark.parametrize(
    "number",
    ["14.56 GiB", "14,56 GiB", "8 GB", "512 MiB", "50 %", "50%", "3e-5", "2,83e-5", "512 tokens", "9 samples/s",
     "10 mẫu/giây", "65 TFLOP/s", "batch 32", "Batch size 16", "batch of 8", "320 GB/s"],
)  # fmt: skip
def test_a_number_with_its_unit_is_found_at_its_line(number):
    (problem,) = bare_numbers(guide(f"# Title\n\nUse {number} here.\n"))
    assert problem.where == "docs/en/x.md:5"
    assert problem.code == "KB413"


@pytest.mark.parametrize(
    "text",
    [
        "`kb recipe --batch 32` and `3e-5`",
        "```text\nbatch 32, 8 GB, 3e-5\n```",
        "{{ gpu('t4', 'memory.torch_total_mib.0') | gib }} of {{ rule('x', 'constants.y') | percent }}",
        "T4, RTX 3070, BERT-base, Python 3.11, guide 002, claim 002-15, CUDA 12.4",
        "8 tasks and 2 cards",
        "[link](https://example.org/batch-32-8GB)",
        "## Heading {#batch-32}",
    ],
)
def test_what_is_no_bare_number_is_left_alone(text):
    assert not list(bare_numbers(guide(text)))


def test_a_reference_beside_a_bare_number_hides_nothing():
    (problem,) = bare_numbers(guide("{{ gpu('t4', 'sm_count') }}\n\nand 8 GB `code`"))
    assert "8 GB" in problem.what
    assert problem.where == "docs/en/x.md:5"


def test_an_allowance_needs_a_reason():
    assert is_allowed(guide("", allow_bare="figures of others"))
    assert not is_allowed(guide("", allow_bare=True))
    assert not is_allowed(guide("", allow_bare=" "))
    assert not is_allowed(guide(""))
