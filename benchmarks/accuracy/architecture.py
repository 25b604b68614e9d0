"""The `arch` column, which speaks of L, H and ffn, in the words of each transformers config class."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from accuracy.spec import CannotPredictError

Converter = Callable[[Any], dict[str, Any]]


@dataclass(frozen=True)
class Family:
    """How one config class calls things: `names` for plain values, `converters` for the rest."""

    model_type: str
    names: dict[str, str]
    dropouts: tuple[str, ...] = ()
    converters: dict[str, Converter] = field(default_factory=dict)


def _encoder_and_decoder(layers: Any) -> dict[str, Any]:
    """'6+6' is six layers of encoder and six of decoder."""
    encoder, _, decoder = str(layers).partition("+")
    return {"num_layers": int(encoder), "num_decoder_layers": int(decoder or encoder)}


def _attention_types(text: Any) -> dict[str, Any]:
    """'[global,local]x6' alternates global and local attention six times."""
    match = re.fullmatch(r"\[([a-z,]+)\]x(\d+)", str(text))
    if not match:
        raise CannotPredictError(f"arch: attn_types {text!r} is not understood")
    return {"attention_types": [[match[1].split(","), int(match[2])]]}


_BERT = {
    "L": "num_hidden_layers",
    "H": "hidden_size",
    "heads": "num_attention_heads",
    "ffn": "intermediate_size",
    "V": "vocab_size",
    "n_pos": "max_position_embeddings",
    "act": "hidden_act",
}
_LLAMA = _BERT | {"kv": "num_key_value_heads", "head_dim": "head_dim"}
_BERT_DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")

FAMILIES = {
    "Bert": Family("bert", _BERT, _BERT_DROPOUTS),
    "Roberta": Family("roberta", _BERT, _BERT_DROPOUTS),
    "Electra": Family("electra", _BERT, _BERT_DROPOUTS),
    "Deberta": Family("deberta", _BERT, _BERT_DROPOUTS),
    "DebertaV2": Family("deberta-v2", _BERT, _BERT_DROPOUTS),
    "DistilBert": Family(
        "distilbert",
        {"L": "n_layers", "H": "dim", "heads": "n_heads", "ffn": "hidden_dim", "V": "vocab_size"},
        ("dropout", "attention_dropout"),
    ),
    "GPT2": Family(
        "gpt2",
        {
            "L": "n_layer",
            "H": "n_embd",
            "heads": "n_head",
            "ffn": "n_inner",
            "V": "vocab_size",
            "n_pos": "n_positions",
            "act": "activation_function",
        },
        ("resid_pdrop", "embd_pdrop", "attn_pdrop"),
    ),
    "GPTNeo": Family(
        "gpt_neo",
        {
            "L": "num_layers",
            "H": "hidden_size",
            "heads": "num_heads",
            "ffn": "intermediate_size",
            "V": "vocab_size",
            "n_pos": "max_position_embeddings",
            "window": "window_size",
        },
        ("resid_dropout", "embed_dropout", "attention_dropout"),
        {"attn_types": _attention_types},
    ),
    "OPT": Family(
        "opt",
        _BERT | {"ffn": "ffn_dim", "word_embed_proj_dim": "word_embed_proj_dim", "act": "activation_function"},
        ("dropout",),
        {"pre_ln": lambda value: {"do_layer_norm_before": bool(value)}},
    ),
    "T5": Family(
        "t5",
        {"H": "d_model", "d_kv": "d_kv", "heads": "num_heads", "ffn": "d_ff", "V": "vocab_size"},
        ("dropout_rate",),
        {"L": _encoder_and_decoder},
    ),
    "XLNet": Family(
        "xlnet",
        {"L": "n_layer", "H": "d_model", "heads": "n_head", "ffn": "d_inner", "V": "vocab_size"},
        ("dropout",),
    ),
    "Llama": Family("llama", _LLAMA, ("attention_dropout",)),
    "Mistral": Family("mistral", _LLAMA, ("attention_dropout",)),
    "Qwen2": Family("qwen2", _LLAMA, ("attention_dropout",)),
    "Qwen3": Family("qwen3", _LLAMA, ("attention_dropout",)),
    "Gemma": Family("gemma", _LLAMA, ("attention_dropout",)),
    "Gemma2": Family("gemma2", _LLAMA | {"act": "hidden_activation"}, ("attention_dropout",)),
    "Phi3": Family("phi3", _LLAMA, ("attention_dropout",)),
}
"""Prefix of a model class -> how its config is spelled."""

_HEAD = re.compile(r"(.+?)(?:LMHeadModel|For[A-Z]\w+)")


def family_of(model_class: str) -> Family:
    """Return the family of a class such as `GPT2LMHeadModel`.

    Raises:
        CannotPredictError: No family has that prefix.
    """
    match = _HEAD.fullmatch(model_class)
    if not match or match[1] not in FAMILIES:
        raise CannotPredictError(f"model class {model_class!r} is not one of {', '.join(FAMILIES)} with a head")
    return FAMILIES[match[1]]


def config_of_arch(arch: dict[str, Any], family: Family) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return config values that the column states, and notes on keys that nothing here understands."""
    config, notes = dict[str, Any](), list[str]()
    for key, value in arch.items():
        if key == "cls":
            continue
        if key in family.converters:
            config |= family.converters[key](value)
        elif key in family.names:
            config[family.names[key]] = value
        elif key == "tied":
            config["tie_word_embeddings"] = bool(value)
        elif key == "dropout":
            config |= dict.fromkeys(family.dropouts, float(value))
        else:
            notes.append(f"arch: key {key!r} is not understood and left out")
    return config, tuple(notes)
