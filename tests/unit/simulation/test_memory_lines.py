"""What a dry run says of memory: of each model, on the GPUs that train it."""

from pathlib import Path

import pytest

from raydoa.experiment.presets import paper
from raydoa.experiment.resolve import resolve
from raydoa.simulation.dry_run import dry_run_lines
from tests.unit.world import forecast_of


def lines(folder: Path, teachers: tuple[str, ...], **changes: object) -> list[str]:
    configuration = paper().changed(
        {"teachers": teachers, "tasks": ("fever",), "budgets": (100.0,), "n": (100,), "u": (5000,), "seeds": (0,)}
    )  # fmt: skip
    runtime = configuration.runtime.model_copy(update={"store": str(folder), **changes})
    resolved = resolve(configuration.sweep, runtime)
    said = dry_run_lines(resolved.study, runtime, forecast_of(resolved))
    return [line for line in said if line.startswith("memory of")]


def test_of_each_model_on_the_gpus_that_train_it(tmp_path: Path) -> None:
    assert lines(tmp_path, ("google/t5-v1_1-xl",)) == [
        "memory of google/t5-v1_1-small, 77.0M weights: 2.4 GB of 42.9 on each of 1 x a100-40gb to fine-tune in bf16 under ZeRO-3, 0.2 GB to label",
        "memory of google/t5-v1_1-xl, 2,849.8M weights: 11.9 GB of 42.9 on each of 8 x a100-40gb to fine-tune in bf16 under ZeRO-3, 5.7 GB to label",
    ]


@pytest.mark.parametrize(("workers", "fits"), [(8, True), (4, False)])
def test_a_model_that_does_not_fit(tmp_path: Path, workers: int, fits: bool) -> None:
    changes = {"train_workers": workers, "least_train_workers": workers}
    [_, line] = lines(tmp_path, ("google/t5-v1_1-xxl",), **changes)
    assert line.endswith("; DOES NOT FIT") != fits


@pytest.mark.parametrize(("workers", "ending"), [(4, "22.3 GB to label"), (7, "11 GB beside that")])
def test_offload_leaves_the_optimiser_on_the_host(
    tmp_path: Path, workers: int, ending: str
) -> None:
    """On four GPUs XXL fits only so; on seven it fits without, and leaves little."""
    changes = {"train_workers": workers, "least_train_workers": 2, "offload": workers == 4}
    [_, line] = lines(tmp_path, ("google/t5-v1_1-xxl",), **changes)
    assert line.endswith(ending)


def test_a_lora_says_what_is_trained(tmp_path: Path) -> None:
    [_, line] = lines(tmp_path, ("google/t5-v1_1-xl[lora_r=16]",))
    assert "2,849.8M weights, of which at most" in line and "of 42.9 on each of 8 x" in line


def test_nothing_without_gpus(tmp_path: Path) -> None:
    assert not lines(tmp_path, ("google/t5-v1_1-xl",), gpus_per_worker=0)
