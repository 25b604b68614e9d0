"""What a child does: build the network on the CPU, wait for its turn, then train on the GPU and read the counters."""

import importlib.util
import math
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PrinterCallback, Trainer

from memory_grid.configuration import Configuration
from memory_grid.padding import PaddedRows
from memory_grid.tiny import fitted, tiny_model
from memory_grid.watch import Record, Watch
from recipe_kb.probe.session import is_out_of_memory
from recipe_kb.store.store import Store
from recipe_kb.training.data import Plan, TaskRows, collate
from recipe_kb.training.loop import train, training_arguments
from recipe_kb.training.network import build_network
from recipe_kb.training.steps import Step
from recipe_kb.training.unsupported import UnsupportedError

TRACEBACK_CHARACTERS = 2000
"""How much of the end of a traceback is kept."""


def measure(task: Record, wait_for_turn: Callable[[], None]) -> Record:
    """Run one configuration.

    Args:
        task: `device`, `kb` (the folder) and `configuration`.
        wait_for_turn: Returns when this process may use the GPU.

    Returns:
        `verdict`, and what was read until then: of a run that failed too.
    """
    record: Record = {}
    configuration = Configuration.from_json(task["configuration"])
    model = Store(Path(task["kb"])).model(configuration.model)
    if task["device"] == "cpu":
        model, configuration = tiny_model(model), fitted(configuration)
        record["ran"] = configuration.to_json()
    start = time.perf_counter()
    try:
        _require_packages(configuration)
        network = build_network(model, configuration.settings, tasks=configuration.tasks, method=configuration.method)
        record["build_s"] = time.perf_counter() - start
        wait_for_turn()
        start = time.perf_counter()
        _run(configuration, network, Watch(task["device"], record), record, family=model.family)
        record["verdict"] = "measured"
    except (UnsupportedError, ImportError) as error:
        record |= {"verdict": "unsupported", "error": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this configuration's result
        if is_out_of_memory(error):
            record |= {"verdict": "oom", "error": str(error).partition("\n")[0]}
        else:
            record |= {"verdict": "error", "error": traceback.format_exc()[-TRACEBACK_CHARACTERS:]}
    record["run_s"] = time.perf_counter() - start
    return record


def _require_packages(configuration: Configuration) -> None:
    # Looked for, not imported: bitsandbytes asks for the GPU when it is imported, and it is not this process's turn.
    if configuration.settings.optim == "adamw_bnb_8bit" and importlib.util.find_spec("bitsandbytes") is None:
        raise UnsupportedError("bitsandbytes is not installed")


def _run(configuration: Configuration, network: nn.Module, watch: Watch, record: Record, *, family: str) -> None:
    record["network"] = {
        "num_parameters": sum(parameter.numel() for parameter in network.parameters()),
        "num_trained": sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad),
        "attn_implementation": getattr(network.config, "_attn_implementation", None),
    }
    record["steps"] = []
    rows = partial(_rows, configuration, network, family)
    try:
        watch.enter_context()
        network.to(watch.device)  # what `Trainer` does first, done here to read the counters after it
        watch.read("after_network")
        with tempfile.TemporaryDirectory() as scratch:
            if configuration.run == "train":
                _train(configuration, network, watch, rows, Path(scratch), record["steps"])
            else:
                _evaluate(configuration, network, watch, rows, Path(scratch))
    finally:
        watch.finish()


Rows = Callable[[int, int], TaskRows]
"""From batch size and number of micro-batches to rows."""


def _train(
    configuration: Configuration, network: nn.Module, watch: Watch, rows: Rows, scratch: Path, steps: list[Record]
) -> None:
    settings = configuration.settings

    def on_step(step: Step) -> None:
        steps.append({name: _finite(value) for name, value in step.model_dump().items()})
        if len(steps) == configuration.num_steps:  # nothing is left to train: `train` goes on to its evaluation
            watch.end()
            watch.begin("evaluation")

    watch.begin("training")
    train(
        network,
        training_arguments(
            settings, num_steps=configuration.num_steps, output_dir=scratch, use_cpu=watch.device == "cpu"
        ),
        train_rows=rows(
            settings.per_device_train_batch_size, configuration.num_steps * settings.gradient_accumulation_steps
        ),
        eval_rows=rows(settings.per_device_eval_batch_size, configuration.num_eval_batches),
        on_step=on_step,
    )
    watch.end()


def _evaluate(configuration: Configuration, network: nn.Module, watch: Watch, rows: Rows, scratch: Path) -> None:
    settings = configuration.settings
    watch.begin("evaluation")
    trainer = Trainer(
        model=network,
        args=training_arguments(settings, num_steps=1, output_dir=scratch, use_cpu=watch.device == "cpu"),
        eval_dataset=rows(settings.per_device_eval_batch_size, configuration.num_eval_batches),
        data_collator=collate,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.evaluate()
    watch.end()


def _rows(
    configuration: Configuration, network: nn.Module, family: Any, batch_size: int, num_micro_batches: int
) -> TaskRows:
    plan = Plan(
        family=family,
        tasks=configuration.tasks,
        mixing=configuration.mixing,
        vocab_size=network.config.vocab_size,
        max_length=configuration.max_length,
        batch_size=batch_size,
        num_micro_batches=num_micro_batches,
    )
    return PaddedRows(plan, network.config.pad_token_id) if configuration.padding else TaskRows(plan)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
