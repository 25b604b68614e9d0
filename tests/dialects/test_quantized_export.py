"""What the YAML export says of 4-bit weights: transformers keeps the heads that are trained as they are."""

import pytest
import yaml
from jobs import job_with
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForTokenClassification
from transformers.quantizers.base import HfQuantizer
from transformers.quantizers.quantizers_utils import should_convert_module

from recipe_kb.dialects import yaml_config
from tiny import BERT, QWEN2

HEADS = {"encoder": "classifier", "decoder": "lm_head"}
NETWORKS = {
    "encoder": (BERT, AutoModelForTokenClassification),
    "decoder": (QWEN2 | {"tie_word_embeddings": False}, AutoModelForCausalLM),
}


def exported(config, method="qlora"):
    family = "encoder" if config is BERT else "decoder"
    return yaml.safe_load(yaml_config.write(job_with(family, method=method, config=config, precision="fp16")))


def quantized(network, skipped):
    left_out = HfQuantizer.get_modules_to_not_convert(network, skipped)
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    return {name for name in linear if should_convert_module(name, left_out)}, set(linear)


@pytest.mark.parametrize("family", NETWORKS)
def test_everything_but_the_head_is_quantized(family):
    config, architecture = NETWORKS[family]
    network = architecture.from_config(AutoConfig.for_model(**config))
    found, linear = quantized(network, exported(config)["quantization"].get("llm_int8_skip_modules"))
    assert linear - found == {HEADS[family]}


def test_without_the_exported_list_a_classifier_is_quantized():
    """The control: this is why an encoder's export names it."""
    config, architecture = NETWORKS["encoder"]
    found, linear = quantized(architecture.from_config(AutoConfig.for_model(**config)), None)
    assert found == linear


def test_only_quantized_encoders_name_a_classifier():
    assert exported(BERT)["quantization"]["llm_int8_skip_modules"] == ["classifier"]
    assert "llm_int8_skip_modules" not in exported(QWEN2)["quantization"]
    assert "quantization" not in exported(BERT, method="lora")
