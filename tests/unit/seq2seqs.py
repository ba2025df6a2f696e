"""Encoder-decoders that are no T5, of real architectures with random weights, as other people save them."""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForSeq2SeqLM, PreTrainedTokenizerFast

from raydoa.models.seq2seq.checkpoint import build_model, save_model
from raydoa.models.seq2seq.shape import T5Shape
from tests.unit.checkpoints import VOCABULARY, vocabulary
from tests.unit.world import CLASSES, rows

_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
_SMALL = {
    "d_model": 16, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32, "decoder_ffn_dim": 24, "max_position_embeddings": 64, "bos_token_id": 0, "pad_token_id": 1,
    "eos_token_id": 2, "decoder_start_token_id": 2, "forced_eos_token_id": None, "attention_window": 8,
    "max_encoder_position_embeddings": 64, "max_decoder_position_embeddings": 32, "num_global_tokens": 2,
    "init_std": 0.4,
}  # fmt: skip
_WITHOUT_BEGINNING = {"pegasus", "marian"}


def byte_pieces(template: str = "<s> $A </s>") -> PreTrainedTokenizerFast:
    """A vocabulary of bytes that knows the tiny task, as BART's are."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=list(_SPECIAL), initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )  # fmt: skip
    tokenizer.train_from_iterator([*(r["source"] for r in rows(100)), *CLASSES, "tiny:"], trainer)
    ids = [(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(template, special_tokens=ids)
    names = ("bos_token", "pad_token", "eos_token", "unk_token")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **dict(zip(names, _SPECIAL, strict=True))
    )


def small_config(kind: str, **changes: Any) -> Any:
    return AutoConfig.for_model(kind, **{"vocab_size": 300, **_SMALL, **changes})


def write_seq2seq(folder: Path, kind: str = "bart", *, seed: int = 0, **changes: Any) -> Path:
    """A model of BART's architecture in ``folder`` as `save_pretrained` leaves it; a Marian adds a bias to its logits."""
    tokenizer = byte_pieces("$A </s>" if kind in _WITHOUT_BEGINNING else "<s> $A </s>")
    config = small_config(kind, vocab_size=len(tokenizer), **changes)
    torch.manual_seed(seed)
    model = AutoModelForSeq2SeqLM.from_config(config)
    if kind == "marian":
        model.final_logits_bias.normal_()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_multilingual(folder: Path, kind: str, *, seed: int = 0) -> Path:
    """An mT5 or a umT5 in ``folder``, as the hub has them: the head is not the embedding, and the configuration says so."""
    shape = T5Shape(
        vocabulary=VOCABULARY, d_model=16, d_kv=8, d_ff=32, heads=2, encoder_layers=2, decoder_layers=2,
        kind=kind,
    )  # fmt: skip
    save_model(build_model(shape, seed, 0.0), vocabulary(), folder)
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == kind and config["tie_word_embeddings"] is False
    return folder
