"""Flags are the fields of a configuration: all of them, with their descriptions and defaults."""

import argparse
import shlex
from pathlib import Path

import pytest

from raydoa.cli.configured import add_configuration, command_line, configured
from raydoa.cli.flags import changes_of, flags
from raydoa.errors import UserError
from raydoa.experiment.configuration import Configuration
from raydoa.experiment.presets import embedded, preset
from tests.unit.cli.conftest import Run


def configuration_of(*arguments: object) -> Configuration:
    parser = argparse.ArgumentParser()
    add_configuration(parser, "embedded")
    return configured(parser.parse_args([str(argument) for argument in arguments])).configuration


def test_every_field_has_a_flag() -> None:
    names = {flag.name for flag in flags()}
    assert {"n", "tasks", "store", "models", "teacher_recipe.epochs", "mixing.gold_weight"} <= names
    values = embedded().model_dump()
    settable = {**values["sweep"], **values["sweep"]["grid"], **values["runtime"]}
    assert {name.split(".")[0] for name in names} == settable.keys() - {"grid"}


def test_help_describes_every_flag(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    for command, default in (("sweep", "embedded"), ("calibrate", "paper")):
        text = run(command, "--help").out
        assert f"(default: {default})" in text
        for flag in flags():
            assert flag.info.description is not None
            assert flag.info.description in text and all(name in text for name in flag.flags)
    assert (
        "Dollars to spend on top of the N labelled examples. (default: 0.5 5.0 300.0)"
        in run("sweep", "--help").out
    )


def test_one_value_or_several() -> None:
    grid = configuration_of("--budget", 5, "--n", 10, 20, "--strategy", "annotate").sweep.grid
    assert (grid.budgets, grid.n, grid.strategies) == ((5.0,), (10, 20), ("annotate",))
    assert configuration_of("--budgets", 5, 50).sweep.grid.budgets == (5.0, 50.0)


def test_fields_of_fields() -> None:
    configuration = configuration_of("--teacher-recipe.epochs", 10, "--mixing.gold-order", "gold_last",
                                     "--set", "pretraining.recipes.nano-s.steps=5")  # fmt: skip
    sweep, before = configuration.sweep, embedded().sweep
    assert sweep.teacher_recipe == before.teacher_recipe.model_copy(update={"epochs": 10})
    assert sweep.mixing.gold_order == "gold_last"
    assert sweep.pretraining is not None and sweep.pretraining.recipes["nano-s"].steps == 5


def test_mappings_pairs_and_switches() -> None:
    configuration = configuration_of(
        "--model", "a=/models/a", "--model", "b=/models/b=c", "--choices", "width=1,2", "--choice", "kind=x",
        "--label-actors", 2, 3, "--offload", "--trackers", "mlflow", "wandb",
    )  # fmt: skip
    runtime = configuration.runtime
    assert runtime.models == {"a": "/models/a", "b": "/models/b=c"}
    assert configuration.sweep.grid.choices == {"width": (1, 2), "kind": ("x",)}
    assert runtime.label_actors == (2, 3) and runtime.trackers == ("mlflow", "wandb")
    assert runtime.offload and not configuration_of("--no-offload").runtime.offload


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--teacher-recipe.epochs", "few"), "--teacher-recipe.epochs: found 'few'; expected a whole number"),
        (("--teacher-recipe.epochs", "0"), "command line: teacher_recipe.epochs: found 0; input should be greater"),
        (("--n", "0"), "command line: n: found [0]; counts start at 1"),
        (("--choices", "width"), "--choice: found 'width'; expected AXIS=VALUE,VALUE"),
        (("--save", "/no/such/folder/x.yaml"), "/no/such/folder/x.yaml: cannot be written (No such file"),
        (("gone.yaml",), "gone.yaml: no such file"),
    ],
)  # fmt: skip
def test_mistakes(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError) as caught:
        configuration_of(*arguments)
    assert str(caught.value).startswith(message)


def test_an_unknown_flag_names_the_nearest(run: Run) -> None:
    ran = run("sweep", "--budgts", 5)
    assert ran.code == 2
    assert "unrecognized arguments: --budgts (did you mean '--budgets'?)" in ran.err
    assert "unrecognized arguments: --label-act" in run("sweep", "--label-act", 1, 2).err


def test_flags_go_over_a_file_and_save_keeps_both(run: Run, tmp_path: Path) -> None:
    path, saved = tmp_path / "my_sweep.yaml", tmp_path / "complete.yaml"
    path.write_text(
        "{sweep: {name: mine, grid: {n: [50], budgets: [5], seeds: 0}}, runtime: {store: here}}"
    )
    configuration = configuration_of(path, "--n", 60, "--save", saved)
    assert configuration.sweep.grid.n == (60,) and configuration.sweep.grid.budgets == (5.0,)
    assert configuration.runtime.store == "here"
    assert configuration_of(saved) == configuration
    assert configuration_of(saved, "--config", "paper") == configuration
    ran = run("sweep", "--dry-run", "--n", 60, "--budgets", 5, path)
    assert ran.code == 2, "the last word belongs to --budgets"
    assert "sweep mine-" in run("sweep", "--n", 60, "--dry-run", path).out


def test_a_file_of_one_question(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "my_sweep.yaml"
    path.write_text("sweep: {grid: {n: 100, budgets: 5, strategies: annotate, seeds: [0, 1]}}")
    assert "measure before you buy" in run("plan", path).out
    path.write_text("sweep: {grid: {n: [100, 200], budgets: 5}}")
    assert "--n: found 100, 200; a plan is for one, run one for each" in run("plan", path).err
    assert "measure before you buy" in run("plan", path, "--n", 100).out


@pytest.mark.parametrize(
    "words",
    [
        ["--model", "a=/models/a", "--model", "b=/models/b"],
        ["--choices", "rules=1,2"],
        ["--no-offload", "--seed", "3"],
        ["--budgets", "5", "50.5"],
        ["--budget", "0.014352"],
        ["--task", "a file.yaml", "--set", "pretraining.recipes.nano-s.steps=500"],
    ],
)
def test_a_command_line_can_be_said_again(words: list[str]) -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_configuration(parser, "embedded")
    options = parser.parse_args(words)
    program, command, *again = shlex.split(command_line("sweep", options, {"n": [7]}))
    assert (program, command) == ("raydoa", "sweep")
    said = parser.parse_args(again)
    base = preset("embedded")
    assert changes_of(said, base) == {**changes_of(options, base), "n": [7]}
