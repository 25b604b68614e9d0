"""No data loader workers, or more than a free machine has processor cores.

Without workers the training process tokenizes and collates itself while the GPU waits. Two are enough for data that
are tokenized already; a free Kaggle or Colab machine has two to four cores, and more workers than cores take turns.
Where the card is none that those services give, only the lack of workers is reported.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import Subject

VI = """Không có worker cho data loader, hoặc nhiều hơn số nhân CPU của máy miễn phí.

Không có worker thì chính tiến trình train phải tokenize và ghép batch trong lúc GPU chờ. Hai worker là đủ cho dữ liệu
đã tokenize sẵn; máy Kaggle hay Colab miễn phí có hai đến bốn nhân, nhiều worker hơn số nhân thì chúng phải thay phiên
nhau. Nếu card không phải loại mà các dịch vụ đó cấp thì chỉ báo khi không có worker.
"""
CODE = "KB523"
SEVERITY: Severity = "info"
SOURCES = ("rule:data-loader", "claim:004-05", "claim:004-16")
GOOD = ("dataloader_num_workers: 2", "# gpu=t4\ndataloader_num_workers: 4", "# gpu=rtx-3070\ndataloader_num_workers: 6")
BAD = ("dataloader_num_workers: 0", "# gpu=t4\ndataloader_num_workers: 8")
_FREE = ("kaggle", "colab")


def check(subject: Subject) -> Iterator[Found]:
    """Compare with the rule, and with the machines that come with the card."""
    setting, workers = subject.written("dataloader_num_workers"), subject.number("dataloader_num_workers")
    if setting is None or workers is None:
        return
    if workers == 0:
        what = _("Without workers the GPU waits for the data; the rule data-loader starts at {workers}.")
        yield Found(message=what.format(workers=int(subject.constant("data-loader", "num_workers"))), at=setting)
        return
    cores = subject.constant("data-loader", "free_machine_cores")
    if subject.gpu is None or workers <= cores:
        return
    if any(name in alias.lower() for alias in subject.gpu.aliases for name in _FREE):
        what = _("The free machines with this card have at most {cores} processor cores.")
        yield Found(message=what.format(cores=int(cores)), at=setting)
