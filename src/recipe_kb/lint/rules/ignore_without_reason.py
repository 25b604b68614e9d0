"""A finding is allowed without a reason.

`kb: ignore CODE -- reason` in a comment allows a finding where it stands. Without a reason, nobody can tell later
whether the finding was judged or only silenced, so such a comment allows nothing. A code that no rule has allows
nothing either.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import Subject
from recipe_kb.lint.suppression import suppressions_in

VI = """Bỏ qua một phát hiện mà không nêu lý do.

Chú thích `kb: ignore CODE -- lý do` cho phép một phát hiện tại chỗ nó đứng. Không có lý do thì về sau không ai biết
phát hiện đó đã được xem xét hay chỉ bị tắt tiếng, nên chú thích như vậy không có tác dụng. Mã mà không quy tắc nào có
cũng vậy.
"""
CODE = "KB500"
SEVERITY: Severity = "warning"
SOURCES: tuple[str, ...] = ()
GOOD = (
    "per_device_train_batch_size: 8  # kb: ignore KB503 -- the evaluation runs on another card",
    "per_device_train_batch_size: 8  # not ignored",
)
BAD = (
    "per_device_train_batch_size: 8  # kb: ignore KB503",
    "per_device_train_batch_size: 8  # kb: ignore --",
    "per_device_train_batch_size: 8  # kb: ignore batch -- it is fine",
)


def check(subject: Subject) -> Iterator[Found]:
    """Look at every comment of the file, once."""
    if subject.others:
        return
    for comment in suppressions_in(subject.lines).comments:
        if not comment.reason:
            what = _("This comment gives no reason, so it allows nothing; write `kb: ignore KB503 -- reason`.")
            yield Found(message=what, line=comment.line)
        for word in comment.unknown[:3]:
            yield Found(message=_("{name!r} is no code of a rule.").format(name=word), line=comment.line)
        if comment.reason and not comment.codes and not comment.unknown:
            yield Found(message=_("This comment names no code, so it allows nothing."), line=comment.line)
