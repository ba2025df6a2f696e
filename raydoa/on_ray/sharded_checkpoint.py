"""Checkpoints of a DeepSpeed training that a worker group of any size and ZeRO stage can resume from.

Each worker writes the fragments of parameters that its own optimiser holds: the fp32 weights and AdamW's two moments,
under the parameter's name and the index where the fragment begins. On load, a worker takes what overlaps the fragments
that it holds now, from whichever files have it. No worker gathers a whole parameter, nothing is converted in between,
and the format is safetensors, which executes nothing on load.

DeepSpeed's own way, `ds_to_universal`, does not carry our trainings (0.19.8): it has no ZeRO 0, asks ZeRO 1 and 2 for
metadata of Megatron's, and under ZeRO 3 gives all parameter groups one step counter, which each of them then advances.
docs/preemption.md has the measurements.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from raydoa.on_ray.deepspeed_internals import (
    Fragment,
    fragments,
    full_shapes,
    is_replicated,
    optimizer_state,
    refresh_weights,
)
from raydoa.training.manifest import UnusableCheckpoint
from raydoa.training.tensor_file import full_disk_is_os_error

_MOMENTS = ("exp_avg", "exp_avg_sq")


def save_fragments(engine: Any, folder: Path, steps_done: int) -> None:
    """Write what this worker's optimiser holds; where all hold the same (ZeRO 0), only rank 0 writes any tensors."""
    rank = torch.distributed.get_rank()
    tensors: dict[str, torch.Tensor] = {}
    metadata = {"steps_done": str(steps_done), "shapes": json.dumps(full_shapes(engine))}
    if rank == 0 or not is_replicated(engine):
        for fragment in fragments(engine):
            state = optimizer_state(engine)[fragment.holder]
            parts = {"master": fragment.master} | {m: fragment.part_of(state[m]) for m in _MOMENTS}
            for kind, values in parts.items():
                key = f"{fragment.name}/{kind}/{fragment.start}"
                tensors[key] = values.detach().cpu().contiguous()
            # Not always the steps done: bf16 under ZeRO 0 takes one of its own before the first.
            metadata["optimizer_steps"] = str(float(state["step"]))
    # All workers' files end up in one folder.
    with full_disk_is_os_error():
        save_file(tensors, folder / f"rank-{rank}.safetensors", metadata)


def load_fragments(engine: Any, folder: Path) -> int:
    """Restore weights and optimiser from what a group wrote to ``folder``; every worker must call it. Returns the steps done.

    Raises:
        UnusableCheckpoint: it is of another model, or of none, on every worker; nothing is changed.
    """
    files = sorted(folder.glob("rank-*.safetensors"))
    if not files:
        raise UnusableCheckpoint("it has no weights")
    metadata = _metadata(files[0])
    if metadata["shapes"] != full_shapes(engine):
        raise UnusableCheckpoint("it is of a model of another shape")
    wanted, states = fragments(engine), optimizer_state(engine)
    for holder in {id(fragment.holder): fragment.holder for fragment in wanted}.values():
        states[holder] = {
            "step": torch.tensor(metadata["optimizer_steps"]),
            **{name: torch.zeros_like(holder) for name in _MOMENTS},
        }
    missing = {(f.name, f.start): 3 * len(f.master) for f in wanted}
    with torch.no_grad():
        for file in files:
            with safe_open(file, framework="pt") as saved:
                index = _index(saved.keys())
                for fragment in wanted:
                    filled = _fill(fragment, saved, index, states[fragment.holder])
                    missing[fragment.name, fragment.start] -= filled
    incomplete = [name for (name, _), elements in missing.items() if elements]
    assert not incomplete, f"{folder}: parts of {incomplete[0]} are missing"
    refresh_weights(engine)
    return int(metadata["steps_done"])


def _metadata(file: Path) -> dict[str, Any]:
    """What `save_fragments` wrote beside the tensors."""
    try:
        with safe_open(file, framework="pt") as saved:
            found = saved.metadata()
        return {
            "shapes": json.loads(found["shapes"]),
            "optimizer_steps": float(found["optimizer_steps"]),
            "steps_done": int(found["steps_done"]),
        }
    except (SafetensorError, ValueError, RecursionError, LookupError, TypeError) as error:
        raise UnusableCheckpoint(f"{file.name} is not of a training") from error


def _index(keys: list[str]) -> Mapping[tuple[str, str], list[int]]:
    """Where the fragments of each parameter begin, by its name and the kind of tensor."""
    index: dict[tuple[str, str], list[int]] = {}
    for key in keys:
        name, kind, start = key.rsplit("/", 2)
        index.setdefault((name, kind), []).append(int(start))
    return index


def _fill(
    fragment: Fragment, saved: Any, index: Mapping[tuple[str, str], list[int]], state: Any
) -> int:
    """Copy what a file has of ``fragment``; returns the number of elements copied."""
    filled = 0
    for kind in ("master", *_MOMENTS):
        target = fragment.master if kind == "master" else fragment.part_of(state[kind])
        for start in index.get((fragment.name, kind), ()):
            source = saved.get_slice(f"{fragment.name}/{kind}/{start}")
            first = max(start, fragment.start)
            last = min(start + source.get_shape()[0], fragment.start + len(target))
            if first < last:
                overlap = source[first - start : last - start].to(target.device)
                target[first - fragment.start : last - fragment.start] = overlap
                filled += last - first
    return filled
