"""What the words around a configuration say that it is for: GPU, model, length, tasks, samples, method, cards.

The nearest words decide. Where they name two cards or two models, nothing is chosen.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from recipe_kb.extract.counts import max_length_of, method_of, num_gpus_of, num_samples_of, tasks_of
from recipe_kb.extract.spelled import Line, Said, Spelled, only, search
from recipe_kb.schema.configuration import Context, Written
from recipe_kb.store.names import gpu_spellings, model_spellings, shared_gpu_names
from recipe_kb.store.store import Store

_QLORA_BITS = 4
_DOCUMENT_LINES = 3000


class Prose:
    """The names of a knowledge base, ready to be found in sentences."""

    def __init__(self, store: Store) -> None:
        gpus = [(gpu_id, gpu_spellings(gpu_id, store.gpu(gpu_id))) for gpu_id in store.gpu_ids()]
        self._gpus = Spelled(gpus, shared_gpu_names(gpus))
        self._models = Spelled((name, model_spellings(name, store.model(name))) for name in store.model_ids())

    def of_document(self, lines: Sequence[Line]) -> dict[str, Any]:
        """Return the GPU and the model that a whole document names, where it names one only."""
        lines = lines[:_DOCUMENT_LINES]
        return {"gpu": only(search(lines, self._gpus)), "model": only(search(lines, self._models))}

    def context(
        self, levels: Sequence[Sequence[Line]], document: Mapping[str, Any], settings: Sequence[Written]
    ) -> Context:
        """Return what a configuration is for.

        Args:
            levels: What is said about it, nearest first.
            document: What `of_document` found; it decides where nothing nearer does.
            settings: Of the configuration; what they say comes before any sentence.
        """
        found: dict[str, Said] = {}
        self._of_settings(settings, found)
        seekers: dict[str, Callable[[Sequence[Line]], Said | bool | None]] = {
            "gpu": lambda lines: only(search(lines, self._gpus)),
            "model": lambda lines: only(search(lines, self._models)),
            "tasks": tasks_of,
            "max_length": max_length_of,
            "num_samples": num_samples_of,
            "method": method_of,
            "num_gpus": num_gpus_of,
        }
        for name, seek in seekers.items():
            if name in found:
                continue
            for lines in levels:
                answer = seek(lines)
                if answer is not None:
                    break
            else:
                answer = document.get(name)
            whole = document.get(name)
            if isinstance(answer, Said) and isinstance(whole, Said) and whole.value in _one_of(answer):
                answer = whole
            if isinstance(answer, Said):
                found[name] = answer
        values: dict[str, Any] = {name: each.value for name, each in found.items()}
        if isinstance(values.get("gpu"), tuple):
            values["gpu_one_of"] = values.pop("gpu")
        return Context(**values, lines={name: each.line for name, each in found.items()})

    def _of_settings(self, settings: Sequence[Written], found: dict[str, Said]) -> None:
        by_name: Mapping[str, Written] = {setting.name: setting for setting in settings}
        for name, theirs in (
            ("max_length", "max_length"),
            ("num_samples", "num_train_samples"),
            ("num_gpus", "num_gpus"),
            ("tasks", "tasks"),
        ):
            setting = by_name.get(theirs)
            if setting is not None and isinstance(setting.value, int) and setting.value > 0:
                found[name] = Said(setting.value, setting.line)
        model = by_name.get("model_name_or_path")
        if model is not None:
            known = search([(model.line, str(model.value))], self._models)
            if len({each.value for each in known}) == 1:
                found["model"] = known[0]
        method = self._method_of(by_name)
        if method is not None:
            found["method"] = method

    def _method_of(self, settings: Mapping[str, Written]) -> Said | None:
        said, bits, rank = (settings.get(name) for name in ("method", "quantization_bits", "lora_r"))
        lora = rank is not None or (said is not None and said.value in {"lora", "qlora"})
        line = next((each.line for each in (said, rank) if each is not None), 0)
        if lora:
            return Said(
                "qlora"
                if (bits is not None and bits.value == _QLORA_BITS) or (said and said.value == "qlora")
                else "lora",
                line,
            )
        return Said("full", line) if said is not None and said.value == "full" else None


def _one_of(said: Said) -> tuple[str, ...]:
    """Return the cards whose common name a line says."""
    return said.value if isinstance(said.value, tuple) else ()
