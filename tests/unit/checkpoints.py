"""T5 checkpoints as other people save them: with transformers, tied or not, with either kind of tokenizer."""

from pathlib import Path

import torch
from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer

from raydoa.models.seq2seq.checkpoint import UntiedT5
from raydoa.models.seq2seq.tokenizer import SentencePieceTokenizer, train_sentencepiece
from tests.unit.world import CLASSES, rows

VOCABULARY = 96


def vocabulary(size: int = 60) -> SentencePieceTokenizer:
    """A sentencepiece vocabulary that knows the tiny task."""
    return train_sentencepiece([*(r["source"] for r in rows(100)), *CLASSES, "tiny:"] * 2, size)


def write_checkpoint(
    folder: Path,
    *,
    untied: bool = True,
    d_model: int = 16,
    tokenizer_json: bool = False,
    seed: int = 0,
    vocabulary_size: int = VOCABULARY,
) -> Path:
    """A model in ``folder`` as `save_pretrained` leaves it; transformers 5 says of all that they are tied."""
    config = T5Config(
        vocab_size=vocabulary_size,
        d_model=d_model,
        d_kv=8,
        d_ff=32,
        num_heads=2,
        num_layers=1,
        feed_forward_proj="gated-gelu" if untied else "relu",
        tie_word_embeddings=not untied,
        decoder_start_token_id=0,
    )
    torch.manual_seed(seed)
    model = (UntiedT5 if untied else T5ForConditionalGeneration)(config)
    model.save_pretrained(folder)
    vocabulary().save(folder)
    if tokenizer_json:
        T5Tokenizer.from_pretrained(folder, extra_ids=20).save_pretrained(folder)
        (folder / "spiece.model").unlink()
    return folder
