"""One of two CPU processes that train together, and what it allocates to do so: run by `test_real_several`.

Usage: several_processes.py WAY MODEL RANK FOLDER [PRECISION]; writes FOLDER/RANK.json.
"""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import distributed as dist

from recipe_kb.tracing.layout import layer_class
from recipe_kb.training.network import build_network
from tiny import BERT, QWEN2, model_of, settings_with

WORLD_SIZE = 2
CONFIGS = {
    "bert": BERT | {"vocab_size": 9001, "hidden_size": 258, "intermediate_size": 1031, "num_hidden_layers": 3},
    "qwen2": QWEN2 | {"vocab_size": 9001, "hidden_size": 260, "intermediate_size": 1031, "num_hidden_layers": 3},
    "qwen2-tied": QWEN2 | {"vocab_size": 9001, "num_hidden_layers": 3, "tie_word_embeddings": True},
}
"""Sizes that two processes cannot halve, and gradients of several buckets."""
ROWS, LENGTH = 2, 16


def network_of(name):
    """A network, and one batch of it."""
    network = build_network(model_of(CONFIGS[name]), settings_with(), tasks=1)
    ids = torch.ones((ROWS, LENGTH), dtype=torch.long)
    return network, {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids.clone()}


def ddp(name):
    """The reducer's buckets, before and after they are made anew."""
    found = {}
    for finds_unused in (True, False):
        network, batch = network_of(name)
        wrapped = torch.nn.parallel.DistributedDataParallel(network, find_unused_parameters=finds_unused)
        for _ in range(3):  # the data of a step are logged when the next one begins
            wrapped(**batch).loss.backward()
        data = wrapped._get_ddp_logging_data()
        sizes = {key: data.get(key, "") for key in ("bucket_sizes", "rebuilt_bucket_sizes")}
        found[str(finds_unused)] = {
            key: [int(size) for size in text.split(",") if size.strip()] for key, text in sizes.items()
        }
    return found


def fsdp(name, precision):
    """Shares, gathered buffers and weights, buffers of gradients, group by group as they are made."""
    from accelerate.utils import FullyShardedDataParallelPlugin
    from accelerate.utils.fsdp_utils import fsdp2_prepare_model
    from torch.distributed.fsdp._fully_shard import _fsdp_param_group as groups

    network, batch = network_of(name)
    plugin = FullyShardedDataParallelPlugin(
        fsdp_version=2,
        auto_wrap_policy="transformer_based_wrap",
        transformer_cls_names_to_wrap=[layer_class(network)],
        cpu_ram_efficient_loading=False,
        reshard_after_forward=True,
    )
    if precision != "no":
        plugin.set_mixed_precision(precision)
    # accelerate itself takes FSDP on GPUs only; its wrapping needs no more of it than this.
    accelerator = SimpleNamespace(
        state=SimpleNamespace(fsdp_plugin=plugin),
        device=torch.device("cpu"),
        mixed_precision=precision,
        is_main_process=True,
    )
    network = fsdp2_prepare_model(accelerator, network)
    shards = [parameter._local_tensor.untyped_storage().nbytes() for parameter in network.parameters()]
    log = []
    gather, copy_out, reduce = groups.foreach_all_gather, groups.foreach_all_gather_copy_out, groups.foreach_reduce

    def logged_gather(params, *args):
        result = gather(params, *args)
        log.append(["gather", result.all_gather_output.untyped_storage().nbytes()])
        return result

    def logged_copy(result, params, group):
        copy_out(result, params, group)
        log.append(["weights", [p.all_gather_outputs[0].untyped_storage().nbytes() for p in params]])

    def logged_reduce(params, gradients, *args):
        unsharded = [gradient.untyped_storage().nbytes() for gradient in gradients]
        result = reduce(params, gradients, *args)
        kept = params[0].sharded_param.grad.to_local().untyped_storage().nbytes()
        log.append(["reduce", unsharded, result[0].untyped_storage().nbytes(), kept])
        return result

    groups.foreach_all_gather, groups.foreach_all_gather_copy_out = logged_gather, logged_copy
    groups.foreach_reduce = logged_reduce
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        loss = network(**batch).loss
    loss.float().backward()
    return {"shards": shards, "log": log}


def main():
    way, name, rank, folder, precision = sys.argv[1:]
    os.environ |= {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": str(WORLD_SIZE)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo"}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=int(rank), world_size=WORLD_SIZE)
    found = ddp(name) if way == "ddp" else fsdp(name, precision)
    dist.barrier()
    Path(folder, f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
