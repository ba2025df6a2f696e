"""What finished sweeps say, and what is left out is told."""

import pytest

from raydoa.errors import UserError
from raydoa.planning.case import Case
from raydoa.planning.evidence import contradictions, gather, spread
from tests.unit.planning.conftest import WriteSweep, grid, row, told


def test_a_sweep_of_the_task(case: Case, write_sweep: WriteSweep) -> None:
    found = gather([write_sweep(grid(), "mine")], case)
    assert (len(found.measured), found.others, found.places, found.notes) == (12, (), ("mine",), ())


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (row(score="nan"), "no score that is a number"),
        (row(score=""), "no score that is a number"),
        (row(student="nano-xs"), "another student than nano-s"),
        (row("distill", teacher="nano-xl"), "teachers other than nano-m, nano-l (name them with --teachers)"),
        (row("distill", n=400), "their owned and bought labels mean another plan where 100 are owned"),
        (row("mixed", n=50, labels=20), "their owned and bought labels mean another plan where 100 are owned"),
    ],
)  # fmt: skip
def test_rows_that_say_nothing_are_counted(
    case: Case, write_sweep: WriteSweep, bad: dict[str, object], why: str
) -> None:
    found = gather([write_sweep([*grid(), bad])], case)
    assert len(found.measured) == 12
    assert found.notes == (f"sweep: 1 of 13 rows left out: {why}",)


@pytest.mark.parametrize("row", [row(feasible=False, score=""), row("self_distill", teacher=None)])
def test_what_was_no_measurement_goes_without_saying(
    case: Case, write_sweep: WriteSweep, row: dict[str, object]
) -> None:
    assert gather([write_sweep([*grid(), row])], case).notes == ()


def test_another_task_is_a_prior(case: Case, write_sweep: WriteSweep) -> None:
    found = gather(
        [write_sweep([*grid("tickets"), row("distill", 0.5, task="tickets", teacher="mine")])], case
    )
    assert (
        found.measured == ()
        and "nothing measured of task lexicon that can be used" in found.notes[0]
    )
    (other,) = found.others
    assert (other.name, len(other.measured), other.costs.owned) == ("tickets in sweep", 12, 100)
    assert [teacher.name for teacher in other.costs.teachers] == ["nano-m", "nano-l"]
    assert other.costs.on_soft_labels.epochs == 6  # 564 steps over 3,000 rows.
    assert all(
        other.costs.full_steps(m.point.labels, m.point.teacher, m.point.u) for m in other.measured
    )


def test_nothing_to_learn_from(case: Case, write_sweep: WriteSweep) -> None:
    with pytest.raises(
        UserError,
        match="no scores of task lexicon with student nano-s, nor of another task; tasks there: lexicon, wlp",
    ):
        gather([write_sweep([row(score="nan"), row(task="wlp", score="")])], case)


def test_a_larger_budget_that_buys_the_same_plan_measures_nothing_new(
    case: Case, write_sweep: WriteSweep
) -> None:
    rows = [
        row("distill", 0.5, budget=budget, seed=seed) for budget in (1, 5, 300) for seed in (0, 1)
    ]
    assert len(gather([write_sweep(rows)], case).measured) == 2


def test_many_measurements_are_thinned_by_repeats_first() -> None:
    plans = [told(0.1 * repeat, labels=100 + plan) for plan in range(40) for repeat in range(3)]
    kept = spread(plans, 50)
    assert len(kept) == 50 and len({m.point for m in kept}) == 40
    few = spread(plans, 10)
    assert [m.point.labels for m in few][::9] == [100, 139] and len(few) == 10


def test_contradictions_are_told(case: Case, write_sweep: WriteSweep) -> None:
    assert contradictions([told(0.5), told(0.6)]) == []
    found = gather([write_sweep([row("distill", 0.3), row("distill", 0.8, seed=1)])], case)
    assert found.notes == (
        "1 plan(s) were measured with scores more than 0.15 apart, such as nano-m, U = 1,000 on 100 labels: 0.300 and "
        "0.800; intervals are wider for it",
    )
