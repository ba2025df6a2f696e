"""A mistake in configuration is one line: where, what was found, what is allowed."""

from pathlib import Path
from typing import Literal, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from raydoa.errors import UserError
from raydoa.experiment.cell import Cell
from raydoa.experiment.config import Grid, RuntimeConfig
from raydoa.experiment.grid import grid_cells
from raydoa.settings import Settings, parse, read_yaml
from raydoa.strategies import STRATEGIES
from raydoa.tasks.own_task import read_task_yaml
from tests.plugins.example_plugin import Rules
from tests.unit.world import World, write_task


class Part(Settings):
    size: int = Field(ge=1)
    kind: Literal["round", "square"] = "round"


class Whole(Settings):
    name: str
    parts: dict[str, Part] = Field(default_factory=dict)
    extra: Part | None = None
    several: tuple[Part, ...] = ()

    @model_validator(mode="after")
    def _a_name(self) -> Self:
        if self.name == "bad":
            raise ValueError("bad is\nno name")
        return self


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{extra: {size: 1}}", "name: missing, and it has no default"),
        ("nam: x", "nam: unknown field; known are extra, name, parts, several (did you mean 'name'?) (and 1 more)"),
        ("{name: x, nane: y}", "nane: unknown field; known are extra, name, parts, several (did you mean 'name'?)"),
        ("{name: x, extra: {sise: 1, size: 1}}", "extra.sise: unknown field; known are kind, size (did you mean 'size'?)"),
        ("{name: x, parts: {a: {size: 1, sort: 2}}}", "parts.a.sort: unknown field; known are kind, size"),
        ("{name: x, several: [{size: 1}, {size: 0}]}", "several.1.size: found 0; input should be greater than or equal to 1"),
        ("{name: x, extra: {size: 1, kind: flat}}", "extra.kind: found 'flat'; input should be 'round' or 'square'"),
        ("{name: x, extra: 7}", "extra: found 7; expected fields with values"),
        ("name: bad", "bad is no name"),
        (f"{{name: x, extra: {{size: {'x' * 200}}}}}", f"extra.size: found '{'x' * 79}...; input should be"),
    ],
)  # fmt: skip
def test_the_first_problem(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "whole.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_yaml(path, Whole)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: [", ":1: not valid YAML: "),
        (b"name: \x00", ": not valid YAML: "),
        (b"name: caf\xe9", ": not UTF-8 (unexpected end of data); save it as UTF-8"),
        (b"- name", ": expected a mapping of fields, found list"),
        (b"", ": expected a mapping of fields, found NoneType"),
    ],
)
def test_files_that_are_no_yaml(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "whole.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_yaml(path, Whole)
    assert str(caught.value).startswith(f"{path}{message}")
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone.yaml: no such file"):
        read_yaml(tmp_path / "gone.yaml", Whole)
    with pytest.raises(UserError, match="cannot be read \\(Is a directory\\)"):
        read_yaml(tmp_path, Whole)


def test_a_typo_in_a_task(world: World) -> None:
    write_task(world.folder / "task", colums={"source": "text"})
    with pytest.raises(
        UserError, match=r"tiny.yaml: colums: unknown field; .*\(did you mean 'columns'\?\)"
    ):
        read_task_yaml(world.task)
    write_task(world.folder / "task", columns={"sorce": "text"})
    with pytest.raises(
        UserError, match=r"columns.sorce: unknown field; known are source, target, text \(did"
    ):
        read_task_yaml(world.task)


AXES = {
    "tasks": ["wlp"],
    "strategies": ["annotate"],
    "budgets": [1],
    "n": [1],
    "u": [1],
    "teachers": ["x"],
    "seeds": [0],
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budgets": [-5.0]}, "budgets: found [-5.0]; a budget is in dollars and cannot be negative"),
        ({"budgets": [float("nan")]}, "budgets.0: found nan; input should be a finite number"),
        ({"strategies": ["anotate"]}, "strategies: found ['anotate']; 'anotate' is not one of annotate, distill, self_"),
        ({"n": [0]}, "n: found [0]; counts start at 1"),
        ({"n": [1.5]}, "n.0: found 1.5; input should be a valid integer"),
        ({"seeds": [-1]}, "seeds: found [-1]; seeds start at 0"),
        ({"tasks": []}, "tasks: found []; tuple should have at least 1 item"),
        ({"n": [1, 1]}, "n repeats a value: (1, 1)"),
        ({"label_shares": [1.5]}, "label_shares: found [1.5]; a share of the budget is from 0 to 1"),
        ({"label_shares": [float("nan")]}, "label_shares.0: found nan; input should be a finite number"),
        ({"label_shares": [0.5, 0.5]}, "label_shares repeats a value"),
        ({"choices": {"width": [1, 1]}}, "width repeats a value: (1, 1)"),
        ({"choices": {"width": [[1, 2]]}}, "choices.width.0"),
    ],
)  # fmt: skip
def test_axes(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse({**AXES, **changes}, Grid, where="command line")
    assert str(caught.value).startswith(f"command line: {message}")


def test_a_mixed_cell_for_each_share_and_none_for_other_strategies() -> None:
    axes = {**AXES, "strategies": ["annotate", "distill", "mixed"], "label_shares": [0.25, 0.5]}
    cells = grid_cells(parse(axes, Grid, where="here"), "s")
    assert [(c.strategy, c.u, c.teacher, c.label_share) for c in cells] == [
        ("annotate", None, None, None),
        ("distill", 1, "x", None),
        ("mixed", 1, "x", 0.25),
        ("mixed", 1, "x", 0.5),
    ]


def test_running() -> None:
    for changes, message in (
        ({"zero_stage": 4}, "zero_stage: found 4; input should be 0, 1, 2 or 3"),
        ({"label_actors": (2, 1)}, r"label_actors: found \(2, 1\); expected \[least, most\]"),
        ({"train_workers": 0}, "train_workers: found 0; input should be greater"),
        ({"trackers": "mlfow"}, "trackers.0: found 'mlfow'; input should be 'mlflow', 'wandb' or"),
    ):
        with pytest.raises(UserError, match=f"^here: {message}"):
            parse(changes, RuntimeConfig, where="here")


def test_trackers_as_a_terminal_gives_them() -> None:
    for trackers, wanted in (
        ("mlflow", ("mlflow",)),
        ("mlflow,tensorboard", ("mlflow", "tensorboard")),
        (["wandb"], ("wandb",)),
        ([], ()),
    ):
        assert parse({"trackers": trackers}, RuntimeConfig, where="here").trackers == wanted


budgets = st.floats(0, 1e6).map(lambda dollars: round(dollars, 4))


@given(st.lists(budgets, min_size=2, max_size=2, unique=True))
def test_cells_of_two_budgets_have_two_names(pair: list[float]) -> None:
    names = {Cell("t", "annotate", b, 1, None, None, "s", 0).name for b in pair}
    assert len(names) == 2 and not any("/" in name for name in names)


def test_a_group_cannot_shrink_to_more_than_it_starts_with() -> None:
    wrong = {"train_workers": 2, "least_train_workers": 3}
    with pytest.raises(
        UserError,
        match="least_train_workers is 3 and train_workers 2; a group continues with at most",
    ):
        parse(wrong, RuntimeConfig, where="--set")


def test_values_of_an_axis_that_no_strategy_varies() -> None:
    with pytest.raises(
        UserError, match="choices: found 'width'; the strategies of this grid vary no axes of"
    ):
        grid_cells(Grid.model_validate({**AXES, "choices": {"width": [1]}}), "s")


def test_a_strategy_whose_own_axis_has_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of an installed plugin: a sweep of it is refused, and a sweep of others does not notice."""
    entries = {**STRATEGIES._entries, "rules": Rules()}
    monkeypatch.setattr(STRATEGIES, "_entries", entries)
    assert grid_cells(Grid.model_validate(AXES), "s")
    rules = Grid.model_validate({**AXES, "strategies": ["rules"]})
    with pytest.raises(UserError, match="choices: rules needs values of rule_rows; none are given"):
        grid_cells(rules, "s")
    cells = grid_cells(rules.model_copy(update={"choices": {"rule_rows": (5,)}}), "s")
    assert [cell.choices for cell in cells] == [(("rule_rows", 5),)]
