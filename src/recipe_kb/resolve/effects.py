"""What a difference of one setting does to effective batch, learning rate and speed, each by a rule or a fact.

Memory is predicted, in `resolve.diff`; here stands what a rule of `kb/rules` or a fact file says, in words.
"""

from collections.abc import Callable
from typing import Any

from recipe_kb.i18n import _, language, number, percent
from recipe_kb.resolve.effect import Difference, Effect, Moved, rate_that_goes_with
from recipe_kb.store.store import Store
from recipe_kb.units import scientific


def effects_of(store: Store, moved: Moved, change: Difference) -> tuple[Effect, ...]:
    """Return what the rules say about one difference, as if it alone were made."""
    make = EFFECTS.get(change.setting)
    if make is None:
        gone = next((one for one in store.spellings().changes if one.argument == change.setting), None)
        return (_gone(gone),) if gone else ()
    default = moved.defaults.get(change.setting)
    a = default if change.a is None else change.a
    b = default if change.b is None else change.b
    return tuple(make(store, moved, a, b))


def _effective(_store: Store, moved: Moved, _a: Any, _b: Any) -> list[Effect]:
    before, after = moved.effective
    if before is None or after is None:
        return []
    if before == after:
        text = _("together with the other changes the effective batch stays {size}").format(size=after)
        return [Effect(on="effective_batch", text=text, reference="rule:effective-batch", predicted=False)]
    text = _("together with the other changes {before} -> {after}").format(before=before, after=after)
    effects = [Effect(on="effective_batch", text=text, reference="rule:effective-batch", predicted=False)]
    found = rate_that_goes_with(moved) if "learning_rate" in moved.first else None
    if found:
        text = _("{rate} would go with the new effective batch").format(rate=_rate(found[0]))
        effects.append(Effect(on="learning_rate", text=text, reference=f"rule:{found[1]}"))
    return effects


def _batch(store: Store, moved: Moved, a: Any, b: Any) -> list[Effect]:
    if not _numbers(a, b):
        return []
    if b > a:
        text = _("fewer, larger passes; how much faster is not predicted, `kb tune` measures it")
    else:
        text = _("more, smaller passes for the same samples; slower where the GPU is not full")
    return [*_effective(store, moved, a, b), Effect(on="speed", text=text, reference="rule:keep-effective-batch")]


def _accumulation(store: Store, moved: Moved, a: Any, b: Any) -> list[Effect]:
    text = _("{a} -> {b} forward and backward passes per optimizer step").format(a=a, b=b)
    passes = Effect(on="speed", text=text, reference="rule:keep-effective-batch", predicted=False)
    return [*_effective(store, moved, a, b), passes]


def _eval_batch(_store: Store, moved: Moved, _a: Any, b: Any) -> list[Effect]:
    train = moved.value("second", "per_device_train_batch_size")
    if not _numbers(train, b):
        return []
    text = _("{ratio} x the training batch in B; scores do not depend on it").format(ratio=number(b / train, 1))
    return [Effect(on="memory", text=text, reference="rule:eval-batch")]


def _learning_rate(_store: Store, moved: Moved, a: Any, b: Any) -> list[Effect]:
    found = rate_that_goes_with(moved)
    if found is None or not _numbers(a, b):
        if not _numbers(a, b):
            return []
        text = _("{share} of what it was").format(share=percent(b / a))
        return [Effect(on="learning_rate", text=text, reference="rule:sqrt-adam", predicted=False)]
    expected, rule = found
    if moved.effective[0] == moved.effective[1]:
        text = _("the effective batch stays, so no rule asks for another rate")
    else:
        text = _("the rule asks for {rate}; B has {share} of that")
        text = text.format(rate=_rate(expected), share=percent(b / expected))
    return [Effect(on="learning_rate", text=text, reference=f"rule:{rule}")]


def _optimizer(store: Store, _moved: Moved, a: Any, b: Any) -> list[Effect]:
    effects = []
    if ("8bit" in str(a)) != ("8bit" in str(b)):
        text = store.remedy("8bit-optimizer").get(language())
        if "8bit" in str(a):
            text = _("undoes this: {what}").format(what=text)
        effects.append(Effect(on="memory", text=text, reference="remedy:8bit-optimizer"))
    if (a == "sgd") != (b == "sgd"):
        text = _("another rule moves the rate with the batch, and a rate of one is not a rate of the other")
        effects.append(Effect(on="learning_rate", text=text, reference="rule:linear-sgd"))
    return effects


def _checkpointing(store: Store, _moved: Moved, a: Any, _b: Any) -> list[Effect]:
    text = store.remedy("gradient-checkpointing").get(language())
    if a is True:
        text = _("undoes this: {what}").format(what=text)
    return [Effect(on="speed", text=text, reference="remedy:gradient-checkpointing")]


