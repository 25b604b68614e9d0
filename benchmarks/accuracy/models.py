"""Public config values of the networks that measured runs name, so that they can be built without the hub.

Only what differs from the defaults of transformers' config class and changes memory.
Source of each: config.json of the repository of that name on https://huggingface.co.
"""

from dataclasses import dataclass
from typing import Any

_GPT_NEO = {
    "vocab_size": 50257,
    "max_position_embeddings": 2048,
    "window_size": 256,
    "resid_dropout": 0.0,
    "embed_dropout": 0.0,
    "attention_dropout": 0.0,
}
_CEREBRAS = {
    "n_positions": 2048,
    "activation_function": "gelu",
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
}
_T5 = {"d_kv": 64, "vocab_size": 32128, "decoder_start_token_id": 0}
_BERT_LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
_ROBERTA = {"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1}
_QWEN = {"vocab_size": 151936}
_QWEN3 = _QWEN | {"head_dim": 128, "num_key_value_heads": 8}
_LLAMA_32 = {"vocab_size": 128256, "num_key_value_heads": 8, "tie_word_embeddings": True}


@dataclass(frozen=True)
class Published:
    """One network: model type, the class that a language modelling run builds, and its config values."""

    model_type: str
    model_class: str
    config: dict[str, Any]


MODELS = {
    "gpt-neo-125m": Published(
        "gpt_neo",
        "GPTNeoForCausalLM",
        _GPT_NEO
        | {"hidden_size": 768, "num_layers": 12, "num_heads": 12, "attention_types": [[["global", "local"], 6]]},
    ),
    "gpt-neo-1.3b": Published(
        "gpt_neo",
        "GPTNeoForCausalLM",
        _GPT_NEO
        | {"hidden_size": 2048, "num_layers": 24, "num_heads": 16, "attention_types": [[["global", "local"], 12]]},
    ),
    "opt-125m": Published("opt", "OPTForCausalLM", {}),
    "opt-350m": Published(
        "opt",
        "OPTForCausalLM",
        {
            "hidden_size": 1024,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "ffn_dim": 4096,
            "word_embed_proj_dim": 512,
            "do_layer_norm_before": False,
        },
    ),
    "opt-1.3b": Published(
        "opt",
        "OPTForCausalLM",
        {
            "hidden_size": 2048,
            "num_hidden_layers": 24,
            "num_attention_heads": 32,
            "ffn_dim": 8192,
            "word_embed_proj_dim": 2048,
        },
    ),
    "cerebras-gpt-111m": Published(
        "gpt2", "GPT2LMHeadModel", _CEREBRAS | {"n_embd": 768, "n_layer": 10, "n_head": 12, "n_inner": 3072}
    ),
    "cerebras-gpt-256m": Published(
        "gpt2", "GPT2LMHeadModel", _CEREBRAS | {"n_embd": 1088, "n_layer": 14, "n_head": 17, "n_inner": 4352}
    ),
    "distilgpt2": Published("gpt2", "GPT2LMHeadModel", {"n_layer": 6}),
    "gpt2": Published("gpt2", "GPT2LMHeadModel", {}),
    "gpt2-medium": Published("gpt2", "GPT2LMHeadModel", {"n_embd": 1024, "n_layer": 24, "n_head": 16}),
    "gpt2-large": Published("gpt2", "GPT2LMHeadModel", {"n_embd": 1280, "n_layer": 36, "n_head": 20}),
    "gpt2-xl": Published("gpt2", "GPT2LMHeadModel", {"n_embd": 1600, "n_layer": 48, "n_head": 25}),
    "t5-small": Published(
        "t5",
        "T5ForConditionalGeneration",
        _T5 | {"d_model": 512, "d_ff": 2048, "num_layers": 6, "num_heads": 8},
    ),
    "t5-base": Published(
        "t5",
        "T5ForConditionalGeneration",
        _T5 | {"d_model": 768, "d_ff": 3072, "num_layers": 12, "num_heads": 12},
    ),
    "t5-large": Published(
        "t5",
        "T5ForConditionalGeneration",
        _T5 | {"d_model": 1024, "d_ff": 4096, "num_layers": 24, "num_heads": 16},
    ),
    "deberta-base": Published(
        "deberta",
        "DebertaForMaskedLM",
        {
            "vocab_size": 50265,
            "type_vocab_size": 0,
            "relative_attention": True,
            "pos_att_type": ["c2p", "p2c"],
            "max_relative_positions": -1,
            "position_biased_input": False,
            "layer_norm_eps": 1e-7,
        },
    ),
    "bert-base-uncased": Published("bert", "BertForMaskedLM", {}),
    "bert-base-cased": Published("bert", "BertForMaskedLM", {"vocab_size": 28996}),
    "bert-large-uncased": Published("bert", "BertForMaskedLM", _BERT_LARGE),
    "bert-large-cased": Published("bert", "BertForMaskedLM", _BERT_LARGE | {"vocab_size": 28996}),
    "roberta-base": Published("roberta", "RobertaForMaskedLM", _ROBERTA),
    "roberta-large": Published("roberta", "RobertaForMaskedLM", _ROBERTA | _BERT_LARGE),
    "distilbert-base-uncased": Published("distilbert", "DistilBertForMaskedLM", {}),
    "xlnet-base-cased": Published(
        "xlnet", "XLNetLMHeadModel", {"d_model": 768, "n_layer": 12, "n_head": 12, "d_inner": 3072}
    ),
    "xlnet-large-cased": Published("xlnet", "XLNetLMHeadModel", {}),
    "qwen3-0.6b": Published(
        "qwen3",
        "Qwen3ForCausalLM",
        _QWEN3
        | {
            "hidden_size": 1024,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "intermediate_size": 3072,
            "tie_word_embeddings": True,
        },
    ),
    "qwen3-1.7b": Published(
        "qwen3",
        "Qwen3ForCausalLM",
        _QWEN3
        | {
            "hidden_size": 2048,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "intermediate_size": 6144,
            "tie_word_embeddings": True,
        },
    ),
    "qwen3-4b": Published(
        "qwen3",
        "Qwen3ForCausalLM",
        _QWEN3
        | {
            "hidden_size": 2560,
            "num_hidden_layers": 36,
            "num_attention_heads": 32,
            "intermediate_size": 9728,
            "tie_word_embeddings": True,
        },
    ),
    "qwen2.5-0.5b": Published(
        "qwen2",
        "Qwen2ForCausalLM",
        _QWEN
        | {
            "hidden_size": 896,
            "num_hidden_layers": 24,
            "num_attention_heads": 14,
            "num_key_value_heads": 2,
            "intermediate_size": 4864,
            "tie_word_embeddings": True,
        },
    ),
    "deepseek-r1-distill-qwen-1.5b": Published(
        "qwen2",
        "Qwen2ForCausalLM",
        _QWEN
        | {
            "hidden_size": 1536,
            "num_hidden_layers": 28,
            "num_attention_heads": 12,
            "num_key_value_heads": 2,
            "intermediate_size": 8960,
            "tie_word_embeddings": False,
        },
    ),
    "gemma-2-2b": Published(
        "gemma2",
        "Gemma2ForCausalLM",
        {
            "hidden_size": 2304,
            "num_hidden_layers": 26,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "head_dim": 256,
            "intermediate_size": 9216,
            "vocab_size": 256000,
            "tie_word_embeddings": True,
        },
    ),
    "llama-3.2-1b": Published(
        "llama",
        "LlamaForCausalLM",
        _LLAMA_32
        | {
            "hidden_size": 2048,
            "num_hidden_layers": 16,
            "num_attention_heads": 32,
            "head_dim": 64,
            "intermediate_size": 8192,
        },
    ),
    "llama-3.2-3b": Published(
        "llama",
        "LlamaForCausalLM",
        _LLAMA_32
        | {
            "hidden_size": 3072,
            "num_hidden_layers": 28,
            "num_attention_heads": 24,
            "head_dim": 128,
            "intermediate_size": 8192,
        },
    ),
}
"""Name without its owner, in lower case -> what it is."""

_SAME_SHAPE = ("-instruct", "-it", "-base")
"""Endings of fine-tuned releases, which have the shape of the network they were tuned from."""


def find(name: str) -> Published | None:
    """Return a network by its hub id, however its owner and case are written; None if it is not listed."""
    bare = name.strip().lower().rpartition("/")[2]
    if bare in MODELS:
        return MODELS[bare]
    for ending in _SAME_SHAPE:
        if bare.removesuffix(ending) in MODELS:
            return MODELS[bare.removesuffix(ending)]
    return None
