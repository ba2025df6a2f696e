"""Encoders of real architectures with random weights, as other people save them, and a tokenizer for them."""

import string
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedTokenizerFast

from tests.unit.world import CLASSES, rows

_SMALL: dict[str, dict[str, Any]] = {
    "bert": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32},
    "roberta": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32},
    "modernbert": {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
        "global_attn_every_n_layers": 2, "local_attention": 8,
    },
    "deberta-v2": {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
        "relative_attention": True, "position_biased_input": False, "pos_att_type": ["p2c", "c2p"], "share_att_key": True, "type_vocab_size": 0,
    },
}  # fmt: skip
KINDS = tuple(_SMALL)
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def word_pieces(seed: int = 0) -> PreTrainedTokenizerFast:
    """A vocabulary that knows the tiny task; another one for another seed."""
    words = {word for row in rows(100) for word in row["source"].split()}
    pieces = [
        *sorted(words | {name.lower() for name in CLASSES} | {"tiny", ":"}),
        *string.ascii_lowercase,
    ]
    pieces += [f"##{letter}" for letter in string.ascii_lowercase]
    known = list(dict.fromkeys([*_SPECIAL, *pieces[seed:], *pieces[:seed]]))
    vocabulary = {piece: index for index, piece in enumerate(known)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=ends)
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **dict(zip(names, _SPECIAL, strict=True))
    )


def write_encoder(folder: Path, kind: str = "bert", *, seed: int = 0, **changes: Any) -> Path:
    """A masked language model in ``folder`` as `save_pretrained` leaves it: without a head for any task."""
    tokenizer = word_pieces(seed)
    config = AutoConfig.for_model(
        kind, vocab_size=len(tokenizer), pad_token_id=0, max_position_embeddings=64, **{**_SMALL[kind], **changes}
    )  # fmt: skip
    torch.manual_seed(seed)
    AutoModelForMaskedLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
