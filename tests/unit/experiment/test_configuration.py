"""A configuration out of a preset, a file and changes: what wins, what is refused, and what is written."""

from pathlib import Path

import pytest

from raydoa.errors import UserError
from raydoa.experiment.config import Grid, RuntimeConfig, Sweep
from raydoa.experiment.configuration import Configuration, path_of, read_configuration
from raydoa.experiment.presets import PRESETS, base_configuration, paper, preset


def write(folder: Path, text: str) -> Path:
    path = folder / "my_sweep.yaml"
    path.write_text(text)
    return path


def opened(path: Path, **options: str) -> Configuration:
    return base_configuration("embedded", file=read_configuration(path), **options)


def test_no_two_fields_have_one_flat_name() -> None:
    names = [name for model in (Grid, Sweep, RuntimeConfig) for name in model.model_fields]
    assert len(set(names)) == len(names)


def test_every_field_has_a_description() -> None:
    for model in (Grid, Sweep, RuntimeConfig):
        assert all(field.description for field in model.model_fields.values())


def test_flat_names() -> None:
    assert path_of("n", "x") == ("sweep", "grid", "n")
    assert path_of("teacher_recipe.epochs", "x") == ("sweep", "teacher_recipe", "epochs")
    assert path_of("store", "x") == ("runtime", "store")
    with pytest.raises(UserError, match=r"x: stor: unknown field \(did you mean 'store'\?\)"):
        path_of("stor", "x")


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_what_is_written_is_read_back(name: str, tmp_path: Path) -> None:
    """A complete file needs no preset, and means the same over any other."""
    configuration = preset(name).changed({"models": {"mine": "/models/mine"}, "test_rows": 7})
    path = tmp_path / "complete.yaml"
    configuration.write(path)
    assert opened(path) == configuration
    assert opened(path, name="paper").sweep == configuration.sweep


def test_a_file_leaves_the_rest_to_its_preset(tmp_path: Path) -> None:
    path = write(tmp_path, "{preset: paper, sweep: {grid: {n: 7}, teacher_recipe: {epochs: 3}}}")
    configuration, base = opened(path), paper()
    assert configuration.sweep.grid.n == (7,)
    assert configuration.sweep.grid.budgets == base.sweep.grid.budgets
    assert configuration.sweep.teacher_recipe.epochs == 3
    assert configuration.sweep.teacher_recipe.learning_rate == 3e-5
    assert configuration.runtime == base.runtime
    assert read_configuration(path).given == {"n", "teacher_recipe.epochs"}


def test_the_preset_of_a_file_is_that_of_its_tasks(tmp_path: Path) -> None:
    path = write(tmp_path, "sweep: {grid: {tasks: wlp}}")
    assert opened(path).sweep.name == "nano"
    assert opened(path, name="paper").sweep.name == "paper"
    assert opened(write(tmp_path, "sweep: {grid: {n: 7}}")).sweep.name == "embedded"


def test_changes_go_over_the_cluster_which_goes_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "{cluster: 4xh100-80gb, runtime: {micro_batch_size: 2}}")
    configuration = opened(path)
    assert configuration.sweep.accelerator == "h100-80gb"
    assert configuration.runtime.train_workers == 4 and configuration.runtime.micro_batch_size == 2
    larger = configuration.changed({"accelerator": "mine"}, cluster="8xa100-80gb")
    assert larger.sweep.accelerator == "mine" and larger.runtime.train_workers == 8


def test_fewer_workers_than_the_least_of_a_preset() -> None:
    assert paper().changed({"train_workers": 4}).runtime.least_train_workers == 4
    with pytest.raises(UserError, match="least_train_workers is 7 and train_workers 4"):
        paper().changed({"train_workers": 4, "least_train_workers": 7})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sweeep: {}", "sweeep: unknown field; known are cluster, preset, runtime, sweep (did you mean 'sweep'?)"),
        ("preset: papr", "preset: found 'papr'; known are embedded, nano, paper, paper-llm, encoders, encoders-large, decoders, decoders-lora (did you mean 'paper'?)"),
        ("cluster: 9xa100", "cluster: found '9xa100'; known are 8xa100-40gb"),
        ("sweep: {grid: {n: 0}}", "sweep.grid.n: found 0; counts start at 1"),
        ("sweep: {grid: {n: [1.5]}}", "sweep.grid.n.0: found 1.5; input should be a valid integer"),
        ("sweep: {grid: 5}", "sweep.grid: found 5; expected fields with values"),
        ("sweep: {grid: {tusks: wlp}}", "sweep.grid.tusks: unknown field; known are budgets, "),
        ("runtime: {trackers: [mlfow]}", "runtime.trackers.0: found 'mlfow'; input should be 'mlflow'"),
        ("runtime: [store]", "runtime: found ['store']; expected fields with values"),
        ("sweep: {teacher_recipe: {epoch: 3}}", "sweep.teacher_recipe.epoch: unknown field; known are batch_size, dropout, epochs"),
    ],
)  # fmt: skip
def test_mistakes_in_a_file(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UserError) as caught:
        opened(path)
    assert str(caught.value).startswith(f"{path}: {message}") and "\n" not in str(caught.value)
