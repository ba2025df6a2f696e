"""Everything of DeepSpeed that raydoa relies on and that DeepSpeed does not promise: how ZeRO lays out a training.

Nothing else in this package names it (tests/unit/test_internals.py), and tests/ray/test_internals.py says which of it
an upgrade of DeepSpeed has removed or changed. Seen with DeepSpeed 0.19.8.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import deepspeed
import torch


@dataclass(frozen=True)
class Fragment:
    """Elements ``start`` to ``start + len(master)`` of a flattened parameter, and where the optimiser keeps them.

    Attributes:
        name: of the parameter in the module that DeepSpeed wraps.
        start: index of its first element.
        master: the fp32 weights, a view into what the optimiser steps on ``[elements]``.
        holder: the tensor under which the optimiser keeps its state; ``master`` is a part of it.
        offset: where in ``holder`` the fragment begins.
    """

    name: str
    start: int
    master: torch.Tensor
    holder: torch.Tensor
    offset: int

    def part_of(self, state: torch.Tensor) -> torch.Tensor:
        """The same elements of a state tensor that is laid out as ``holder`` is."""
        return state.view(-1).narrow(0, self.offset, len(self.master))


def init_distributed() -> None:
    """`deepspeed.init_distributed` on the existing process group, without a compiler.

    Without GPUs DeepSpeed would first probe which ops it can build, in every process, and then build a C++ kernel for
    inference: more than a minute on two cores at a machine's first training, and no training at all without g++.
    """
    deepspeed.ops.__compatible_ops__ = {}
    deepspeed.init_distributed()


def full_dimensions(parameter: torch.nn.Parameter) -> int:
    """Dimensions of the whole parameter, of which a ZeRO-3 worker holds a flat part or nothing."""
    return len(_full_shape(parameter))


def full_shapes(engine: Any) -> dict[str, list[int]]:
    """Shapes of the whole trained parameters, by name."""
    return {name: list(_full_shape(parameter)) for parameter, name in _trained(engine).items()}


def _full_shape(parameter: torch.nn.Parameter) -> torch.Size:
    shape: torch.Size = getattr(parameter, "ds_shape", parameter.shape)
    return shape


def consolidated_state(engine: Any) -> Mapping[str, torch.Tensor]:
    """The whole module's state dict, complete on rank 0; every rank must call it."""
    if engine.zero_optimization_partition_weights():
        state: Mapping[str, torch.Tensor] = engine._zero3_consolidated_16bit_state_dict()
    else:
        state = engine.module_state_dict()
    return state


def is_replicated(engine: Any) -> bool:
    """Whether every rank holds the same optimiser state (ZeRO 0)."""
    return not engine.zero_optimization_stage()


def optimizer_state(engine: Any) -> Any:
    """State of the torch optimiser that DeepSpeed's own wraps, by the `Fragment.holder` it belongs to."""
    return engine.basic_optimizer.state


def fragments(engine: Any) -> list[Fragment]:
    """The parts of the trained parameters that this worker's optimiser steps on, at any ZeRO stage."""
    layouts = {0: _replicated, 1: _flat_partitions, 2: _flat_partitions, 3: _partitioned}
    return list(layouts[engine.zero_optimization_stage()](engine))


def _replicated(engine: Any) -> Iterator[Fragment]:
    names = _trained(engine)
    for parameter, master in _masters(engine):
        yield Fragment(names[parameter], 0, master.detach().view(-1), master, 0)


def _masters(engine: Any) -> Iterator[tuple[Any, torch.Tensor]]:
    """Under ZeRO 0, each parameter with what the optimiser steps on: itself, or its fp32 copy if it is in bf16."""
    optimizer = engine.optimizer
    if optimizer is engine.basic_optimizer:
        yield from ((parameter, parameter) for parameter in _trained(engine))
    else:
        for low, high in zip(optimizer.fp16_groups, optimizer.fp32_groups, strict=True):
            yield from zip(low, high, strict=True)


def _flat_partitions(engine: Any) -> Iterator[Fragment]:
    """ZeRO 1 and 2: a group's parameters are concatenated, and each worker has one contiguous partition of that."""
    # (bf16 under ZeRO 1 has another optimizer only with `grad_accum_dtype` fp32, which is not configured.)
    partitions = engine.optimizer.single_partition_of_fp32_groups
    for parameter, name in _trained(engine).items():
        mapping = parameter._hp_mapping  # None where nothing of it lies in this worker's partition.
        if mapping is not None:
            holder = partitions[mapping.param_group_index]
            address = mapping.get_hp_fragment_address()
            master = holder.detach().narrow(0, address.start, address.numel)
            yield Fragment(name, mapping.lp_fragment_address.start, master, holder, address.start)


def _partitioned(engine: Any) -> Iterator[Fragment]:
    """ZeRO 3: each parameter is cut into equal parts, the last of which may be padded or empty."""
    optimizer = engine.optimizer
    for parameter, name in _trained(engine).items():
        group, offset, size = optimizer.grad_position[optimizer.get_param_id(parameter)]
        start = torch.distributed.get_rank() * size
        unpadded = min(size, parameter.ds_numel - start)
        if unpadded > 0:
            holder = optimizer.fp32_partitioned_groups_flat[group]
            yield Fragment(name, start, holder.detach().narrow(0, offset, unpadded), holder, offset)


def refresh_weights(engine: Any) -> None:
    """Copy the optimiser's fp32 weights into the model; every worker must call it."""
    optimizer, stage = engine.optimizer, engine.zero_optimization_stage()
    if stage == 0:
        for parameter, master in _masters(engine):
            parameter.data.copy_(master.data)
    elif stage == 3:
        optimizer.checkpoint_event_prologue()
        weights = optimizer.fp16_partitioned_groups_flat
        for low, high in zip(weights, optimizer.fp32_partitioned_groups_flat, strict=True):
            low.data.copy_(high.data)
        optimizer.checkpoint_event_epilogue()
    else:
        optimizer.update_lp_params()


def _trained(engine: Any) -> dict[Any, str]:
    """Names of the trained parameters."""
    return {p: name for name, p in engine.module.named_parameters() if p.requires_grad}
