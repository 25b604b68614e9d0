"""What is exported is accepted by what reads it: its own parser, or the schema recorded of one that cannot be here."""

import json
import os
from pathlib import Path
from unittest import mock

import jsonschema
import pytest
import yaml
from accelerate.commands.config.config_args import ClusterConfig, load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import FullyShardedDataParallelPlugin
from accelerate.utils.launch import prepare_multi_gpu_env
from jobs import job_with
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForTokenClassification, HfArgumentParser, TrainingArguments

from recipe_kb.dialects import accelerate_config, args, axolotl, lightning_cli, llamafactory, loading, yaml_config
from recipe_kb.dialects.job import Job
from recipe_kb.resolve.answer import answer_key
from tiny import BERT

SCHEMAS = Path(__file__).parent / "schemas"
METHODS = ["full", "lora", "qlora"]
PRECISIONS = ["fp32", "fp16", "bf16"]
WORKERS = {"dataloader_num_workers": 2, "dataloader_prefetch_factor": 2, "dataloader_persistent_workers": True}
peft_reads_an_old_name = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


@pytest.fixture(scope="module")
def decoders(store):
    keys = [key for key in store.recipe_keys() if store.model(key.model).family == "decoder"]
    assert len(keys) > 3
    return [Job.of(answer_key(store, key)) for key in keys]


