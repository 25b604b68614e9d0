"""Why a probe ended as it did: the sentences that evidence holds, in English, and readers see in their language.

Evidence is one language for all machines; `in_language` finds the sentence again and translates it.
"""

import re

from recipe_kb.i18n import N_, _

LOSS_NOT_FINITE = N_("loss is {loss} in step {step} of {steps}")
GRADIENT_NOT_FINITE = N_("gradient norm is {norm} in step {step} of {steps}")
OVERFLOWED = N_("fp16 gradients overflowed in {count} of {steps} steps")
NO_PROGRESS = N_("mean loss went from {first} to {last}")
RETRIED = N_("the allocator freed its cache and retried {count} times")
TOO_SHORT = N_("{steps} steps are too few to compare the loss")
TIMEOUT = N_("no result within {seconds} s")
NO_STEP = N_("reported the end of a run without a step")
UNREADABLE = N_("unreadable line on the result stream")
KILLED_FOR_MEMORY = N_("killed by the kernel's out-of-memory killer")
OUT_OF_MEMORY = N_("out of memory")
PACKAGE_MISSING = N_("a package is missing")
SHARED_MEMORY = N_(
    "the loader's workers ran out of shared memory, /dev/shm; give more, as with docker run --shm-size=8g, or set "
    "dataloader_num_workers to 0"
)
STREAM_CLOSED = N_("closed the result stream and did not exit")
KILLED = N_("killed by {signal}")
EXITED = N_("exit code {code}")
NO_RESULT = N_("ended without a result")
NO_CUDA = N_("device cuda: torch finds no CUDA GPU")
TOO_LONG = N_("max_length {length}: the model takes {limit} tokens")
TOO_LARGE = N_("weights, gradients and optimizer state take {needed} GiB, this machine has {available} GiB free")
OTHER_WEIGHTS = N_("{weights}: another model than the recipe's; {name} is {found}, not {expected}")
NO_LORA = N_("lora: lora_r and lora_alpha are not given")
NO_QLORA = N_("qlora: 4-bit base weights need bitsandbytes (pip install 'recipe-kb[four-bit]') and a CUDA GPU")
NOT_BUILT = N_("transformers does not build it")
ARGUMENTS_REFUSED = N_("transformers refuses the arguments")
MULTIMODAL = N_("{weights}: a multimodal checkpoint; only its language part could be trained")
OTHER_PROCESSES = N_("other processes used the GPU: {count}")
THROTTLED = N_("the GPU slowed itself down: {names}")
NOT_SETTLED = N_("step times had not settled after {steps} steps")
NOT_LARGER = N_("this GPU has {here} GiB, and playing {gpu} takes more than {needed} GiB")
NOT_FREE = N_("{free} GiB of the GPU are free, and playing {gpu} takes {needed} GiB")
HERE_LACKS = N_("this GPU cannot play {gpu}, because it lacks {names}")
CARD_LACKS = N_("{gpu} lacks what the recipe asks for: {names}")
RANK = N_("rank {rank}: {reason}")
TOO_FEW_GPUS = N_("{wanted} GPUs asked for, {found} visible here")
NO_NAMED_PIPES = N_("several processes: this system has no named pipes")
NO_FSDP_QLORA = N_("fsdp: 4-bit weights are not cut into shards here")
APART = N_("rank {rank} has another gradient in step {step} than rank 0: they do not train one network")
RUNG_WORKS = N_("out of memory; it works with {changes}")
NO_RUNG_WORKS = N_("out of memory; no rung of the ladder works")

_ALL = tuple(value for name, value in vars().items() if name.isupper() and isinstance(value, str))

OF_THE_MOMENT = (NOT_FREE, TOO_LARGE, TOO_FEW_GPUS, NO_CUDA, SHARED_MEMORY, PACKAGE_MISSING)
"""What another day, another neighbour or a setting of this machine may change, with the same versions and card."""


def is_of_the_moment(reason: str) -> bool:
    """Say whether a reason is about the machine as it was just then, and not about the recipe on this card."""
    of_rank = re.fullmatch(r"rank \d+: (.*)", reason, re.DOTALL)
    said = of_rank[1] if of_rank else reason
    return any(_match(template, said) for template in OF_THE_MOMENT)


def in_language(reason: str) -> str:
    """Translate a reason of an evidence file.

    What follows a colon is somebody else's words, such as the last line of a traceback, and stays as it is;
    so does a reason that no sentence here makes.
    """
    of_rank = re.fullmatch(r"rank (\d+): (.*)", reason, re.DOTALL)
    if of_rank:
        return _(RANK).format(rank=of_rank[1], reason=in_language(of_rank[2]))
    for template in _ALL:
        match = _match(template, reason)
        if match:
            names = re.findall(r"{(\w+)}", template)
            *values, quoted = match.groups()
            return _(template).format(**dict(zip(names, values, strict=True))) + (quoted or "")
    return reason


def _match(template: str, reason: str) -> re.Match[str] | None:
    """Find the values of a sentence, and what is quoted after it."""
    pattern = re.sub(r"\\{\w+\\}", "(.*?)", re.escape(template)) + "(: .*)?"
    return re.fullmatch(pattern, reason, re.DOTALL)
