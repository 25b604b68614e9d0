"""Reading off a network which of its parameters several GPUs gather at once, as accelerate wraps them for FSDP."""

from dataclasses import replace

import torch
from torch import nn

from recipe_kb.memory.layout import EMBEDDINGS, FIRST_LAYER, ROOT, TAIL, Layout, Parameter
from recipe_kb.resolve.answer import answer_key
from recipe_kb.schema.base import Method
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.store import Store
from recipe_kb.tracing.job import job_of

_ROOMY = "vram-9999gb"
"""A card on which everything fits: only what is trained matters."""


def network_of(store: Store, model_id: str, method: Method) -> nn.Module:
    """Build a network on the meta device as it is traced: one task, adapters as the rule `lora-start` has them.

    Frozen weights are of half precision.

    Raises:
        UnsupportedError: The network cannot be trained so.
    """
    model = store.model(model_id)
    key = RecipeKey(gpu=_ROOMY, model=model_id, tasks=(1, 1), max_length=8, method=method, goal="balanced")
    settings = replace(answer_key(store, key).recipe.settings, precision="bf16")
    job = job_of(model, settings, tasks=1, mixing=None, method=method, sdpa="efficient", padded=True)
    with torch.device("meta"):
        return job.build()


def layout_of(network: nn.Module) -> Layout:
    """Return the parameters of a network; its storage is not looked at, so that it may be on the meta device.

    Source:
        accelerate/utils/fsdp_utils.py, `fsdp2_prepare_model` and `_find_final_norm`, accelerate 1.15, where
        `transformer_layer_cls_to_wrap` names `layer_class`: every layer, the input embeddings, the last norm with the
        output head, then the rest.
    """
    group_of = dict[nn.Parameter, int]()
    for number, layer in enumerate(_layers(network)):
        _put(group_of, layer, FIRST_LAYER + number)
    embeddings, head = (_asked(network, f"get_{name}_embeddings") for name in ("input", "output"))
    tied = head is not None and getattr(embeddings, "weight", None) is getattr(head, "weight", ())
    if not tied:
        _put(group_of, embeddings, EMBEDDINGS)
    for module in (_final_norm(network), embeddings if tied else None, head):
        _put(group_of, module, TAIL)
    return Layout(
        parameters=tuple(_parameter(one, group_of.get(one, ROOT)) for one in network.parameters()),
        buffers=tuple((buffer.numel() * buffer.element_size(), buffer.element_size()) for buffer in network.buffers()),
    )


def layer_class(network: nn.Module) -> str:
    """Return the class of the layers, as `fsdp_config["transformer_layer_cls_to_wrap"]` names it."""
    return type(_layers(network)[0]).__name__


def _put(group_of: dict[nn.Parameter, int], module: nn.Module | None, group: int) -> None:
    for parameter in module.parameters() if module is not None else ():
        group_of.setdefault(parameter, group)


def _asked(network: nn.Module, method: str) -> nn.Module | None:
    """Ask a network for its embeddings or its head; one that wraps several heads does not know either."""
    ask = getattr(network, method, None)
    return ask() if ask else None


def _layers(network: nn.Module) -> list[nn.Module]:
    """Return the transformer layers in their order."""
    count = network.config.num_hidden_layers
    return next(list(m) for m in network.modules() if isinstance(m, nn.ModuleList) and len(m) == count)


def _final_norm(network: nn.Module) -> nn.Module | None:
    """Return the last norm among the direct children of the base model."""
    prefix = getattr(network, "base_model_prefix", "")
    base = getattr(network, prefix, None) if prefix else network
    norms = [child for child in base.children() if "Norm" in type(child).__name__] if base is not None else []
    return norms[-1] if norms else None


def _parameter(parameter: nn.Parameter, group: int) -> Parameter:
    rows = parameter.shape[0] if parameter.dim() else 1
    return Parameter(
        group=group,
        rows=rows,
        inner=parameter.numel() // rows,
        element_bytes=parameter.element_size(),
        is_trained=parameter.requires_grad,
    )
