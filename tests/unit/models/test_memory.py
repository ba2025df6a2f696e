"""Memory of fine-tuning and labelling: the numbers that `raydoa.experiment.hardware` promises."""

import pytest

from raydoa.doctor.nodes import largest_teachers, needed_memory
from raydoa.experiment.hardware import HARDWARE
from raydoa.models.lookup import known_shape
from raydoa.models.memory import training_memory
from raydoa.models.seq2seq.shape import T5Shape


def t5(name: str) -> T5Shape:
    shape = known_shape(name)
    assert isinstance(shape, T5Shape)
    return shape


XXL = t5("google/t5-v1_1-xxl")


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


@pytest.mark.parametrize("name", [name for name in HARDWARE if HARDWARE[name].gpus > 1])
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
    small = t5("google/t5-v1_1-small")
    memory = training_memory(small, 1)
    assert memory.gathered == 2 * small.parameters and memory.step == 8 * small.parameters


def test_labelling_counts_where_training_is_spread_wide() -> None:
    assert needed_memory(XXL, 1024) == 2 * XXL.parameters


@pytest.mark.parametrize(
    ("gpus", "gib", "largest"),
    [
        (1, 22.35, ["google/t5-v1_1-large", "Qwen/Qwen3-0.6B", "microsoft/deberta-v3-large"]),
        (1, 80, ["Qwen/Qwen3-4B", "google/t5-v1_1-xl", "microsoft/deberta-v3-large"]),
        (8, 40, ["Qwen/Qwen3-14B", "google/t5-v1_1-xxl", "microsoft/deberta-v3-large"]),
        (8, 80, ["Qwen/Qwen3-32B", "google/t5-v1_1-xxl", "microsoft/deberta-v3-large"]),
        (4, 80, ["Qwen/Qwen3-14B", "google/t5-v1_1-xxl", "microsoft/deberta-v3-large"]),
        (4, 40, ["Qwen/Qwen3-4B", "google/t5-v1_1-xl", "microsoft/deberta-v3-large"]),
        (1, 1, ["sentence-transformers/all-MiniLM-L6-v2"]),
        (1, 0.5, []),
    ],
)
def test_the_largest_teacher_of_each_family_on_a_node(
    gpus: int, gib: float, largest: list[str]
) -> None:
    assert largest_teachers(gpus, gib * 2**30) == largest


@pytest.mark.parametrize("name", [name for name in HARDWARE if HARDWARE[name].gpus == 1])
def test_what_hardware_says_of_one_gpu(name: str) -> None:
    largest = t5("google/t5-v1_1-xl"), known_shape("Qwen/Qwen3-4B")
    needs = [training_memory(shape, 1).total / 1e9 for shape in largest if shape is not None]
    assert needs == pytest.approx([57, 76], abs=0.6)
    assert HARDWARE[name].overrides()["runtime"]["train_workers"] == 1
