"""Build and load checkpoints of BART's architecture: all that `AutoModelForSeq2SeqLM` reads of it."""

from pathlib import Path
from typing import Any

from transformers import AutoModelForSeq2SeqLM

from raydoa.errors import UserError
from raydoa.models.family import Opening
from raydoa.models.hub import read_config
from raydoa.models.network_files import load_network, random_network
from raydoa.models.seq2seq.bart_shape import BartShape
from raydoa.models.seq2seq.pieces import TextPieces


def build_bart(shape: BartShape) -> Any:
    """A model with random weights."""
    return random_network(AutoModelForSeq2SeqLM, shape.config)


def load_bart(pieces: TextPieces, folder: Path, how: Opening) -> Any:
    """Load a checkpoint folder that writes as its tokenizer ``pieces`` does.

    Raises:
        UserError: its weights do not fit its config, or its config does not fit its tokenizer.
    """
    BartShape.from_config(read_config(folder), str(folder / "config.json"))
    network = load_network(
        AutoModelForSeq2SeqLM,
        "an encoder-decoder",
        folder,
        how,
        whole=True,
        eos_token_id=pieces.end_id,
        # Whole layers left out at random are dropout by another name, and a training resumes exactly.
        encoder_layerdrop=0.0,
        decoder_layerdrop=0.0,
    )
    starts = (
        network.config.decoder_start_token_id,
        network.generation_config.decoder_start_token_id,
        pieces.follows,
    )
    start = next((token for token in starts if token is not None), None)
    if start is None:
        raise UserError(
            f"{folder / 'config.json'}: decoder_start_token_id is missing, and its tokenizer does not say it either"
        )
    network.config.decoder_start_token_id = start
    forced = network.generation_config.forced_bos_token_id
    if forced is not None and forced != pieces.begins:
        raise UserError(
            f"{folder}: its configuration makes targets begin with id {forced} (forced_bos_token_id), and its tokenizer "
            f"with {'none' if pieces.begins is None else pieces.begins}; set the tokenizer's tgt_lang, or the id"
        )
    return network
