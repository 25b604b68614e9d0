"""What the prose columns of a table say: each function reads one column, or says why it cannot.

The wording is that of the public table; rows of the same sources use the same words.
"""

import re
from typing import NamedTuple

from accuracy.spec import CannotPredictError, Checkpointing, Counter, Implementation, Loop, Precision

_PRECISIONS: dict[str, Precision] = {
    "fp32": "fp32",
    "fp16 amp": "fp16-amp",
    "bf16 amp": "bf16-amp",
    "bf16 pure": "bf16",
    "bf16-true": "bf16",
    "bf16": "bf16",
    "fp16 pure": "fp16",
}
_IMPLEMENTATIONS: dict[str, Implementation] = {
    "bnb": "bitsandbytes",
    "transformers": "transformers",
    "hf": "transformers",
}
_COUNTERS: dict[str, Counter] = {
    "nvml": "device",
    "nvidia-smi": "device",
    "max_memory_reserved": "reserved",
    "peak reserved": "reserved",
    "max_memory_allocated": "allocated",
    "peak active": "allocated",
    "peak allocated": "allocated",
}
_UNCERTAIN = "varies", "dynamic", "unpacked", "unknown", "max", "<="


class Optimizer(NamedTuple):
    """Class name ("none" if nothing is trained), the library it is from, whether it works on all tensors at once."""

    name: str
    implementation: Implementation
    foreach: bool
    notes: tuple[str, ...] = ()


class Length(NamedTuple):
    """Tokens per sequence; the longest possible if they vary from step to step."""

    tokens: int
    dynamic: bool


def optimizer(text: str) -> Optimizer:
    """Read `optimizer`: a class name, then in brackets where it is from."""
    match = re.match(r"(\w+):?\s*(?:\(([^)]*)\))?", text)
    if not match:
        raise CannotPredictError("no optimizer is named")
    name, origin = match[1], (match[2] or "").lower()
    if name.lower() == "none":
        return Optimizer("none", "torch", foreach=False)
    if "unclear" in origin:
        note = f"optimizer: {match[2]!r}; torch.optim.{name} assumed"
        return Optimizer(name, "torch", foreach=False, notes=(note,))
    implementation: Implementation = "torch"
    for word, library in _IMPLEMENTATIONS.items():
        if word in origin:
            implementation = library
    foreach = implementation == "torch" and name != "Adafactor" and "per-param" not in origin
    return Optimizer(name, implementation, foreach)


def length(text: str) -> Length:
    """Read `seq_len`: exact, almost surely one length, or dynamic up to one."""
    match = re.search(r"\d+", text)
    if not match:
        raise CannotPredictError(f"seq_len {text!r} names no length")
    if text.isdecimal() or "almost surely" in text or "exact" in text:
        return Length(int(match[0]), dynamic=False)
    if any(word in text for word in _UNCERTAIN):
        return Length(int(match[0]), dynamic=True)
    raise CannotPredictError(f"seq_len {text!r} does not say whether it is exact or dynamic")


def whole_number(text: str, column: str) -> int:
    """Read a count of at least one."""
    if not text:
        raise CannotPredictError(f"no {column} is given")
    if not text.isdecimal() or int(text) == 0:
        raise CannotPredictError(f"{column} {text!r} is not a positive whole number")
    return int(text)


def precision(text: str) -> Precision:
    """Read `precision`."""
    if text.lower() not in _PRECISIONS:
        raise CannotPredictError(f"precision {text!r} is not one of {', '.join(_PRECISIONS)}")
    return _PRECISIONS[text.lower()]


def checkpointing(text: str) -> tuple[Checkpointing, tuple[str, ...]]:
    """Read `gradient_checkpointing`; a bare `yes` is re-entrant, the default before transformers 5."""
    if text in ("", "no"):
        return "no", ()
    if not text.startswith("yes"):
        raise CannotPredictError(f"gradient_checkpointing {text!r} is neither yes nor no")
    if "non" in text:
        return "non-reentrant", ()
    return "reentrant", ("checkpointing was re-entrant, and is traced as non-re-entrant",)


def attention(text: str) -> str:
    """Read `attn`: the implementation stands first."""
    first = re.match(r"[a-z_]+\d?", text)
    if not first or first[0] not in ("eager", "sdpa"):
        raise CannotPredictError(f"attention {text!r} is neither eager nor sdpa")
    return first[0]


def counter(text: str) -> Counter:
    """Read `counter`: which number was measured."""
    for start, kind in _COUNTERS.items():
        if text.lower().startswith(start):
            return kind
    raise CannotPredictError(f"counter {text!r} is not known")


def context_mib(text: str) -> float:
    """Read `includes_cuda_context`: 0 if it is left out, else its size, which must be stated."""
    if text.startswith("n"):
        return 0.0
    match = re.search(r"([\d.]+) MiB", text)
    if not match:
        raise CannotPredictError(f"the CUDA context is counted, but its size is not stated ({text!r})")
    return float(match[1])


def loop(conditions: str) -> tuple[Loop, tuple[str, ...]]:
    """Read from `conditions` what stays referenced from one step to the next."""
    if "HF Trainer" in conditions:
        return "trainer", ()
    if "stay referenced" in conditions:
        return "bare", ()
    return "bare", ("the loop is not described: a bare one is assumed",)


def max_grad_norm(conditions: str) -> float | None:
    """Read from `conditions` the norm that gradients were clipped to, None if they were not."""
    match = re.search(r"max_grad_norm ([\d.]+)", conditions)
    return float(match[1]) if match else None


def xmem_seconds(conditions: str) -> float | None:
    """Read from `conditions` how long xMem took for its estimate."""
    match = re.search(r"xMem runtime ([\d.]+)s", conditions)
    return float(match[1]) if match else None


def torch_version(text: str) -> tuple[int, int] | None:
    """Read `torch`: major and minor version, None if it is not known."""
    match = re.search(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None
