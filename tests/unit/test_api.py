"""`import raydoa`: light, complete, and with the command line's errors."""

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

import raydoa
from raydoa import api
from raydoa.costs.items import ITEMS
from raydoa.errors import UserError
from raydoa.strategies import STRATEGIES
from raydoa.strategies.annotate import AnnotateStrategy


def test_every_name_is_there_and_documented() -> None:
    for name in api.__all__:
        assert getattr(raydoa, name) is not None and name in dir(raydoa)
        assert getattr(api, name).__doc__
    with pytest.raises(AttributeError, match="'raydoa' has no attribute 'rum'"):
        attrgetter("rum")(raydoa)


def test_a_preset_with_changes() -> None:
    configuration = raydoa.configure("embedded", n=7, teacher_recipe={"epochs": 3}, store="here")
    assert configuration.sweep.grid.n == (7,) and configuration.runtime.store == "here"
    assert configuration.sweep.teacher_recipe.epochs == 3
    sweep = configuration.sweep
    assert raydoa.configure(sweep).runtime == raydoa.RuntimeConfig()
    runtime = raydoa.RuntimeConfig(store="there")
    assert raydoa.configure(configuration, runtime).runtime.store == "there"
    assert raydoa.configure("paper", cluster="4xh100-80gb").sweep.accelerator == "h100-80gb"


def test_a_dry_run_is_that_of_the_command_line(tmp_path: Path) -> None:
    configuration = raydoa.configure("embedded", n=100, budgets=[5, 50], seeds=0)
    path = tmp_path / "complete.yaml"
    configuration.write(path)
    text = raydoa.dry_run(configuration)
    assert text.startswith("sweep embedded-") and "unique stages after sharing" in text
    assert text == raydoa.dry_run(path) == raydoa.dry_run(str(path))
    assert text == raydoa.dry_run(configuration.sweep, configuration.runtime)


def test_a_file_and_tasks_mean_what_they_mean_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text("sweep: {grid: {n: 7}}", encoding="utf-8")
    assert (
        raydoa.configure(path).sweep.student_recipe
        == raydoa.configure("embedded").sweep.student_recipe
    )
    with_task = raydoa.configure(path, tasks="wlp")
    assert with_task.sweep.pretraining == raydoa.configure("nano").sweep.pretraining
    assert with_task.sweep.grid.tasks == ("wlp",) and with_task.sweep.grid.n == (7,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: raydoa.dry_run("embeded"), r"^preset: found 'embeded'; .*did you mean 'embedded'"),
        (lambda: raydoa.dry_run("gone.yaml"), "^gone.yaml: no such file"),
        (lambda: raydoa.dry_run("embedded", m=5), "^arguments: m: unknown field"),
        (lambda: raydoa.dry_run("embedded", n=0), "^arguments: n: found 0; counts start at 1"),
        (lambda: raydoa.run("paper", tasks="wlp"), "^cannot start: task wlp: train: "),
        (lambda: raydoa.plan("embedded"), "^budgets: missing; a plan is for one budget"),
        (lambda: raydoa.plan("embedded", budgets=5, n=[1, 2]), "^n: found 1, 2; a plan is for one"),
        (lambda: raydoa.plan(raydoa.configure("embedded")), "^budgets: found 0.5, 5, 300; a plan is"),
        (lambda: raydoa.search("embedded", budgets=5, u=3), "^u: a search looks at all of them"),
        (lambda: raydoa.search("embedded", budgets=5, objective="scor"), "^objective: found 'scor'"),
        (lambda: raydoa.search("embedded", budgets=5, sampler="grid", learn_from=["x"]), "^learn_from: grid"),
        (lambda: raydoa.plan("embedded", budgets=5, what_if=["label"]), "^what_if: found 'label'"),
        (lambda: raydoa.configure("embedded", cluster="9xa100"), "^cluster: found '9xa100'"),
        (lambda: raydoa.dry_run("embedded", models={"x": "y"}), "^models x=...: no model of this sweep"),
        (lambda: raydoa.load("gone"), "^gone: "),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(raydoa.UserError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("student", "asks"),
    [
        ("Qwen/Qwen3-0.6B", False),
        ("nano-s", False),
        ("google/t5-v1_1-xl[lora_r=8]", False),
        ("sentence-transformers/all-MiniLM-L6-v2[layers=0,5]", False),
        ("somebody/else", True),
    ],
)
def test_a_plan_asks_the_hub_for_models_of_unknown_size_alone(
    student: str, asks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    offline: list[bool] = []

    def look(*_arguments: object) -> None:
        offline.append(constants.HF_HUB_OFFLINE)
        raise UserError("seen")

    monkeypatch.setattr("raydoa.experiment.resolve.resolve", look)
    with pytest.raises(UserError, match="^seen$"):
        raydoa.plan("decoders", tasks="fever", n=100, budgets=100, student=student)
    assert offline == [not asks] and constants.HF_HUB_OFFLINE is False


def test_a_plan() -> None:
    answer = raydoa.plan("embedded", n=100, budgets=5)
    assert "$" in answer.sentence and answer.purchases and answer.expected is None
    assert all(raydoa.dry_run("embedded", **first.settings) for first in answer.first)


def test_what_is_registered_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="strategy 'annotate' is registered twice"):
        raydoa.register_strategy(AnnotateStrategy())
    with pytest.raises(ValueError, match="cost item 'labels' is registered twice"):
        raydoa.register_cost_item(ITEMS.get("labels"), before="teacher")
    assert STRATEGIES.names()[0] == "annotate"
