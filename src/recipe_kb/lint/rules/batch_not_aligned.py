"""The batch is no multiple of 8, and neither are the tokens of a batch.

Tensor cores compute half-precision products in tiles of 8. The batch dimension is flattened together with the length,
so what counts is batch x length: a length that is a multiple of 8 makes every batch aligned, and then nothing is
said. Small batches, below 8, are left alone. A power of two is not needed.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import TRAIN, Subject

VI = """Batch không là bội của 8, mà số token của một batch cũng không.

Tensor core tính phép nhân nửa độ chính xác theo ô 8. Chiều batch được gộp với chiều độ dài, nên điều đáng kể là batch
x độ dài: độ dài là bội của 8 thì batch nào cũng thẳng ô, khi đó quy tắc không nói gì. Batch nhỏ dưới 8 được bỏ qua.
Không cần luỹ thừa của 2.
"""
CODE = "KB516"
SEVERITY: Severity = "info"
SOURCES = ("claim:001-02", "claim:001-05", "source:hf-single-gpu-guide")
GOOD = (
    "per_device_train_batch_size: 80",
    "# max_length=512\nper_device_train_batch_size: 50",
    "per_device_train_batch_size: 4",
    "per_device_train_batch_size: 50\nprecision: fp32",
)
BAD = ("per_device_train_batch_size: 50", "# max_length=101\nper_device_train_batch_size: 50\nfp16: true")
_TILE = 8


def check(subject: Subject) -> Iterator[Found]:
    """Look at the batch, then at its tokens."""
    batch, setting = subject.batch, subject.written(TRAIN)
    if not batch or setting is None or batch < _TILE or batch % _TILE == 0 or subject.precision == "fp32":
        return
    if subject.max_length and (batch * subject.max_length) % _TILE == 0:
        return
    low = batch // _TILE * _TILE
    what = _("{batch} is no multiple of 8; {low} and {high} are. Without effect where the length is a multiple of 8.")
    yield Found(message=what.format(batch=batch, low=low, high=low + _TILE), at=setting)
