"""A DeepSpeed training's place on disk, in a form that any group can take up: more workers, fewer, another ZeRO stage.

Each worker writes the parts of parameters that its own optimiser holds: the fp32 weights and AdamW's two moments, under
the parameter's name and the place where the part begins. Reading, a worker takes what overlaps the parts that it holds
now, from whichever files have it. Nobody gathers a whole parameter, nothing is converted in between, and the format is
safetensors, which runs nothing on load.

DeepSpeed's own way, `ds_to_universal`, does not carry our trainings (0.19.8): it has no ZeRO 0, asks ZeRO 1 and 2 for
metadata of Megatron's, and under ZeRO 3 gives all parameter groups one step counter, which each of them then advances.
docs/preemption.md has what was measured.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Fragment:
    """Numbers ``start`` to ``start + len(master)`` of a parameter laid flat, and where the optimiser keeps them.

    Attributes:
        name: of the parameter in the module that DeepSpeed wraps.
        start: index of its first number.
        master: the fp32 weights, a view into what the optimiser steps on ``[numbers]``.
        holder: the tensor under which the optimiser keeps its state; ``master`` is a part of it.
        offset: where in ``holder`` the part begins.
    """

    name: str
    start: int
    master: torch.Tensor
    holder: torch.Tensor
    offset: int

    def part_of(self, state: torch.Tensor) -> torch.Tensor:
        """The same numbers of a state tensor that is laid out as ``holder`` is."""
        return state.view(-1).narrow(0, self.offset, len(self.master))


def save_fragments(engine: Any, folder: Path, steps_done: int) -> None:
    """Write what this worker's optimiser holds; where all hold the same (ZeRO 0), only rank 0 has anything to write."""
    rank = torch.distributed.get_rank()
    tensors: dict[str, torch.Tensor] = {}
    facts = {"steps_done": str(steps_done)}
    if engine.zero_optimization_stage() or rank == 0:
        for held in fragments(engine):
            state = engine.basic_optimizer.state[held.holder]
            parts = {"master": held.master} | {n: held.part_of(state[n]) for n in _MOMENTS}
            for kind, values in parts.items():
                tensors[f"{held.name}/{kind}/{held.start}"] = values.detach().cpu().contiguous()
            # Not always the steps done: bf16 under ZeRO 0 takes one of its own before the first.
            facts["optimiser_steps"] = str(float(state["step"]))
    # All workers' files come to lie in one folder.
    save_file(tensors, folder / f"rank-{rank}.safetensors", facts)


def load_fragments(engine: Any, folder: Path) -> int:
    """Make the engine's weights and optimiser what they were when a group wrote ``folder``; every worker must call it.

    Returns:
        The steps that had been done.
    """
    files = sorted(folder.glob("rank-*.safetensors"))
    assert files, f"{folder}: no checkpoint"
    with safe_open(files[0], framework="pt") as kept:
        facts = kept.metadata()
    held = fragments(engine)
    optimiser = engine.basic_optimizer
    for holder in {id(fragment.holder): fragment.holder for fragment in held}.values():
        optimiser.state[holder] = {
            "step": torch.tensor(float(facts["optimiser_steps"])),
            **{name: torch.zeros_like(holder) for name in _MOMENTS},
        }
    with torch.no_grad():
        left = {(f.name, f.start): 3 * len(f.master) for f in held}
        for file in files:
            with safe_open(file, framework="pt") as kept:
                index = _index(kept.keys())
                for fragment in held:
                    left[fragment.name, fragment.start] -= _fill(fragment, kept, index, optimiser)
    short = [name for (name, _), numbers in left.items() if numbers]
    assert not short, f"{folder}: parts of {short[0]} are missing"
    _refresh_model(engine)
    return int(facts["steps_done"])


def _index(keys: list[str]) -> Mapping[tuple[str, str], list[int]]:
    """Where the parts of each parameter begin, by its name and the kind of numbers."""
    index: dict[tuple[str, str], list[int]] = {}
    for key in keys:
        name, kind, start = key.rsplit("/", 2)
        index.setdefault((name, kind), []).append(int(start))
    return index


