"""Write kb/layouts/MODEL.json: the parameters of each network as several GPUs share them out.

`scripts/layouts.py biobert` writes one model; without names all, which takes some minutes. `--check` compares.

Exit codes: 0 done, 1 with --check where a file differs.
"""

import argparse
import json
import os
import sys
import warnings
from typing import Any

import torch

from recipe_kb.errors import Exit
from recipe_kb.memory.layout import pack_layout
from recipe_kb.schema.base import Method
from recipe_kb.store.location import default_root
from recipe_kb.store.store import Store
from recipe_kb.tracing.layout import layer_class, layout_of, network_of
from recipe_kb.tracing.question import traced_versions
from recipe_kb.training.unsupported import UnsupportedError

GENERATED = "by make layouts, from the networks themselves; do not edit"
METHODS: tuple[Method, ...] = ("full", "lora", "qlora")


def main() -> None:
    """Write or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="model ids; all without")
    parser.add_argument("--check", action="store_true", help="fail if a file differs from what would be written")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    store = Store(default_root())
    folder = store.root / "layouts"
    folder.mkdir(exist_ok=True)
    differing = []
    for model_id in arguments.models or sorted(store.model_ids()):
        path, text = folder / f"{model_id}.json", json.dumps(_record(store, model_id), indent=1) + "\n"
        if arguments.check:
            differing += [model_id] * (not path.exists() or path.read_text(encoding="utf-8") != text)
        else:
            path.write_text(text, encoding="utf-8")
            print(model_id, flush=True)
    if differing:
        print(f"differ: {', '.join(differing)}", file=sys.stderr)
    sys.exit(Exit.FINDING if differing else Exit.DONE)


def _record(store: Store, model_id: str) -> dict[str, Any]:
    """Return the object of a model's file."""
    layouts, layer = {}, ""
    for method in METHODS:
        try:
            network = network_of(store, model_id, method)
        except UnsupportedError:
            continue
        layouts[method], layer = pack_layout(layout_of(network)), layer_class(network)
    return {"generated": GENERATED, "versions": traced_versions(), "layer": layer, "layouts": layouts}


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
