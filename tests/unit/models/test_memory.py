"""Memory of fine-tuning and labelling: the numbers that `raydoa.experiment.hardware` promises."""

import pytest

from raydoa.doctor.nodes import largest_teacher, needed_memory
from raydoa.experiment.hardware import HARDWARE
from raydoa.models.memory import training_memory
from raydoa.models.seq2seq.shape import T5_SHAPES

XXL = T5_SHAPES["google/t5-v1_1-xxl"]


@pytest.mark.parametrize(
    ("gpus", "rows", "gigabytes"), [(8, 4, 34), (4, 8, 56)], ids=["8 GPUs", "4 GPUs"]
)
def test_what_hardware_says_of_xxl(gpus: int, rows: int, gigabytes: float) -> None:
    assert training_memory(XXL, gpus, rows=rows).total / 1e9 == pytest.approx(gigabytes, abs=0.6)


def test_every_part_of_xxl_on_8_gpus() -> None:
    memory = training_memory(XXL, 8)
    assert memory.state == 2 * XXL.parameters  # 16 bytes over 8 GPUs
    assert memory.gathered == 2e9 and memory.buckets == 1.1e9 and memory.step == 8e9
    assert 0.3e9 < memory.activations < 0.5e9


@pytest.mark.parametrize("name", HARDWARE)
def test_the_fewest_gpus_that_hold_the_largest_teacher(name: str) -> None:
    gib = float(name.rsplit("-", 1)[1].removesuffix("gb")) * 1e9
    hardware = HARDWARE[name]
    least, rows = hardware.least_gpus, hardware.micro_batch_size
    assert training_memory(XXL, least, rows=rows).total < gib
    assert training_memory(XXL, least - 1, rows=rows).total > gib


def test_offload_moves_the_optimiser_to_the_host() -> None:
    on, off = training_memory(XXL, 4), training_memory(XXL, 4, offload=True)
    assert on.state - off.state == 12 * XXL.parameters / 4  # 134 GB over 4 GPUs
    assert off.step == 0 and off.total < 40e9 < on.total


def test_a_small_model_gathers_no_more_than_it_has() -> None:
    small = T5_SHAPES["google/t5-v1_1-small"]
    memory = training_memory(small, 1)
    assert memory.gathered == 2 * small.parameters and memory.step == 8 * small.parameters


def test_labelling_counts_where_training_is_spread_wide() -> None:
    assert needed_memory(XXL, 1024) == 2 * XXL.parameters


@pytest.mark.parametrize(
    ("gpus", "gib", "largest"),
    [(1, 22.35, "large"), (8, 40, "xxl"), (4, 80, "xxl"), (4, 40, "xl"), (1, 1, None)],
)
def test_the_largest_teacher_of_a_node(gpus: int, gib: float, largest: str | None) -> None:
    named = None if largest is None else f"google/t5-v1_1-{largest}"
    assert largest_teacher(gpus, gib * 2**30) == named
