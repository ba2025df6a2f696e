"""What finished sweeps say; whatever is left out has a note."""

from dataclasses import replace

import pytest

from raydoa.costs.plan import Plan
from raydoa.errors import UserError
from raydoa.experiment.result_row import plan_columns
from raydoa.planning.belief import Belief
from raydoa.planning.evidence import contradictions, gather, spread
from raydoa.planning.measurements import as_asked, plan_of
from raydoa.planning.scenario import Scenario
from raydoa.report.rows import read_result_rows
from tests.unit.planning.conftest import COLUMNS, WriteSweep, grid, measurement, plan, row


def test_a_sweep_of_the_task(scenario: Scenario, write_sweep: WriteSweep) -> None:
    found = gather([write_sweep(grid(), "mine")], scenario.question, scenario.study)
    assert (len(found.measured), found.others, found.sweeps, found.notes) == (12, (), ("mine",), ())


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (row(score="nan"), "no score that is a number"),
        (row(score=""), "no score that is a number"),
        (row(student="nano-xs"), "another student than nano-s"),
        (row("distill", teacher="nano-xl"), "teachers other than nano-m, nano-l (name them with --teachers)"),
    ],
)  # fmt: skip
def test_rows_that_say_nothing_are_counted(
    scenario: Scenario, write_sweep: WriteSweep, bad: dict[str, object], why: str
) -> None:
    found = gather([write_sweep([*grid(), bad])], scenario.question, scenario.study)
    assert len(found.measured) == 12
    assert found.notes == (f"sweep: 1 of 13 rows left out: {why}",)


@pytest.mark.parametrize(
    "row",
    [
        row(status="infeasible", feasible=False, score=""),
        row(status="awaiting_labels", labels=300, score=""),
        row("self_distill", teacher="nano-s"),
    ],
)
def test_what_was_no_measurement_goes_without_saying(
    scenario: Scenario, write_sweep: WriteSweep, row: dict[str, object]
) -> None:
    assert gather([write_sweep([*grid(), row])], scenario.question, scenario.study).notes == ()


def test_another_task_is_a_prior(scenario: Scenario, write_sweep: WriteSweep) -> None:
    found = gather(
        [write_sweep([*grid("tickets"), row("distill", 0.5, task="tickets", teacher="mine")])],
        scenario.question,
        scenario.study,
    )
    assert (
        found.measured == ()
        and "nothing measured of task lexicon that can be used" in found.notes[0]
    )
    (other,) = found.others
    assert (other.name, len(other.measured), other.question.n) == ("tickets in sweep", 12, 100)
    assert other.question.teachers == ("nano-m", "nano-l")
    assert other.question.recipes.student_on_soft_labels.epochs == 6  # 564 steps over 3,000 rows.
    assert all(other.question.limits("student", m.plan)[1] for m in other.measured)


def test_rows_of_another_n_are_used(scenario: Scenario, write_sweep: WriteSweep) -> None:
    """Whoever owned the labels: what 400 of them teach is known."""
    rows = [
        {**values, "n": 400, "teacher_steps": 390 if values["teacher"] else 0} for values in grid()
    ]
    found = gather([write_sweep(rows, "richer")], scenario.question, scenario.study)
    assert len(found.measured) == 12 and found.notes == ()
    belief = Belief(found, scenario.question)
    distilled = [m for m in found.measured if m.plan.choices]
    assert {m.plan.n for m in distilled} == {400}
    for measured in distilled:
        assert belief.means([measured.plan])[0] == pytest.approx(measured.score, abs=0.05)


def test_a_row_keeps_all_that_was_chosen() -> None:
    """What plugins have to choose from too, which no column of their own holds."""
    plan = Plan(
        "lexicon",
        100,
        "nano-s",
        0,
        0,
        (("prompt", "a=b,c"), ("teacher", "nano-l")),
        (("student", 5),),
    )
    assert plan_of(plan_columns(plan)) == plan
    alone = Plan("lexicon", 100, "nano-s", 0, 0, (), (("student", 5),))
    assert plan_of(plan_columns(alone)) == alone


def test_nothing_to_learn_from(scenario: Scenario, write_sweep: WriteSweep) -> None:
    with pytest.raises(
        UserError,
        match="no scores of task lexicon with student nano-s, nor of another task; tasks there: lexicon, wlp",
    ):
        gather(
            [write_sweep([row(score="nan"), row(task="wlp", score="")])],
            scenario.question,
            scenario.study,
        )


def test_a_larger_budget_that_buys_the_same_plan_measures_nothing_new(
    scenario: Scenario, write_sweep: WriteSweep
) -> None:
    rows = [
        row("distill", 0.5, budget=budget, seed=seed) for budget in (1, 5, 300) for seed in (0, 1)
    ]
    assert len(gather([write_sweep(rows)], scenario.question, scenario.study).measured) == 2


def test_many_measurements_are_thinned_by_repeats_first() -> None:
    repeats = [
        measurement(0.1 * repeat, labels=100 + plan) for plan in range(40) for repeat in range(3)
    ]
    kept = spread(repeats, 50)
    assert len(kept) == 50 and len({m.plan for m in kept}) == 40
    few = spread(repeats, 10)
    assert [m.plan.n + m.plan.quantity("labels") for m in few][::9] == [100, 139] and len(few) == 10


def test_contradictions_have_a_note(scenario: Scenario, write_sweep: WriteSweep) -> None:
    assert contradictions([measurement(0.5), measurement(0.6)]) == []
    found = gather(
        [write_sweep([row("distill", 0.3), row("distill", 0.8, seed=1)])],
        scenario.question,
        scenario.study,
    )
    assert found.notes == (
        "1 plan(s) were measured with scores more than 15 points apart, such as nano-m on 100 labels and 1,000 "
        "pseudo-labels: 30.0 and 80.0; intervals are wider for it",
    )


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (row(), plan()),
        (row(n=50, student_steps=40), plan(50, steps=40)),
        (row(n=50, labels=100), plan(150)),
        (row(n=400), plan(400)),
        (row("distill"), plan(100, "nano-m", 1000, 192)),
        (row("mixed", n=50, labels=100, teacher_steps=150), plan(150, "nano-m", 1000, 192)),
        # With N = 100 these are no plans: bought labels teach the student of a teacher too. They are used as they are.
        (row("distill", n=400), replace(plan(100, "nano-m", 1000, 192), n=400)),
        (row("mixed", n=50, labels=20), replace(plan(100, "nano-m", 1000, 192).with_quantities(labels=20), n=50)),
    ],
)  # fmt: skip
def test_labels_are_those_of_the_question(
    scenario: Scenario, write_sweep: WriteSweep, values: dict[str, object], wanted: object
) -> None:
    (values,) = read_result_rows(write_sweep([{**values, "seed": 3, "repeat": 1}]))
    assert as_asked(plan_of(values), scenario.question) == wanted


def test_an_item_of_a_plugin_that_is_not_installed(
    scenario: Scenario, write_sweep: WriteSweep
) -> None:
    """What it brings is not known, so what it was part of is no measurement of the rest."""
    columns = (*COLUMNS, "quantity_rules", "cost_rules")
    rows = [
        {**row(), "quantity_rules": 0, "cost_rules": 0.0},
        {**row(seed=1), "quantity_rules": 9, "cost_rules": 1.0},
    ]
    gathered = gather([write_sweep(rows, columns=columns)], scenario.question, scenario.study)
    assert [m.plan for m in gathered.measured] == [plan()]
    assert gathered.notes == (
        "sweep: 1 of 2 rows left out: no plugin that is installed has cost item rules",
    )
