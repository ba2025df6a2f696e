"""Checkpoints with random weights, and rows for them: what both trainings begin with."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    PreTrainedTokenizerFast,
)

from raydoa.models.seq2seq.checkpoint import build_model, save_model
from raydoa.models.seq2seq.nano import nano_shape
from raydoa.models.seq2seq.tokenizer import load_tokenizer

VOCABULARY = 8192
CLASSES = ("no", "yes", "not enough said")
_SPECIAL = {"<pad>": 0, "</s>": 1, "<unk>": 2, "<s>": 3}
_SPECIAL_IDS = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 3}
_BERT_IDS = {"pad_token_id": 0, "cls_token_id": 3, "sep_token_id": 1}
_WORDS = [f"w{index}" for index in range(VOCABULARY - len(_SPECIAL) - 5)]


@dataclass(frozen=True)
class Row:
    """A source and its target: one of `CLASSES`, or some words."""

    source: str
    target: str


def rows_of(count: int, *, classes: bool) -> list[Row]:
    """Rows of 6 to 24 words, with a class each or a target of 3 to 10 words."""
    chance = random.Random(0)

    def words(least: int, most: int) -> str:
        return " ".join(chance.choices(_WORDS, k=chance.randint(least, most)))

    return [
        Row(words(6, 24), chance.choice(CLASSES) if classes else words(3, 10)) for _ in range(count)
    ]


def write_checkpoint(name: str, folder: Path) -> str:
    """Write the model called ``name``; returns its family."""
    tokenizer = Tokenizer(models.WordLevel(_vocabulary(), unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    ends = [(token, _SPECIAL[token]) for token in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=ends)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", bos_token="<s>",
        cls_token="<s>", sep_token="</s>",
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(0)
    family, write = MODELS[name]
    write(folder)
    return family


def _vocabulary() -> dict[str, int]:
    said = sorted({word for name in CLASSES for word in name.split()})
    return {word: index for index, word in enumerate([*_SPECIAL, *said, *_WORDS])}


def _random(auto_class: Any, kind: str, config: Mapping[str, Any], folder: Path) -> None:
    made = AutoConfig.for_model(kind, vocab_size=VOCABULARY, **config)
    auto_class.from_config(made).save_pretrained(folder)


def _nano(name: str, folder: Path) -> None:
    model = build_model(nano_shape(name, VOCABULARY), 0, 0.0)
    # It writes the configuration that transformers reads as well, in which the head is not the embedding.
    save_model(model, load_tokenizer(folder), folder)
    assert json.loads((folder / "config.json").read_text())["tie_word_embeddings"] is False


MODELS: Mapping[str, tuple[str, Callable[[Path], None]]] = {
    "minilm": ("encoder", partial(_random, AutoModelForMaskedLM, "bert", {
        "hidden_size": 384, "num_hidden_layers": 2, "num_attention_heads": 12, "intermediate_size": 1536,
        "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "pad_token_id": 0,
    })),
    "modernbert": ("encoder", partial(_random, AutoModelForMaskedLM, "modernbert", {
        "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 384,
        "global_attn_every_n_layers": 3, "local_attention": 32, **_SPECIAL_IDS, **_BERT_IDS,
    })),
    "qwen3": ("causal", partial(_random, AutoModelForCausalLM, "qwen3", {
        "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64,
        "intermediate_size": 768, "tie_word_embeddings": True, **_SPECIAL_IDS,
    })),
    "nano-s": ("seq2seq", partial(_nano, "nano-s")),
    "nano-l": ("seq2seq", partial(_nano, "nano-l")),
    "bart": ("seq2seq", partial(_random, AutoModelForSeq2SeqLM, "bart", {
        "d_model": 256, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
        "encoder_ffn_dim": 1024, "decoder_ffn_dim": 1024, "max_position_embeddings": 128, "dropout": 0.0,
        "decoder_start_token_id": 1, "forced_eos_token_id": None, **_SPECIAL_IDS,
    })),
}  # fmt: skip
"""The family of each model and what writes it: shapes of models that people ship, made small."""