def _fill(
    fragment: Fragment, kept: Any, index: Mapping[tuple[str, str], list[int]], optimiser: Any
) -> int:
    """Copy what a file has of ``fragment``; returns how many numbers that was."""
    filled = 0
    state = optimiser.state[fragment.holder]
    for kind in ("master", *_MOMENTS):
        into = fragment.master if kind == "master" else fragment.part_of(state[kind])
        for start in index.get((fragment.name, kind), ()):
            found = kept.get_slice(f"{fragment.name}/{kind}/{start}")
            first = max(start, fragment.start)
            last = min(start + found.get_shape()[0], fragment.start + len(into))
            if first < last:
                into[first - fragment.start : last - fragment.start] = found[
                    first - start : last - start
                ].to(into.device)
                filled += last - first
    return filled


def fragments(engine: Any) -> list[Fragment]:
    """The parts of trained parameters that this worker's optimiser steps on, whatever the ZeRO stage."""
    named = _trained(engine)
    stage = engine.zero_optimization_stage()
    if stage == 0:
        return list(_whole(engine, named))
    return list(_of_stage_3(engine, named) if stage == 3 else _of_flat_groups(engine, named))


def _whole(engine: Any, named: Mapping[Any, str]) -> Iterator[Fragment]:
    for parameter, master in _masters(engine, named):
        yield Fragment(named[parameter], 0, master.detach().view(-1), master, 0)


def _masters(engine: Any, named: Mapping[Any, str]) -> Iterator[tuple[Any, torch.Tensor]]:
    """Under ZeRO 0, each parameter with what the optimiser steps on: itself, or its fp32 copy if it is in bf16."""
    if engine.optimizer is engine.basic_optimizer:
        yield from ((parameter, parameter) for parameter in named)
    else:
        groups = zip(engine.optimizer.fp16_groups, engine.optimizer.fp32_groups, strict=True)
        for low, high in groups:
            yield from zip(low, high, strict=True)


def _of_flat_groups(engine: Any, named: Mapping[Any, str]) -> Iterator[Fragment]:
    """ZeRO 1 and 2: a group's parameters are laid end to end, and each worker has one stretch of that."""
    for parameter, name in named.items():
        found = parameter._hp_mapping  # None where nothing of it lies in this worker's stretch.
        if found is not None:
            holder = _flat_partitions(engine)[found.param_group_index]
            here = found.get_hp_fragment_address()
            master = holder.detach().narrow(0, here.start, here.numel)
            yield Fragment(name, found.lp_fragment_address.start, master, holder, here.start)


def _flat_partitions(engine: Any) -> list[torch.Tensor]:
    optimiser = engine.optimizer
    # bf16 under ZeRO 1 has an optimiser of its own.
    if hasattr(optimiser, "fp32_groups_flat_partition"):
        return list(optimiser.fp32_groups_flat_partition)
    return list(optimiser.single_partition_of_fp32_groups)


def _of_stage_3(engine: Any, named: Mapping[Any, str]) -> Iterator[Fragment]:
    """ZeRO 3: each parameter is cut into equal parts, the last of which may be padded or empty."""
    optimiser = engine.optimizer
    for parameter, name in named.items():
        group, offset, size = optimiser.grad_position[optimiser.get_param_id(parameter)]
        start = torch.distributed.get_rank() * size
        real = min(size, parameter.ds_numel - start)
        if real > 0:
            holder = optimiser.fp32_partitioned_groups_flat[group]
            yield Fragment(name, start, holder.detach().narrow(0, offset, real), holder, offset)


def _refresh_model(engine: Any) -> None:
    """Give the model the weights that its optimiser has; every worker must call it."""
    optimiser, stage = engine.optimizer, engine.zero_optimization_stage()
    if stage == 0:
        for parameter, master in _masters(engine, _trained(engine)):
            parameter.data.copy_(master.data)
    elif stage == 3:
        optimiser.checkpoint_event_prologue()
        low = zip(
            optimiser.fp16_partitioned_groups_flat,
            optimiser.fp32_partitioned_groups_flat,
            strict=True,
        )
        for of_model, master in low:
            of_model.data.copy_(master.data)
        optimiser.checkpoint_event_epilogue()
    else:
        optimiser.update_lp_params()


def _trained(engine: Any) -> dict[Any, str]:
    """Names of the parameters that are trained."""
    return {p: name for name, p in engine.module.named_parameters() if p.requires_grad}
