"""What the codes of an evidence file say to people, in the active language; the command line and the site share it."""

from recipe_kb.i18n import _


def verdict_words() -> dict[str, str]:
    """Say what each verdict means."""
    return {
        "passed": _("passed"),
        "oom": _("out of memory"),
        "not_finite": _("loss or gradient is not finite"),
        "no_progress": _("the loss does not fall"),
        "alloc_retries": _("memory is too tight"),
        "timeout": _("ran out of time"),
        "crash": _("the training crashed"),
        "unsupported": _("cannot run here"),
    }


def aspect_words() -> dict[str, str]:
    """Say what each aspect is that a probe can confirm."""
    return {
        "trains": _("it trains with these arguments"),
        "loss_falls": _("the loss falls"),
        "gradients_finite": _("gradients are finite"),
        "accumulation": _("it trains with gradient accumulation"),
        "multi_task": _("one shared encoder, one head per task"),
        "several_gpus": _("several processes train one network"),
        "memory": _("memory"),
        "speed": _("speed"),
        "precision": _("precision"),
    }


def deviation_words() -> dict[str, str]:
    """Say why a probe ran a setting with another value than the recipe's."""
    return {
        "no-half-precision-on-cpu": _("half precision is for GPUs"),
        "tf32-is-a-gpu-format": _("TF32 is a GPU format"),
        "optimizer-has-gpu-kernels": _("this optimizer has GPU kernels"),
        "attention-has-gpu-kernels": _("this attention has GPU kernels"),
        "nothing-to-overlap-on-cpu": _("the CPU has nothing to overlap"),
        "a-causal-lm-has-one-head": _("a causal language model has one head"),
        "shorter-on-cpu": _("so that a CPU ends in minutes"),
        "emulated-card": _("another card plays it"),
        "kernels-of-another-card": _("kernels of the card that plays it"),
        "memory-capped-at-prediction": _("held to the predicted memory"),
    }
