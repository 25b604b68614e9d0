"""fp16 and bf16 are both on.

transformers refuses to start with both. A card with bf16 takes bf16, which needs no loss scaling; the others take
fp16.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Edit, Found, Severity
from recipe_kb.lint.subject import Subject

VI = """Bật cả fp16 lẫn bf16.

transformers không chịu chạy khi bật cả hai. Card có bf16 thì dùng bf16, không cần loss scaling; card khác dùng fp16.
"""
CODE = "KB513"
SEVERITY: Severity = "error"
SOURCES = ("rule:precision", "source:transformers-5.23")
GOOD = ("fp16: true", "bf16: true\nfp16: false")
BAD = ("fp16: true\nbf16: true",)


def check(subject: Subject) -> Iterator[Found]:
    """Look for two flags, not for one setting that is written twice, nor for a table that compares them."""
    turned_on = {
        setting.value: setting for setting in subject.precisions if setting.written_value not in {"fp16", "bf16"}
    }
    if "fp16" not in turned_on or "bf16" not in turned_on or subject.configuration.kind == "markdown-table":
        return
    edits: tuple[Edit, ...] = ()
    keep = _("keep one of them")
    if subject.gpu is not None:
        loser = "fp16" if subject.gpu.supports.bf16 else "bf16"
        edits = subject.turned_off(turned_on[loser])
        keep = _("this card takes {name}").format(name="bf16" if loser == "fp16" else "fp16")
    what = _("fp16 and bf16 are both on, and transformers refuses to start: {keep}.")
    later = max(turned_on["fp16"], turned_on["bf16"], key=lambda setting: setting.line)
    yield Found(message=what.format(keep=keep), at=later, edits=edits)
