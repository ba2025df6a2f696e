"""Build, load and save checkpoints of the T5 architecture.

A nano model is a `T5Shape` that raydoa builds from a seed and pretrains itself; every other model is
a checkpoint folder (downloaded from the hub or the user's own). All are T5 v1.1 or T5: encoder and decoder
share their embedding; in v1.1 the output head is a matrix of its own.

transformers 5 declares the head tied for every T5 and unties it only after comparing values at load, a
comparison that sees empty tensors under ZeRO-3 and then ties v1.1's head to its embedding without a word.
`UntiedT5` declares what is true of v1.1, so the head survives every way of loading; `load_model` checks it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import torch
from safetensors.torch import save_file
from transformers import T5Config, T5ForConditionalGeneration
from transformers.utils import logging as transformers_logging

from raydoa.errors import UserError
from raydoa.models.broken_files import read_as
from raydoa.models.head import save_head
from raydoa.models.hub import read_config
from raydoa.models.seq2seq.shape import T5Shape, head_is_tied, is_t5
from raydoa.models.seq2seq.tokenizer import Tokenizer
from raydoa.training.tensor_file import full_disk_is_os_error

# A sweep loads hundreds of models, and tells of its progress itself.
transformers_logging.disable_progress_bar()

WEIGHTS_FILE = "model.safetensors"
_HEAD = "lm_head.weight"


class UntiedT5(T5ForConditionalGeneration):
    """T5 v1.1: the output head is not the embedding."""

    _tied_weights_keys: ClassVar[dict[str, str]] = {
        "encoder.embed_tokens.weight": "shared.weight",
        "decoder.embed_tokens.weight": "shared.weight",
    }


def build_model(shape: T5Shape, seed: int, dropout: float) -> T5ForConditionalGeneration:
    """A freshly initialised model; the same seed gives the same weights."""
    config = T5Config(
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
        model = (T5ForConditionalGeneration if shape.tied else UntiedT5)(config)
    if shape.tied:
        return model
    with torch.no_grad():
        # T5 draws an untied head with variance 1, for Adafactor's relative steps; under AdamW a nano model
        # would spend its training on unlearning logits of that size.
        model.lm_head.weight.mul_(shape.d_model**-0.5)
    _check_head(model, "a freshly built model")
    return model


def load_model(
    folder: Path,
    *,
    dropout: float = 0.0,
    dtype: torch.dtype = torch.float32,
    device_map: str | dict[str, int] | None = None,
) -> T5ForConditionalGeneration:
    """Load a checkpoint folder in ``dtype``; ``device_map='auto'`` spreads it over the visible GPUs.

    Raises:
        UserError: not a T5 checkpoint, or one whose weights do not fit its config.
    """
    config = read_config(folder)
    if not is_t5(config):
        raise UserError(
            f"{folder / 'config.json'}: model_type is {config.get('model_type')!r}; only T5-architecture checkpoints "
            "('t5') can be loaded as T5"
        )
    kind = T5ForConditionalGeneration if head_is_tied(config) else UntiedT5
    with read_as("T5", folder):
        model, loading = kind.from_pretrained(
            folder,
            dropout_rate=dropout,
            dtype=dtype,
            local_files_only=True,
            device_map=device_map,
            output_loading_info=True,
        )
    if loading["missing_keys"]:
        # transformers fills them with random numbers and only warns.
        names = sorted(loading["missing_keys"])
        raise UserError(
            f"{folder}: its weights lack {len(names)} tensors of its config, such as {names[0]}; "
            "save the model again"
        )
    if kind is UntiedT5:
        _check_head(model, str(folder))
    return model


def save_model(
    model: T5ForConditionalGeneration,
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
    folder.mkdir(parents=True, exist_ok=True)
    weights = state if state is not None else model.state_dict()
    untied = isinstance(model, UntiedT5)
    head = weights[_HEAD if untied or _HEAD in weights else "shared.weight"]
    # What is tied has several names and is kept under one. `save_pretrained` would write the same files, but imports
    # DeepSpeed before (2 s of a process's first save), to see whether the model is wrapped in it.
    tied = set(type(model)._tied_weights_keys)
    own = {name: tensor.contiguous() for name, tensor in weights.items() if name not in tied}
    with full_disk_is_os_error():
        save_file(own, folder / WEIGHTS_FILE, metadata={"format": "pt"})
        save_head(head, folder)
        model.config.save_pretrained(folder)
        model.generation_config.save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    # transformers 5 writes `true` for every T5; readers (this one included) need to know.
    config["tie_word_embeddings"] = not untied
    config["architectures"] = ["T5ForConditionalGeneration"]
    config["dtype"] = str(model.dtype).removeprefix("torch.")
    path.write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")
    tokenizer.save(folder)


def _check_head(model: T5ForConditionalGeneration, where: str) -> None:
    head, embedding = model.lm_head.weight, model.shared.weight
    same = head.data_ptr() == embedding.data_ptr() and head.numel() > 0
    assert not same, f"{where}: the untied head was tied to the embedding while loading"
