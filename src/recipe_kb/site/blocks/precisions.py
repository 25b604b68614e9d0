"""What each card computes in: its peaks without sparsity, and the precision that recipes take."""

from markupsafe import Markup

from recipe_kb.i18n import _
from recipe_kb.resolve.rules import precision
from recipe_kb.site.blocks import HERE
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import code, link, table
from recipe_kb.site.page import address
from recipe_kb.site.shared import shown

_PEAKS = ("fp32", "tf32", "fp16", "bf16")
_NONE = "\N{EN DASH}"


def make(facts: Facts) -> Markup:
    """Write all cards as a table, by compute capability, then by what they can give."""
    store = facts.store
    cards = {gpu_id: store.gpu(gpu_id) for gpu_id in store.gpu_ids()}
    ordered = sorted(cards, key=lambda name: (float(cards[name].compute_capability), cards[name].memory.limit_bytes))
    rows = [
        (
            link(address(HERE, f"gpus/{gpu_id}"), cards[gpu_id].name),
            shown(facts, "gpu", gpu_id, "compute_capability"),
            *(_peak(facts, gpu_id, peak) for peak in _PEAKS),
            code(precision(cards[gpu_id])),
        )
        for gpu_id in ordered
    ]
    headers = (_("card"), _("compute capability"), "fp32", "TF32", "fp16", "bf16", _("recipes take"))
    return table(headers, rows, _("Peaks without sparsity, in TFLOP/s"))


def _peak(facts: Facts, gpu_id: str, name: str) -> Markup | str:
    has_none = getattr(facts.store.gpu(gpu_id).dense_peak_tflops, name) is None
    return _NONE if has_none else shown(facts, "gpu", gpu_id, f"dense_peak_tflops.{name}")
