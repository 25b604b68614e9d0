"""A page per GPU, and the list of all."""

from collections.abc import Iterator

from markupsafe import Markup

from recipe_kb.i18n import _
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import code, heading, items, link, listing, paragraph, table, with_code
from recipe_kb.site.page import Page, address
from recipe_kb.site.place import Place
from recipe_kb.site.shared import recipe_table, said, shown, source_list

_PEAKS = ("fp32", "tf32", "fp16", "bf16", "fp8")


def pages(_place: Place, facts: Facts) -> Iterator[Page]:
    """Make the list, then each GPU."""
    gpu_ids = facts.store.gpu_ids()
    yield Page(
        path="gpus/index",
        title=_("GPUs"),
        description=_("What each card has: memory as torch sees it, precision, peaks, features."),
        blocks=(_list(facts, gpu_ids),),
    )
    for gpu_id in gpu_ids:
        yield _page(facts, gpu_id)


def _list(facts: Facts, gpu_ids: list[str]) -> Markup:
    headers = (_("name"), _("memory torch sees"), _("compute capability"), "bf16", "TF32", _("bandwidth, GB/s"))
    rows = [
        (
            link(address("gpus/index", f"gpus/{gpu_id}"), facts.store.gpu(gpu_id).name),
            shown(facts, "gpu", gpu_id, "memory.torch_total_mib.0", "gib"),
            shown(facts, "gpu", gpu_id, "compute_capability"),
            shown(facts, "gpu", gpu_id, "supports.bf16"),
            shown(facts, "gpu", gpu_id, "supports.tf32"),
            shown(facts, "gpu", gpu_id, "bandwidth_gb_s"),
        )
        for gpu_id in gpu_ids
    ]
    return table(headers, rows, _("GPUs"))


def _page(facts: Facts, gpu_id: str) -> Page:
    gpu, path = facts.store.gpu(gpu_id), f"gpus/{gpu_id}"
    recipe_ids = [str(key) for key in facts.store.recipe_keys(gpu=gpu_id)]
    parts: list[str] = [
        paragraph(said(gpu.note)) if gpu.note else paragraph(gpu.architecture),
        listing(f"kb recipe --gpu {gpu_id} --model biobert"),
        heading(2, _("Memory and speed"), "figures"),
        _figures(facts, gpu_id),
        heading(2, _("What it can do"), "supports"),
        _supports(facts, gpu_id),
        heading(2, _("Recipes"), "recipes"),
    ]
    if recipe_ids:
        parts.append(recipe_table(facts, recipe_ids, path, _("Recipes")))
    else:
        parts.append(
            paragraph(with_code(_("No recipe of this card is kept as a file; `kb recipe` derives one for any model.")))
        )
    parts += [
        paragraph(link(address(path, "fits", gpu_id), _("What fits on it"))),
        heading(2, _("What it is called"), "names"),
        items([code(name) for name in (gpu_id, *gpu.device_names, *gpu.aliases)]),
        heading(2, _("Sources"), "sources"),
        paragraph(source_list(facts, gpu.sources, path)),
    ]
    return Page(
        path=path,
        title=gpu.name,
        description=_("Memory, precision and features of the {name} for training, with sources.").format(name=gpu.name),
        blocks=tuple(parts),
        source=f"kb/gpus/{gpu_id}.yaml",
        data="gpus.json",
        boost=2,
    )


def _figures(facts: Facts, gpu_id: str) -> Markup:
    gpu = facts.store.gpu(gpu_id)
    low, high = (shown(facts, "gpu", gpu_id, f"memory.torch_total_mib.{end}", "gib") for end in (0, 1))
    rows: list[tuple[str, Markup]] = [
        (_("on the box"), Markup("{} GB").format(shown(facts, "gpu", gpu_id, "memory.marketed_gb"))),
        ("nvidia-smi", shown(facts, "gpu", gpu_id, "memory.nvidia_smi_total_mib", "gib")),
        (
            _("memory torch sees"),
            low
            if gpu.memory.torch_total_mib[0] == gpu.memory.torch_total_mib[1]
            else Markup("{} &ndash; {}").format(low, high),
        ),
        (_("bandwidth"), Markup("{} GB/s").format(shown(facts, "gpu", gpu_id, "bandwidth_gb_s"))),
        (_("streaming multiprocessors"), shown(facts, "gpu", gpu_id, "sm_count")),
    ]
    for name in _PEAKS:
        if getattr(gpu.dense_peak_tflops, name) is not None:
            words = Markup("{} TFLOP/s").format(shown(facts, "gpu", gpu_id, f"dense_peak_tflops.{name}"))
            rows.append((_("dense peak, {precision}").format(precision=name), words))
    return table((_("figure"), _("value")), rows, _("Memory and speed"))


def _supports(facts: Facts, gpu_id: str) -> Markup:
    names = {
        "tensor_cores": _("tensor cores"),
        "bf16": "bf16",
        "tf32": "TF32",
        "fp8": "fp8",
        "flash_attention_2": "FlashAttention-2",
        "sdpa_flash": _("flash kernel of torch's SDPA"),
        "sdpa_mem_efficient": _("memory-efficient kernel of torch's SDPA"),
        "bnb_8bit_optimizer": _("8-bit optimizers (bitsandbytes)"),
        "torch_default_wheel": _("the default wheel of torch"),
    }
    rows = [(words, shown(facts, "gpu", gpu_id, f"supports.{name}")) for name, words in names.items()]
    return table((_("feature"), _("supported")), rows, _("What it can do"))
