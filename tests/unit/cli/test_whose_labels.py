"""Whose labels a task sells, at the command line: one question, one refusal, and what is said of plans that await labels."""

import re
from collections.abc import Callable

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.world import TRAIN, World, write_people_task

Refused = Callable[..., str]

MODELS = ("--teachers", "nano-m", "--seeds", 0)
COMMANDS = {
    "sweep": ("sweep", "--u", 20, *MODELS),
    "dry run": ("sweep", "--u", 20, "--dry-run", *MODELS),
    "plan": ("plan", *MODELS),
    "search": ("search", *MODELS),
    "search's dry run": ("search", "--dry-run", *MODELS),
}


@pytest.fixture(params=list(COMMANDS))
def command(request: pytest.FixtureRequest) -> tuple[object, ...]:
    """Every command that plans purchases."""
    return COMMANDS[request.param]


def of(command: tuple[object, ...], world: World, *more: object) -> tuple[object, ...]:
    places = ("--store", world.folder / "store", "--results", world.folder / "results")
    return (*command, "--task", world.task, "--budget", 4, *places, *more)


def test_whose_labels_they_are_is_asked(
    refused: Refused, world: World, command: tuple[object, ...]
) -> None:
    write_people_task(world.folder / "task", labels=None)
    said = refused(*of(command, world, "--n", TRAIN))
    assert "task tiny: labels: missing; B pays for 7 labels, and none are in hand beside" in said
    assert "`labels: people` if people label rows of its pool, 60 without labels" in said
    assert "`labels: gold` if only labels in hand are for sale" in said
    assert not (world.folder / "store").exists() and not (world.folder / "results").exists()


def test_another_n_than_all_of_train_is_refused(
    refused: Refused, world: World, command: tuple[object, ...]
) -> None:
    write_people_task(world.folder / "task")
    said = refused(*of(command, world, "--n", 8))
    assert "--n: found 8; of task tiny all 100 rows of train are owned (labels: people)" in said


def test_a_value_that_is_neither(
    refused: Refused, world: World, command: tuple[object, ...]
) -> None:
    write_people_task(world.folder / "task", labels="llm")
    assert "labels: found 'llm'; input should be 'gold' or 'people'" in refused(*of(command, world))


def test_what_a_dry_run_says_of_plans_that_await_labels(run: Run, world: World) -> None:
    write_people_task(world.folder / "task")
    ran = run(*of(COMMANDS["dry run"], world, "--strategies", "annotate", "distill"))
    assert ran.code == 0, ran.err
    assert ": 2 cells, 2 feasible, 1 of them await labels; 1 different plans" in ran.out
    assert (
        "awaiting labels, 1 cell tiny-annotate-B4-N100-seed0: 7 labels must be bought first"
        in ran.out
    )


def test_what_a_search_says_of_them(run: Run, world: World) -> None:
    write_people_task(world.folder / "task")
    ran = run(*of(COMMANDS["search's dry run"], world))
    assert ran.code == 0, ran.err
    assert re.search(r"plans that await labels: \d+; they may be recommended", ran.out)
    assert "N = 100" in ran.out and "no plan buys more" not in ran.out


def test_what_a_search_says_of_labels_that_nobody_has(run: Run, world: World) -> None:
    write_people_task(world.folder / "task", labels="gold")
    ran = run(*of(COMMANDS["search's dry run"], world, "--n", 98))
    assert ran.code == 0, ran.err
    assert (
        "B pays for 7 labels, and 2 are in hand beside the 98 owned: no plan buys more" in ran.out
    )
    assert "await labels" not in ran.out
