import pytest

from recipe_kb.schema.cuda import TorchWorkspace


@pytest.mark.parametrize(
    ("large_on", "capability", "expected"),
    [
        (("9.0",), "9.0", 32),
        (("9.0",), "9.3", 8),
        (("9", "12"), "9.0", 32),
        (("9", "12"), "9.3", 32),
        (("9", "12"), "12.0", 32),
        (("9", "12"), "8.9", 8),
        (("1",), "12.0", 8),
    ],
)
def test_a_workspace_is_large_on_a_capability_or_on_all_of_a_major_number(large_on, capability, expected):
    workspace = TorchWorkspace(bytes=8, large_bytes=32, large_on=large_on, cublaslt=None)
    assert workspace.bytes_on(capability) == expected
