"""Which owned rows a prompt shows."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.llm.shots import choose_shots
from raydoa.tasks.data import Row
from tests.unit.llm.asking import closed, tagging, writing


def rows(*targets: str | None) -> list[Row]:
    return [Row(f"train-{n}", f"source {n}", target) for n, target in enumerate(targets)]


THREE = closed("a", "b", "c")


def test_shots_are_balanced_as_far_as_rows_go():
    owned = rows(*["a"] * 50, *["b"] * 5, *["c"] * 20)
    shots = choose_shots(owned, THREE, 32, seed=0)
    assert (
        Counter(row.target for row in shots.shown) == {"a": 14, "b": 5, "c": 13} and not shots.fewer
    )
    assert {*shots.shown}.isdisjoint(shots.left) and {*shots.shown, *shots.left} == {*owned}


def test_no_class_comes_in_a_run():
    shown = choose_shots(rows(*"abc" * 20), THREE, 30, seed=0).shown
    for start in range(0, 30, 3):
        assert {row.target for row in shown[start : start + 3]} == set("abc")
    rare = choose_shots(rows(*["a"] * 30, "b", "b"), THREE, 32, seed=1).shown
    places = [place for place, row in enumerate(rare) if row.target == "b"]
    assert 4 < places[0] < 12 < places[1] < 28


def test_the_last_class_depends_on_the_seed():
    last = {choose_shots(rows(*"abc" * 9), THREE, 9, seed).shown[-1].target for seed in range(20)}
    assert last == set("abc")


def test_fewer_rows_than_shots_are_all_shown_and_said():
    shots = choose_shots(rows("a", "b"), THREE, 32, seed=0)
    assert len(shots.shown) == 2 and not shots.left
    assert shots.fewer == "2 shots instead of 32: of 2 owned rows no more can be shown"


def test_rows_that_cannot_be_shown():
    owned = [
        Row("long", "x" * 100_000, "a"),
        Row("hidden", "y", None),
        Row("empty", "z", " "),
        Row("one", "same", "a"),
        Row("two", "same", "b"),
    ]
    for task in (closed("a", "b", "c"), writing()):
        shots = choose_shots(owned, task, 8, seed=0)
        assert [row.source for row in shots.shown] == ["same"]
        # Neither is the other row of that source fit to measure with.
        assert {row.id for row in shots.left} == {"long", "hidden", "empty"}
    assert {row.id for row in choose_shots(owned, tagging(), 8, seed=0).shown} > {"empty"}


@given(
    st.lists(st.sampled_from("abc"), max_size=40),
    st.integers(0, 40),
    st.integers(0, 9),
    st.randoms(use_true_random=False),
)
def test_more_shots_hold_the_fewer_ones(targets, count, seed, chance):
    owned = rows(*targets)
    some = choose_shots(owned, THREE, count, seed)
    chance.shuffle(owned)
    assert choose_shots(owned, THREE, count, seed) == some
    assert {*choose_shots(owned, THREE, count + 3, seed).shown} >= {*some.shown}
    assert len(some.shown) == min(count, len(owned)) and len(some.shown) + len(some.left) == len(
        owned
    )
    shown, most = Counter(row.target for row in some.shown), Counter(targets)
    for one in shown:
        assert shown[one] == most[one] or shown[one] >= max(shown.values()) - 1


@pytest.mark.parametrize("task", [tagging(), writing()], ids=lambda task: task.name)
def test_other_tasks_show_the_first_rows_of_the_seed(task):
    owned = rows(*map(str, range(20)))
    some = [choose_shots(owned, task, 4, seed).shown for seed in range(3)]
    assert len(set(some)) == 3 and choose_shots(owned, task, 8, 0).shown[:4] == some[0]
