"""Options of data loader workers, and no workers.

Prefetch and persistent workers belong to worker processes. With dataloader_num_workers at 0, which is also the
default, transformers refuses a prefetch factor and torch refuses persistent workers.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import TRAIN, Subject

VI = """Đặt tuỳ chọn cho worker của data loader mà không có worker nào.

Prefetch và persistent workers là của các tiến trình worker. Khi dataloader_num_workers bằng 0, cũng là mặc định,
transformers từ chối prefetch factor còn torch từ chối persistent workers.
"""
CODE = "KB522"
SEVERITY: Severity = "error"
SOURCES = ("rule:data-loader", "source:transformers-5.23", "claim:000-17")
GOOD = (
    "dataloader_num_workers: 2\ndataloader_prefetch_factor: 2",
    "dataloader_prefetch_factor: 2  # less memory",
    "dataloader_num_workers: 0\ndataloader_persistent_workers: false",
)
BAD = (
    "dataloader_num_workers: 0\ndataloader_prefetch_factor: 2",
    "dataloader_num_workers: 0\ndataloader_persistent_workers: true",
    "per_device_train_batch_size: 8\nlearning_rate: 3e-5\ndataloader_prefetch_factor: 2",
)


def check(subject: Subject) -> Iterator[Found]:
    """Look for either option where there are no workers; in an excerpt, only where it says 0."""
    whole = subject.written(TRAIN) is not None and subject.written("learning_rate") is not None
    if subject.written("dataloader_num_workers"):
        if subject.number("dataloader_num_workers") != 0:
            return
    elif not whole:
        return
    prefetch, persistent = (
        subject.written("dataloader_prefetch_factor"),
        subject.written("dataloader_persistent_workers"),
    )
    workers = int(subject.constant("data-loader", "num_workers"))
    if prefetch and subject.count("dataloader_prefetch_factor"):
        what = _("A prefetch factor needs workers: transformers refuses it without; dataloader_num_workers: {workers}.")
        yield Found(message=what.format(workers=workers), at=prefetch)
    if persistent and persistent.value is True:
        what = _("Persistent workers need workers: torch refuses them without; dataloader_num_workers: {workers}.")
        yield Found(message=what.format(workers=workers), at=persistent)