def schema_of(dialect, name):
    """Return the recorded schema of the version that the dialect is written for."""
    return json.loads((SCHEMAS / f"{name}-{dialect.VERSION}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("dialect", "name"), [(axolotl, "axolotl"), (llamafactory, "llamafactory")])
def test_trainers_of_language_models_know_every_name_and_value(dialect, name, decoders):
    schema = schema_of(dialect, name)
    written = [dialect.write(job) for job in decoders if dialect.why_not(job) is None]
    written += [
        dialect.write(job_with("decoder", method=method, precision=precision, tf32=precision == "bf16", **WORKERS))
        for method in METHODS
        for precision in ("fp32", "bf16")
    ]
    assert len(written) > 8
    for text in written:
        jsonschema.validate(yaml.safe_load(text), schema)


@pytest.mark.parametrize(("dialect", "name"), [(axolotl, "axolotl"), (llamafactory, "llamafactory")])
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
@pytest.mark.parametrize("checkpointing", [True, False])
def test_trainers_of_language_models_know_several_gpus(dialect, name, parallel, checkpointing):
    job = job_with("decoder", num_gpus=4, parallel=parallel, precision="bf16", gradient_checkpointing=checkpointing)
    text = dialect.write(job)
    document = yaml.safe_load(text)
    jsonschema.validate(document, schema_of(dialect, name))
    assert ("fsdp_config" in document) == (parallel == "fsdp")
    if parallel == "fsdp":
        config = document["fsdp_config"]
        assert config["transformer_layer_cls_to_wrap"] in ("Qwen2DecoderLayer", ["Qwen2DecoderLayer"])
        assert config.get("activation_checkpointing", False) is checkpointing
    with pytest.raises(jsonschema.ValidationError):  # the control
        jsonschema.validate(document | {"fsdp_config": 1}, schema_of(dialect, name))


@pytest.fixture
def own_environ():
    """Take back what `TrainingArguments` tells accelerate in the environment."""
    with mock.patch.dict(os.environ):
        yield


def of_trainer(job):
    """Give the flags to the parser of transformers; alone, a process may have them too."""
    (parsed,) = HfArgumentParser(TrainingArguments).parse_args_into_dataclasses(
        [*args.write(job).split(), "--output_dir", "unused", "--use_cpu", "True"]
    )
    return parsed, TrainingArguments(**yaml.safe_load(yaml_config.write(job))["training_arguments"], use_cpu=True)


@pytest.mark.usefixtures("own_environ")
@pytest.mark.parametrize("checkpointing", [True, False])
def test_trainer_shards_layer_by_layer(checkpointing):
    job = job_with(num_gpus=4, parallel="fsdp", gradient_checkpointing=checkpointing)
    for found in of_trainer(job):
        assert found.fsdp is True
        assert found.fsdp_plugin_args["transformer_cls_names_to_wrap"] == "BertLayer"
        assert found.fsdp_plugin_args["fsdp_version"] == 2
        assert found.fsdp_plugin_args.get("activation_checkpointing", False) is checkpointing
        assert found.activation_checkpointing is False


@pytest.mark.usefixtures("own_environ")
def test_trainer_looks_for_unused_heads_under_ddp_alone():
    for found in of_trainer(job_with(tasks=3, num_gpus=4)):
        assert found.ddp_find_unused_parameters is True
        assert not found.fsdp
    for found in of_trainer(job_with(tasks=3, num_gpus=4, parallel="fsdp")):
        assert found.ddp_find_unused_parameters is None


@pytest.mark.parametrize(("dialect", "name"), [(axolotl, "axolotl"), (llamafactory, "llamafactory")])
def test_the_recorded_schemas_refuse_what_is_wrong(dialect, name):
    """The control."""
    schema = schema_of(dialect, name)
    document = yaml.safe_load(dialect.write(job_with("decoder", precision="bf16")))
    for wrong in ({"activation_checkpointing": False}, {"gradient_accumulation_steps": "many"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document | wrong, schema)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("num_gpus", [1, 4])
def test_accelerate_reads_its_configuration(precision, num_gpus, tmp_path):
    path = tmp_path / "accelerate.yaml"
    path.write_text(accelerate_config.write(job_with(precision=precision, num_gpus=num_gpus)))
    config = load_config_from_file(str(path))
    assert isinstance(config, ClusterConfig)
    assert config.mixed_precision == {"fp32": "no"}.get(precision, precision)
    assert config.num_processes == num_gpus
    assert str(config.distributed_type).rpartition(".")[2] == ("NO" if num_gpus == 1 else "MULTI_GPU")


@pytest.mark.parametrize("checkpointing", [True, False])
def test_accelerate_reads_its_configuration_of_fsdp(checkpointing, tmp_path, monkeypatch):
    """Its launcher hands it on in the environment, from which the plugin is made."""
    path = tmp_path / "accelerate.yaml"
    path.write_text(
        accelerate_config.write(job_with(num_gpus=4, parallel="fsdp", gradient_checkpointing=checkpointing))
    )
    launched, config, _ = _validate_launch_command(
        launch_command_parser().parse_args(["--config_file", str(path), "train.py"])
    )
    assert config.distributed_type == "FSDP"
    assert (launched.use_fsdp, launched.num_processes) == (True, 4)
    environ = prepare_multi_gpu_env(launched)
    for name, value in environ.items():
        if name.startswith(("FSDP_", "ACCELERATE_USE_FSDP")):
            monkeypatch.setenv(name, value)
    plugin = FullyShardedDataParallelPlugin()
    assert plugin.fsdp_version == 2
    assert plugin.transformer_cls_names_to_wrap == ["BertLayer"]
    assert plugin.reshard_after_forward is True
    assert plugin.activation_checkpointing is checkpointing


def test_accelerate_refuses_a_name_that_it_does_not_know(tmp_path):
    path = tmp_path / "accelerate.yaml"
    path.write_text(accelerate_config.write(job_with()) + "learning_rate: 1\n")
    with pytest.raises(ValueError, match="learning_rate"):
        load_config_from_file(str(path))


def test_the_flags_in_the_comments_of_accelerate_are_those_of_args():
    job = job_with(**WORKERS)
    flags = [line.removeprefix("#   ") for line in accelerate_config.write(job).splitlines() if line.startswith("#   ")]
    assert "\n".join(flags) + "\n" == args.write(job)


def test_flags_are_read_by_the_parser_of_transformers(tmp_path):
    words = args.write(job_with(precision="fp32", **WORKERS)).split()
    (parsed,) = HfArgumentParser(TrainingArguments).parse_args_into_dataclasses(
        [*words, "--output_dir", str(tmp_path), "--use_cpu", "True"]
    )
    assert parsed.learning_rate == 1e-3
    assert parsed.dataloader_persistent_workers is True


@pytest.mark.filterwarnings("ignore")  # Lightning's own, of jsonargparse and of fp16 on a CPU
@pytest.mark.parametrize(
    ("method", "precision", "cell", "strategy"),
    [(method, precision, {}, None) for method in METHODS for precision in PRECISIONS]
    + [
        ("full", "fp32", {"num_gpus": 2}, "DDPStrategy"),
        ("full", "fp32", {"num_gpus": 2, "family": "encoder", "tasks": 3}, "DDPStrategy"),
        ("full", "fp32", {"num_gpus": 2, "parallel": "fsdp"}, "ModelParallelStrategy"),
    ],
)
def test_lightning_reads_its_configuration(method, precision, cell, strategy, tmp_path, monkeypatch):
    lightning = pytest.importorskip(
        "lightning", reason="Lightning is not installed: pip install lightning jsonargparse"
    )
    from lightning.pytorch.cli import LightningCLI

    class Module(lightning.LightningModule):
        def __init__(
            self,
            model_name_or_path: str,
            dtype: str,
            attn_implementation: str,
            gradient_checkpointing: bool,
            optim: str,
            learning_rate: float,
            weight_decay: float,
            adam_beta1: float,
            adam_beta2: float,
            adam_epsilon: float,
            lr_scheduler_type: str,
            warmup_ratio: float,
            tf32: bool,
            quantization: dict | None = None,
            lora: dict | None = None,
            fsdp_config: dict | None = None,
        ):
            super().__init__()

    class Data(lightning.LightningDataModule):
        def __init__(
            self,
            max_length: int,
            tasks: int,
            per_device_train_batch_size: int,
            per_device_eval_batch_size: int,
            dataloader_num_workers: int,
            dataloader_pin_memory: bool,
            dataloader_prefetch_factor: int | None = None,
            dataloader_persistent_workers: bool = False,
        ):
            super().__init__()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["main.py"])
    path = tmp_path / "lightning.yaml"
    job = job_with(**{"family": "decoder"} | cell, method=method, precision=precision, **WORKERS)
    path.write_text(lightning_cli.write(job).replace("accelerator: gpu", "accelerator: cpu"))
    cli = LightningCLI(Module, Data, run=False, args=["--config", str(path)], save_config_callback=None)
    assert cli.trainer.accumulate_grad_batches == job.settings.gradient_accumulation_steps
    assert cli.trainer.gradient_clip_val == job.settings.max_grad_norm
    assert cli.config.model.learning_rate == job.settings.learning_rate
    if strategy:
        assert type(cli.trainer.strategy).__name__ == strategy
        assert cli.trainer.num_devices == 2
        unused = getattr(cli.trainer.strategy, "_ddp_kwargs", {}).get("find_unused_parameters", False)
        assert unused is (cell.get("tasks", 1) > 1)


@peft_reads_an_old_name
@pytest.mark.parametrize(("tasks", "trains_a_head"), [(1, True), (3, False)])
def test_peft_trains_the_new_head_of_an_encoder(tasks, trains_a_head):
    """Under several heads the adapters are on the encoder alone, whose heads are outside of peft and so trained."""
    document = yaml.safe_load(yaml_config.write(job_with(tasks=tasks, method="lora")))
    network = AutoModelForTokenClassification.from_config(AutoConfig.for_model(**BERT, num_labels=5))
    network = network.base_model if tasks > 1 else network
    network = get_peft_model(network, LoraConfig(**document["lora"]))
    trained = [name for name, weight in network.named_parameters() if weight.requires_grad]
    heads = [name for name in trained if "classifier" in name]
    assert any("lora_A" in name for name in trained)
    assert bool(heads) == trains_a_head
    assert not any("lora" in name for name in heads)


@peft_reads_an_old_name
def test_without_the_exported_task_type_the_new_head_is_not_trained():
    """The control: this is why the export names it."""
    adapters = loading.lora(job_with(method="lora"))
    for name in ("task_type", "modules_to_save"):
        del adapters[name]
    network = AutoModelForTokenClassification.from_config(AutoConfig.for_model(**BERT, num_labels=5))
    network = get_peft_model(network, LoraConfig(**adapters))
    assert not [name for name, weight in network.named_parameters() if weight.requires_grad and "classifier" in name]


def test_gpt2_tells_peft_how_its_layers_are_stored():
    assert loading.lora(job_with("decoder", method="lora", config={"model_type": "gpt2"}))["fan_in_fan_out"] is True
    assert "fan_in_fan_out" not in loading.lora(job_with("decoder", method="lora"))
