"""Build and load checkpoints of the T5 architecture; save any encoder-decoder.

A nano model is a `T5Shape` that raydoa builds from a seed and pretrains itself; every other model is
a checkpoint folder (downloaded from the hub or the user's own). Those of this architecture are T5, T5 v1.1, mT5 and
umT5: encoder and decoder share their embedding; in all but T5 the output head is a matrix of its own.

transformers 5 declares the head tied for every T5 and unties it only after comparing values at load, a
comparison that sees empty tensors under ZeRO-3 and then ties v1.1's head to its embedding without a word.
`UntiedT5` declares what is true of v1.1, so the head survives every way of loading; `load_model` checks it. For mT5
and umT5 it is the same.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import torch
from transformers import T5ForConditionalGeneration

from raydoa.errors import UserError
from raydoa.models.broken_files import read_as
from raydoa.models.family import AS_IS, Opening
from raydoa.models.head import save_head
from raydoa.models.hub import read_config
from raydoa.models.network_files import refuse_lacking, save_network, weights_as
from raydoa.models.seq2seq.output_head import with_bias
from raydoa.models.seq2seq.shape import T5Shape, head_is_tied, is_t5, refuse_encoders
from raydoa.models.seq2seq.tokenizer import Tokenizer
from raydoa.training.tensor_file import full_disk_is_os_error

_HEAD = "lm_head.weight"
_BIAS = "final_logits_bias"


class UntiedT5(T5ForConditionalGeneration):
    """T5 v1.1: the output head is not the embedding."""

    _tied_weights_keys: ClassVar[dict[str, str]] = {
        "encoder.embed_tokens.weight": "shared.weight",
        "decoder.embed_tokens.weight": "shared.weight",
    }


def _class(kind: str, tied: bool) -> Any:
    """The class of a T5, an mT5 or a umT5 whose head is its embedding, or is not."""
    if kind == "t5":
        return T5ForConditionalGeneration if tied else UntiedT5
    return _multilingual(kind, tied)


@cache
def _multilingual(kind: str, tied: bool) -> Any:
    # Imported where they are used: each is a file of its own in transformers, and takes a while.
    from transformers import MT5ForConditionalGeneration, UMT5ForConditionalGeneration

    theirs: Any = MT5ForConditionalGeneration if kind == "mt5" else UMT5ForConditionalGeneration
    if tied:
        return theirs
    return type(theirs.__name__, (theirs,), {"_tied_weights_keys": UntiedT5._tied_weights_keys})


def build_model(shape: T5Shape, seed: int, dropout: float) -> Any:
    """A freshly initialised model; the same seed gives the same weights."""
    made = _class(shape.kind, shape.tied)
    config = made.config_class(
        vocab_size=shape.vocabulary,
        d_model=shape.d_model,
        d_kv=shape.d_kv,
        d_ff=shape.d_ff,
        num_heads=shape.heads,
        num_layers=shape.encoder_layers,
        num_decoder_layers=shape.decoder_layers,
        feed_forward_proj="gated-gelu" if shape.gated else "relu",
        tie_word_embeddings=shape.tied,
        dropout_rate=dropout,
        decoder_start_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = made(config)
    if shape.tied:
        return model
    with torch.no_grad():
        # T5 draws an untied head with variance 1, for Adafactor's relative steps; under AdamW a nano model
        # would spend its training on unlearning logits of that size.
        model.lm_head.weight.mul_(shape.d_model**-0.5)
    _check_head(model, "a freshly built model")
    return model


def load_model(folder: Path, how: Opening = AS_IS) -> Any:
    """Load a checkpoint folder.

    Raises:
        UserError: not a T5 checkpoint, or one whose weights do not fit its config.
    """
    config = read_config(folder)
    if not is_t5(config):
        raise UserError(
            f"{folder / 'config.json'}: model_type is {config.get('model_type')!r}; only T5-architecture checkpoints "
            "('t5', 'mt5', 'umt5') can be loaded as T5"
        )
    refuse_encoders(config, str(folder / "config.json"))
    kind = _class(config["model_type"], head_is_tied(config))
    with read_as("T5", folder):
        model, loading = kind.from_pretrained(
            folder,
            dropout_rate=how.dropout,
            local_files_only=True,
            output_loading_info=True,
            **weights_as(how),
        )
    refuse_lacking(loading["missing_keys"], folder)
    if not _is_tied(model):
        _check_head(model, str(folder))
    return model


def save_model(
    model: Any,
    tokenizer: Tokenizer,
    folder: Path,
    *,
    state: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Write config, safetensors weights, the tokenizer, and the head on its own (what soft labels need).

    ``state`` replaces the model's own weights (a consolidated ZeRO-3 state).

    Raises:
        OSError: the disk is full.
    """
    changes: dict[str, Any] = {"dtype": str(model.dtype).removeprefix("torch.")}
    if is_t5(model.config.to_dict()):
        # transformers 5 writes `true` for every T5; readers (this one included) need to know.
        changes["tie_word_embeddings"] = _is_tied(model)
        changes["architectures"] = [
            type(model).__name__.replace(UntiedT5.__name__, T5ForConditionalGeneration.__name__)
        ]
    save_network(model, folder, state, **changes)
    weights = state if state is not None else model.state_dict()
    head = weights[_HEAD if _HEAD in weights else model.all_tied_weights_keys[_HEAD]]
    save_head(with_bias(head, weights.get(_BIAS)), folder)
    with full_disk_is_os_error():
        model.generation_config.save_pretrained(folder)
    tokenizer.save(folder)


def _is_tied(model: Any) -> bool:
    return _HEAD in type(model)._tied_weights_keys


def _check_head(model: Any, where: str) -> None:
    head, embedding = model.lm_head.weight, model.shared.weight
    same = head.data_ptr() == embedding.data_ptr() and head.numel() > 0
    assert not same, f"{where}: the untied head was tied to the embedding while loading"
