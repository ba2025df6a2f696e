"""What would break a checkpoint once money is being spent, told when a sweep is planned.

Only descriptions and headers are read: no weights are loaded, and torch is not imported. What a folder is missing to be a
checkpoint at all is told by `raydoa.models.hub` and by its family; what can be seen only with the weights in memory, by
`raydoa.models.broken_files`.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from raydoa.errors import UserError
from raydoa.models.hub import read_config, read_json
from raydoa.models.lora import is_called
from raydoa.models.token_count import token_count
from raydoa.models.weight_files import Shape, check_weights, embedding_rows, has_weights

_TRAINERS_FOLDER = re.compile(r"checkpoint-(\d+)")
_ADAPTER = "adapter_config.json"
_T5_KINDS = {"t5", "mt5", "umt5", "longt5", "switch_transformers"}


def check_checkpoint(folder: Path, *, whole: bool = True) -> None:
    """Look for damage in the checkpoint of a folder.

    ``whole``: all its weights must be there. A model of the hub may have its description alone in the local cache.

    Raises:
        UserError: it is broken: the folder, what was found in it, what to do.
    """
    try:
        described = (folder / "config.json").is_file()
        if not (described and (has_weights(folder) or not whole)):
            _refuse_adapter(folder)
            _refuse_trainers_folder(folder)
        if whole and not has_weights(folder):
            _refuse_other_names(folder)
            return  # Told by the fingerprint.
        config = read_config(folder)
        _refuse_foreign_code(folder, config)
        tensors = check_weights(folder, whole=whole)
        _check_decoder(folder, config, tensors)
        _check_embedding(folder, config, tensors)
    except OSError as error:
        raise UserError(f"{folder}: cannot be read: {error}") from error


def check_targets(folder: Path, targets: Sequence[str]) -> None:
    """Look for the layers that a LoRA is to stand beside among the names of a checkpoint's weights, where those can be read.

    Raises:
        UserError: there is no matrix of one of the names.
    """
    tensors = check_weights(folder, whole=False)
    if not tensors:
        return
    layers = {name.removesuffix(".weight") for name, shape in tensors.items() if len(shape) == 2}
    for target in targets:
        if not any(is_called(layer, target) for layer in layers):
            known = sorted({name.rsplit(".", 1)[-1] for name in layers})
            raise UserError(
                f"{folder}: lora_target_modules: found {target!r}; its matrices are called {', '.join(known)}"
            )


def _refuse_adapter(folder: Path) -> None:
    if not (folder / _ADAPTER).is_file():
        return
    base = read_json(folder / _ADAPTER).get("base_model_name_or_path")
    if isinstance(base, str) and base:
        of, instead = f"{base}, without its weights", f"name its base: {base}"
    else:
        of, instead = f"a base that its {_ADAPTER} does not name", "name its base"
    raise UserError(
        f"{folder}: a LoRA adapter of {of}; merge them (merge_and_unload of peft, then save_pretrained) and name that "
        f"folder, or {instead}"
    )


def _refuse_trainers_folder(folder: Path) -> None:
    """A `Trainer` leaves the models of its way in folders of their own, and its last one only if it is told to."""
    steps = {
        int(match[1]): path
        for path in folder.iterdir()
        if path.is_dir() and (match := _TRAINERS_FOLDER.fullmatch(path.name))
    }
    if not steps:
        return
    last = steps[max(steps)]
    best = _best_of(folder, last)
    named = best or last
    if not has_weights(named):
        _refuse_adapter(named)
    why = "the best one, says trainer_state.json" if best else f"the last of {len(steps)}"
    raise UserError(
        f"{folder}: the output of a Trainer, whose models are in folders of their own; name {named} ({why})"
    )


def _best_of(folder: Path, last: Path) -> Path | None:
    """The folder that the trainer calls its best, perhaps by its place on another machine."""
    for path in (folder / "trainer_state.json", last / "trainer_state.json"):
        # No more than advice depends on this file.
        with suppress(UserError):
            best = read_json(path).get("best_model_checkpoint") if path.is_file() else None
            name = re.split(r"[/\\]", best.rstrip("/\\"))[-1] if isinstance(best, str) else ""
            if _TRAINERS_FOLDER.fullmatch(name) and (folder / name).is_dir():
                return folder / name
    return None


def _refuse_other_names(folder: Path) -> None:
    others = sorted(
        path.name
        for pattern in ("*.safetensors", "pytorch_model*.bin")
        for path in folder.glob(pattern)
    )
    config = read_config(folder) if (folder / "config.json").is_file() else {}
    if others and "transformers_weights" not in config:
        raise UserError(
            f"{folder}: found {others[0]}, and neither model.safetensors nor pytorch_model.bin, nor an index of their "
            "shards; save the model with save_pretrained"
        )


def _refuse_foreign_code(folder: Path, config: Mapping[str, Any]) -> None:
    classes, kind = config.get("auto_map"), config.get("model_type")
    if not isinstance(classes, dict):
        return
    needed = [name for name in classes if name.startswith(("AutoConfig", "AutoModel"))]
    if needed and not (isinstance(kind, str) and _is_known(kind)):
        raise UserError(
            f"{folder / 'config.json'}: transformers knows no model_type {kind!r}, and auto_map names code of the folder "
            f"for it ({classes[needed[0]]}); raydoa runs no code of a model folder (trust_remote_code is refused), so name "
            "a model of a kind that transformers has itself"
        )


def _is_known(model_type: str) -> bool:
    # The table alone: its neighbours import torch.
    from transformers.models.auto.auto_mappings import CONFIG_MAPPING_NAMES

    return model_type in CONFIG_MAPPING_NAMES


def _check_decoder(
    folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Shape] | None
) -> None:
    """A T5 is an encoder and a decoder; its encoder alone is shipped too, for embeddings and pictures."""
    if config.get("model_type") not in _T5_KINDS:
        return
    if tensors is not None:
        lacks = not any("decoder" in name.split(".") for name in tensors)
    else:
        names = config.get("architectures")
        lacks = isinstance(names, list) and any(
            str(name).endswith("EncoderModel") for name in names
        )
    if lacks:
        raise UserError(
            f"{folder}: the encoder of a T5 alone: its weights have no decoder, so it writes nothing; name the whole "
            "model that it was taken from"
        )


def _check_embedding(
    folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Shape] | None
) -> None:
    rows = embedding_rows(tensors) if tensors is not None else None
    if rows is None:
        rows = config.get("vocab_size")
    tokens = token_count(folder)
    # More rows than tokens are padding.
    if isinstance(rows, int) and tokens is not None and tokens > rows:
        raise UserError(
            f"{folder}: its embedding has {rows:,} rows and its tokenizer {tokens:,} tokens: resize the embeddings or "
            "give the tokenizer it was trained with"
        )
