"""Evaluation batch far above the training batch, with nothing to say that it fits.

Evaluation keeps no graph, so an encoder takes twice the training batch without thought; a causal language model has
the logits of the whole vocabulary and stays at the training batch. More can fit, and scores do not depend on it, but
then something must say so: where card, model and length are known, the prediction decides instead of this rule.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _, number
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.memory import cell_of, is_traced
from recipe_kb.lint.subject import EVALUATION, Subject
from recipe_kb.resolve.rules import eval_batch_size

VI = """Batch eval lớn hơn hẳn batch train mà không có gì cho thấy là vừa bộ nhớ.

Khi eval không phải giữ đồ thị tính toán, nên encoder dùng gấp đôi batch train mà không cần nghĩ; mô hình ngôn ngữ
nhân quả có logits trên toàn bộ từ vựng nên giữ bằng batch train. Lớn hơn nữa vẫn có thể vừa, và điểm số không phụ
thuộc vào nó, nhưng phải có căn cứ: khi đã biết card, mô hình và độ dài thì dự đoán bộ nhớ quyết định thay quy tắc
này.
"""
CODE = "KB503"
SEVERITY: Severity = "warning"
SOURCES = ("rule:eval-batch", "claim:000-03", "claim:000-04", "claim:000-05")
GOOD = (
    "per_device_train_batch_size: 16\nper_device_eval_batch_size: 32",
    (
        "# gpu=h100-80gb model=biobert max_length=128\nbf16: true\nper_device_train_batch_size: 16\n"
        "per_device_eval_batch_size: 192"
    ),
    "# model=qwen2.5-0.5b\nper_device_train_batch_size: 4\nper_device_eval_batch_size: 4",
)
BAD = (
    "per_device_train_batch_size: 16\nper_device_eval_batch_size: 192",
    "# model=qwen2.5-0.5b\nper_device_train_batch_size: 4\nper_device_eval_batch_size: 8",
)


def check(subject: Subject) -> Iterator[Found]:
    """Compare the two batches with the rule's factor."""
    train, evaluation, setting = subject.batch, subject.count(EVALUATION), subject.written(EVALUATION)
    if not train or not evaluation or setting is None:
        return
    decoder = subject.model is not None and subject.model.family == "decoder"
    safe = eval_batch_size(train, subject.constant("eval-batch", "decoder_factor" if decoder else "encoder_factor"))
    cell = cell_of(subject)
    if evaluation <= safe or (cell and is_traced(subject, cell)):
        return
    what = _("The evaluation batch is {ratio} times the training batch; {safe} is safe without a prediction.")
    yield Found(
        message=what.format(ratio=number(evaluation / train, 0 if evaluation % train == 0 else 1), safe=safe),
        at=setting,
        edits=subject.replaced(setting, str(safe)),
    )
