"""What comments say about the effective batch."""

import pytest

from recipe_kb.lint.effective_claims import claims_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Effective = 16*4 = 64", [(64, (16, 4))]),
        ("Effective batch size: 32", [(32, ())]),
        ("Effective batch size: 32 (same!)", [(32, ())]),
        ("Effective batch still = 144", [(144, ())]),
        ("Adjusted to keep effective batch = 96", [(96, ())]),
        ("effective batch size of 128 (better than 80)", [(128, ())]),
        ("Effective batch = 16 * 1 = 16 (TOO SMALL!)", [(16, (16, 1))]),
        ("effective_batch_size: 8 x 4 x 2 = 64", [(64, (8, 4, 2))]),
        ("EFFECTIVE BATCH: 8 \u00d7 4", [(32, (8, 4))]),
        ("total batch size 256", [(256, ())]),
        ("batch hiệu dụng: 64", [(64, ())]),
        ("effective batch size là 64", [(64, ())]),
        ("Effective batch size: **16**", [(16, ())]),
        ("→ Effective batch size = 16", [(16, ())]),
        ("Effective = 80 and then effective = 96", [(80, ()), (96, ())]),
        ("Effective batch 64-128", []),
        ("effective 2x faster", []),
        ("effective batch of 1.5", []),
        ("50% effective", []),
        ("effective at 99%", []),
        ("Total: 12 hours", []),
        ("an effective way", []),
        ("ineffective: 3", []),
        ("", []),
    ],
)
def test_claims(text, expected):
    assert [(claim.value, claim.factors) for claim in claims_in(text)] == expected