def _precision(store: Store, moved: Moved, a: Any, b: Any) -> list[Effect]:
    if moved.gpu is None:
        text = _("which one is fast depends on the card")
        return [Effect(on="speed", text=text, reference="rule:precision")]
    gpu = store.gpu(moved.gpu)
    peaks = {name: getattr(gpu.dense_peak_tflops, name, None) for name in (a, b) if isinstance(name, str)}
    shown = ", ".join(
        f"{name} {number(peak, 1)} TFLOPS" if peak else _("{name}: not on this card").format(name=name)
        for name, peak in peaks.items()
    )
    text = _("dense peaks of the {gpu}: {peaks}").format(gpu=gpu.name, peaks=shown)
    return [Effect(on="speed", text=text, reference=f"gpu:{moved.gpu}")]


def _tf32(store: Store, moved: Moved, _a: Any, b: Any) -> list[Effect]:
    if moved.gpu is not None and not store.gpu(moved.gpu).supports.tf32:
        text = _("the {gpu} has no TF32").format(gpu=store.gpu(moved.gpu).name)
        return [Effect(on="speed", text=text, reference=f"gpu:{moved.gpu}")]
    half = moved.value("second", "precision") in {"fp16", "bf16"}
    if half and b:
        text = _("little: only what mixed precision leaves in fp32 gets faster")
    else:
        text = _("fp32 matrix products become faster") if b else _("fp32 matrix products become slower")
    return [Effect(on="speed", text=text, reference="rule:precision")]


def _loader(store: Store, moved: Moved, _a: Any, b: Any) -> list[Effect]:
    cores = int(store.rule("data-loader").constants["free_machine_cores"])
    workers = moved.value("second", "dataloader_num_workers")
    if isinstance(workers, int) and isinstance(b, int) and b > cores:
        text = _("more than the {cores} processor cores of a free machine").format(cores=cores)
    else:
        text = _("only where the GPU waits for data")
    return [Effect(on="speed", text=text, reference="rule:data-loader")]


def _warmup(_store: Store, _moved: Moved, a: Any, b: Any) -> list[Effect]:
    longer = _numbers(a, b) and b > a
    text = _("rises over more of the steps") if longer else _("rises over fewer of the steps")
    return [Effect(on="learning_rate", text=text, reference="rule:warm-up")]


def _length(_store: Store, _moved: Moved, a: Any, b: Any) -> list[Effect]:
    if not _numbers(a, b):
        return []
    text = _("up to {ratio} x the tokens per sample").format(ratio=number(b / a))
    return [Effect(on="speed", text=text, reference="remedy:shorter-length")]


def _epochs(_store: Store, _moved: Moved, a: Any, b: Any) -> list[Effect]:
    if not _numbers(a, b):
        return []
    text = _("{ratio} x the steps").format(ratio=number(b / a))
    return [Effect(on="speed", text=text, reference="rule:num-samples", predicted=False)]


def _adapters(_store: Store, _moved: Moved, _a: Any, _b: Any) -> list[Effect]:
    text = _("the starting rate of adapters is another than that of full training")
    return [Effect(on="learning_rate", text=text, reference="rule:lora-start")]


def _gone(change: Any) -> Effect:
    text = _("nothing in transformers 5: {how}").format(how=change.how.get(language()))
    return Effect(on="speed", text=text, reference=f"source:{change.source}", predicted=False)


def _numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) and value > 0 for value in values)


def _rate(value: float) -> str:
    return scientific(float(f"{value:.3g}"))


EFFECTS: dict[str, Callable[[Store, Moved, Any, Any], list[Effect]]] = {
    "per_device_train_batch_size": _batch,
    "gradient_accumulation_steps": _accumulation,
    "num_gpus": _effective,
    "per_device_eval_batch_size": _eval_batch,
    "learning_rate": _learning_rate,
    "optim": _optimizer,
    "gradient_checkpointing": _checkpointing,
    "precision": _precision,
    "tf32": _tf32,
    "dataloader_num_workers": _loader,
    "dataloader_prefetch_factor": _loader,
    "dataloader_pin_memory": _loader,
    "dataloader_persistent_workers": _loader,
    "warmup_ratio": _warmup,
    "warmup_steps": _warmup,
    "max_length": _length,
    "num_train_epochs": _epochs,
    "lora_r": _adapters,
    "method": _adapters,
}
"""Setting -> what its change does, by the rules; a setting that is not here changes neither batch nor rate nor speed
by any rule of the knowledge base."""
