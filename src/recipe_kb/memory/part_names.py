"""What fills the memory, in words of the active language; the keys are those of a breakdown."""

from recipe_kb.i18n import _


def part_names() -> dict[str, str]:
    """Return the name of each part, in the order in which they are stacked."""
    return {
        "context": _("CUDA context"),
        "weights": _("weights"),
        "optimizer": _("optimizer"),
        "gradients": _("gradients"),
        "autocast": _("autocast copies"),
        "activations": _("activations"),
        "logits": _("logits"),
        "inputs": _("inputs"),
        "exchange": _("exchange between GPUs"),
        "workspace": _("workspaces"),
        "fragmentation": _("fragmentation"),
        "allocator": _("allocator"),
    }
