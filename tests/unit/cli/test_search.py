"""`raydoa search`: its mistakes are one line, its dry run prices the space, and how it ends."""

import csv
import json
import re
import shutil
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from raydoa.api.search import SearchResult
from raydoa.cli.search import print_result
from raydoa.costs.items.teacher import teacher_of
from raydoa.costs.plan import Plan
from raydoa.errors import UserError
from raydoa.experiment.accounting import bought_items
from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.search_accounting import IncurredCosts
from raydoa.experiment.trial import measure
from raydoa.planning.measurements import measurements
from raydoa.report.results import load
from raydoa.search.ask_tell import Proposal
from raydoa.search.journal import Journal, read_journal
from raydoa.search.objective import OBJECTIVES, Objective
from raydoa.search.setup import SearchSetup, cell_of
from raydoa.store.store import Store
from tests.unit.cli.conftest import Run
from tests.unit.conftest import Measured
from tests.unit.world import TRAIN, World, builder_of, write_people_task, write_task

Refused = Callable[..., str]

SEARCH = ("search", "--budget", 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("search",), "--budget: missing; a search is for one budget, in dollars"),
        (("search", "--budget", "5", "6"), "--budget: found 5, 6; a search is for one, run one for each"),
        (("search", "--budget", "five"), "--budgets: found 'five'; expected a number"),
        (("search", "--budget", "0"), "budget: found $0.00; the cheapest plan (annotate without labels) costs $0.0036"),
        ((*SEARCH, "--searcher", "tpe"), "searcher: found 'tpe'; known are cost_aware, random, grid, optuna:tpe"),
        ((*SEARCH, "--searcher", "cost-aware"), "(did you mean 'cost_aware'?)"),
        ((*SEARCH, "--objective", "frontiers"), "--objective: found 'frontiers'; known are score, frontier, frontier_kgco2e (did you mean"),
        ((*SEARCH, "--limit", "0.0001"), "limit: found $0.0001; the cheapest measurement costs $0.0009"),
        ((*SEARCH, "--limit", "-1"), "limit: found -1.0; input should be greater than or equal to 0"),
        ((*SEARCH, "--limit", "nan"), "limit: found nan; input should be a finite number"),
        ((*SEARCH, "--limit", "all"), "--limit: found 'all'; expected a number"),
        ((*SEARCH, "--limit", "inf"), "limit: found inf; input should be a finite number"),
        ((*SEARCH, "--strategies", "distill"), "--strategies: a search looks at all of them; leave it out"),
        ((*SEARCH, "--u", "100"), "--u: a search looks at all of them; leave it out"),
        ((*SEARCH, "--label-shares", "0.5"), "--label-shares: a search looks at all of them; leave it out"),
        ((*SEARCH, "--n", "100", "400"), "--n: found 100, 400; a search is for one, run one for each"),
        ((*SEARCH, "--seeds", "0", "1"), "--seeds: found 0, 1; a search is for one, run one for each"),
        ((*SEARCH, "--n", "0"), "n: found [0]; counts start at 1"),
        ((*SEARCH, "--config", "paper"), "--task: missing; the tasks are wlp, stanceosaurus, fever"),
        ((*SEARCH, "--prior", "gone"), "gone: no cells.csv; expected the result dir of a sweep or search that has ended"),
        ((*SEARCH, "--searcher", "random", "--prior", "x"), "--prior: random learns nothing from finished sweeps; cost_aware does"),
    ],
)  # fmt: skip
def test_mistakes(refused: Refused, arguments: tuple[str, ...], message: str) -> None:
    assert message in refused(*arguments)


def _flags(world: World, *more: object) -> tuple[object, ...]:
    return ("search", "--task", world.task, "--n", 8, "--seeds", 0, "--teachers", "nano-m", "--budget", 4,
            "--store", world.folder / "store", "--results", world.folder / "results", *more)  # fmt: skip


def test_more_labels_owned_than_there_are(refused: Refused, world: World) -> None:
    assert "task tiny: N = 101 is above the 100 labelled rows; lower N" in refused(
        *_flags(world, "--n", 101)
    )


def test_a_prior_of_another_task(run: Run, measured: Measured, tmp_path: Path) -> None:
    """It is no measurement of this one, and no prior unless it was shown to predict others."""
    rows = list(measured.rows.values())
    with (tmp_path / "cells.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    said = run(*SEARCH, "--prior", tmp_path, "--dry-run")
    assert "known: 0 measurements; prior: wide guesses" in said.out


def test_without_its_rows(refused: Refused, run: Run) -> None:
    """It is priced, and does not start."""
    flags = ("search", "--config", "nano", "--task", "wlp", "--budget", 20)
    assert "cannot start: task wlp: train: wlp/train.jsonl is relative to a data" in refused(*flags)
    ran = run(*flags, "--dry-run")
    assert ran.code == 0 and "CANNOT BE REACHED: task wlp: train" in ran.out


def test_dry_run(run: Run, world: World) -> None:
    ran = run(*_flags(world, "--dry-run", "--limit", 9))
    assert ran.code == 0, ran.err
    assert re.search(r"task tiny, N = 8, B = \$4.00, limit \$9.00", ran.out)
    assert re.search(r"plans that B pays for: \d+; probes on fewer labels or rows: \d+", ran.out)
    assert "teacher nano-m: " in ran.out and "a step of teacher's fine-tuning $0.0" in ran.out
    assert not (world.folder / "results").exists() and not (world.folder / "store").exists()


def _setup(world: World, objective: Objective, sampler: str = "random") -> SearchSetup:
    """A search of the tiny world, whose models train in a blink."""
    axes = {"n": (8,), "budgets": (4.0,), "u": (1,), "strategies": ("annotate", "distill", "mixed")}
    resolved = world.resolved(world.sweep(**axes))
    return SearchSetup(resolved, sampler, objective, 6.0, None, world.folder / "results" / "search")


def _measured(setup: SearchSetup, proposals: int) -> Journal:
    """Some proposals, measured in this process."""
    journal = setup.open_journal()
    resolved = setup.resolved
    resolved.context.store.prepare()
    incurred = IncurredCosts(resolved.study, resolved.context.store, journal.began)
    for _ in range(proposals):
        proposal = journal.ask()
        if proposal is None:
            break
        plan = proposal.plan
        incurred.asked(proposal.number, plan)
        purchased = _purchased(proposal, journal)
        cell = cell_of(plan, journal.search.space)
        [row] = measure(plan, [cell], purchased, resolved.study, builder_of(resolved, plan))
        cost = incurred.usd(proposal.number, plan, purchased)
        assert cost == pytest.approx(proposal.cost_usd, abs=1e-9), "as was expected"
        assert cost == pytest.approx(row["cost_incurred"], abs=1e-9), "one at a time, as accounted"
        journal.tell(proposal.number, row["score"], cost, row=row)
    return journal


def _purchased(proposal: Proposal, journal: Journal) -> dict[str, int]:
    bought = bought_items(proposal.plan, journal.search.space.question)
    return {item: proposal.units[item] for item in bought}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> SearchSetup:
    """Four proposals that were measured in this process; never write into its store."""
    folder = tmp_path_factory.mktemp("searched")
    setup = _setup(World(folder, write_task(folder / "task")), "score")
    _measured(setup, 4)
    return setup


@pytest.mark.parametrize("sampler", ["random", "cost_aware"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_end(
    searched: SearchSetup,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    objective: Objective,
    sampler: str,
) -> None:
    """The same measurements, as different searches tell of them."""
    setup = replace(searched, sampler=sampler, objective=objective, result_dir=tmp_path)
    header, *entries = read_journal(searched.log_path)
    lines = [{**header, "about": dict(setup.about())}, *entries]
    setup.log_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    journal = setup.open_journal()
    journal.search.stopped = "the test is over"
    capsys.readouterr()
    print_result(SearchResult(setup, journal))
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == str(setup.result_dir)
    quantities = ["labels", "teacher steps", "pseudo labels", "student steps"]
    columns = ["n", "teacher", *quantities, "score", "cost", "incurred", "kgCO2e"]
    assert said[0].split() == " ".join(columns).split()
    text = "\n".join(said)
    # Three steps teach nothing, so what was measured is no better than always saying the same.
    if sampler == "random":
        assert (
            "nothing for $4.00 is known to be better than always answering the most frequent class ("
            in text
        )
        assert "recommended" not in text
    assert re.search(r"(recommended|the nearest to it) for \$4\.00 with N = 8 labels owned: ", text)
    assert re.search(r"  total +\$\d", text)
    expected = "80% interval" if sampler == "cost_aware" else "measured score"
    assert expected in text
    assert "it stopped: the test is over" in text
    assert f"{len(journal.rows)} measured" in text
    levels = [line for line in said if line.startswith("  up to ")]
    assert len(levels) == (0 if objective == "score" else 4)
    assert all(
        ("$" in line) == (objective == "frontier") for line in (x.split(":")[0] for x in levels)
    )
    rows = load(setup.result_dir)
    assert len(rows) == len(journal.rows) == 4, "every row is where a report looks for it"
    question = setup.space.question
    assert len(measurements(rows.to_dict("records"), question, "it")) == 4, "and can be a prior"
    for name in ("cells.csv", "search.jsonl", "score_against_cost.png", "score_against_kgco2e.png"):
        assert (setup.result_dir / name).exists(), name


def test_nothing_was_measured(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """No plan is better than another, and it is said that nothing is known."""
    setup = _setup(world, "frontier")
    print_result(SearchResult(setup, setup.open_journal()))
    said = capsys.readouterr().out
    assert "no plan for $4.00 is recommended: nothing was measured, so no score is known" in said
    assert "recommended for" not in said and "predicted" not in said
    assert "nothing that is known can be paid" in said


def test_the_recommended_plan_awaits_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not made, and it is said what it awaits, and that B pays for more than the pool has."""
    world = World(tmp_path, write_people_task(tmp_path / "task"))
    setup = _setup(world, "score", "cost_aware")
    space = setup.space
    assert space.question.n == TRAIN
    [best] = [p for p in space.plans() if p.quantity("labels") == 7 and not p.choices]
    journal = _measured(setup, 1)
    monkeypatch.setattr(type(journal.search.sampler), "recommend", lambda *_: best)
    print_result(SearchResult(setup, journal))
    said = capsys.readouterr().out
    assert "it is not made: 7 labels must be bought first" in said
    assert "no plan buys more" not in said
    monkeypatch.undo()
    grid = setup.resolved.study.sweep.grid.model_copy(update={"budgets": (100.0,)})
    study = replace(setup.resolved.study, sweep=setup.resolved.study.sweep.model_copy(update={"grid": grid}))  # fmt: skip
    richer = replace(setup, resolved=replace(setup.resolved, study=study), result_dir=tmp_path / "b")  # fmt: skip
    print_result(SearchResult(richer, richer.open_journal()))
    assert "B pays for 199 labels, and the pool has 60 rows: no plan buys more" in capsys.readouterr().out  # fmt: skip


def _elsewhere(setup: SearchSetup, folder: Path, **changes: object) -> SearchSetup:
    """The same search over the same store, of a sweep of another name unless it is the same."""
    study = setup.resolved.study
    study = replace(study, sweep=study.sweep.model_copy(update={"name": "another", **changes}))
    return replace(setup, resolved=replace(setup.resolved, study=study), result_dir=folder)


@pytest.mark.parametrize("name", ["tiny", "another"])
def test_what_is_in_the_store_costs_nothing(
    searched: SearchSetup, tmp_path: Path, name: str
) -> None:
    """Only what is new is asked for and billed; also by a search that has lost its log."""
    second = _elsewhere(searched, tmp_path, name=name)
    assert (second.resolved.study.sweep_id == searched.resolved.study.sweep_id) == (name == "tiny")
    journal = second.open_journal()
    made = {o.plan for o in searched.open_journal().search.observations}
    existing = journal.search.existing.units
    assert _students(existing) == made
    assert _teachers(existing) == {teacher_of(plan) for plan in made if plan.choices}
    incurred = IncurredCosts(second.resolved.study, second.resolved.context.store, journal.began)
    label_usd = second.space.question.tariff("labels", ()).unit_price_usd
    for _ in made:
        proposal = journal.ask()
        assert proposal is not None and proposal.plan in made, "the same seed asks for the same"
        incurred.asked(proposal.number, proposal.plan)
        purchased = _purchased(proposal, journal)
        labels_usd = purchased.get("labels", 0) * label_usd
        assert proposal.cost_usd == pytest.approx(labels_usd)
        cost = incurred.usd(proposal.number, proposal.plan, purchased)
        assert cost == pytest.approx(labels_usd)
        journal.tell(proposal.number, 0.5)


def _students(units: Mapping[Hashable, object]) -> set[Plan]:
    """The plans whose student exists."""
    return {thing[1] for thing in units if isinstance(thing, tuple) and thing[0] == "student"}


def _teachers(units: Mapping[Hashable, object]) -> set[Hashable]:
    """The teachers that exist."""
    return {thing for thing in units if isinstance(thing, tuple) and thing[0] == "teacher"}


def _copied(setup: SearchSetup, folder: Path) -> SearchSetup:
    """The same search over a copy of its store, without its log."""
    shutil.copytree(setup.resolved.context.store.url, folder / "store")
    context = replace(setup.resolved.context, store=Store(str(folder / "store")))
    resolved = replace(setup.resolved, context=context)
    return replace(setup, resolved=resolved, result_dir=folder / "results")


def test_only_what_is_missing_is_made_and_paid(searched: SearchSetup, tmp_path: Path) -> None:
    """A teacher counts with its rows up to the first shard that is gone, and the students of no more rows."""
    again = _copied(searched, tmp_path)
    store, study = again.resolved.context.store, again.resolved.study
    made = {o.plan for o in searched.open_journal().search.observations}
    plan = max(made, key=lambda plan: plan.quantity("pseudo_labels"))
    rows = plan.quantity("pseudo_labels")
    graph = study.graph(plan)
    for stage in (graph.paid["pseudo_labels"][1], *graph.paid["student"], graph.evaluations[0]):
        store.drop(stage.key)
    journal = again.open_journal()
    existing = journal.search.existing
    assert existing.units["pseudo_labels", teacher_of(plan)] == ((0, 20),) and rows > 20
    assert _students(existing.units) == {
        other
        for other in made
        if not other.choices
        or teacher_of(other) != teacher_of(plan)
        or other.quantity("pseudo_labels") <= 20
    }
    added = journal.search.state.purchases.marginal(plan)
    assert added["teacher"] == 0
    assert added["pseudo_labels"] == rows - 20
    assert added["student"] == plan.quantity("student")
    proposal = journal.search.propose(plan, "the test wants it")
    assert proposal.cost_usd < again.space.cost_usd(plan)
    incurred = IncurredCosts(study, store, journal.began)
    incurred.asked(proposal.number, plan)
    purchased = _purchased(proposal, journal)
    cell = cell_of(plan, journal.search.space)
    measure(plan, [cell], purchased, study, builder_of(again.resolved, plan))
    made_again = rows - 20 if len(graph.paid["pseudo_labels"]) == 2 else 20
    cost = incurred.usd(proposal.number, plan, purchased)
    row_usd = journal.search.space.question.tariff("pseudo_labels", plan.choices).unit_price_usd
    assert proposal.cost_usd - cost == pytest.approx((rows - 20 - made_again) * row_usd, abs=1e-5)


def test_repeats_are_found_as_well(searched: SearchSetup, tmp_path: Path) -> None:
    again = _copied(searched, tmp_path)
    journal = again.open_journal()
    first = min(_students(journal.search.existing.units))
    again.log_path.unlink()
    repeated = first.repeated(1)
    cell = cell_of(repeated, journal.search.space)
    measure(repeated, [cell], {}, again.resolved.study, builder_of(again.resolved, repeated))
    students = _students(again.open_journal().search.existing.units)
    assert {first, repeated} <= students
    assert first.repeated(2) not in students


def test_what_failed_is_paid_by_the_next(searched: SearchSetup, tmp_path: Path) -> None:
    """A teacher whose training has failed was told at its price; who makes it then pays for it."""
    again = _copied(searched, tmp_path)
    study, store = again.resolved.study, again.resolved.context.store
    journal = searched.open_journal()
    plan = max(o.plan for o in journal.search.observations)
    incurred = IncurredCosts(study, store, journal.began)
    for number in (0, 1):
        incurred.asked(number, plan)
    full = incurred.usd(0, plan, {})
    assert full > 0 and incurred.usd(1, plan, {}) == 0
    incurred.failed(0)
    assert incurred.usd(0, plan, {}) == full, "it has made everything, whatever happened then"
    for stages in study.graph(plan).paid.values():
        for stage in stages:
            store.drop(stage.key)
    incurred.failed(0)
    assert incurred.usd(0, plan, {}) == 0 and incurred.usd(1, plan, {}) == full


def test_it_goes_on_with_what_existed(searched: SearchSetup, tmp_path: Path) -> None:
    """By the time that it is restored the store has what the search itself has made: that was paid."""
    second = _elsewhere(searched, tmp_path / "results")
    first = second.open_journal()
    assert _students(first.search.existing.units)
    emptied = replace(second.resolved.context, store=Store(str(tmp_path / "empty")))
    again = replace(second, resolved=replace(second.resolved, context=emptied)).open_journal()
    assert again.search.existing == first.search.existing


def test_no_scores_no_search(world: World) -> None:
    setup = _setup(world, "score")
    task = setup.resolved.study.tasks["tiny"]
    spec = task.spec.model_copy(update={"metric": "bert_ibleu"})
    study = replace(setup.resolved.study, tasks={"tiny": replace(task, spec=spec)})
    with pytest.raises(UserError, match="bert_ibleu needs a model that was not given"):
        replace(setup, resolved=replace(setup.resolved, study=study)).check()


def test_running_is_no_part_of_a_search(world: World) -> None:
    """Folders and workers may change between two runs of the same search."""
    one, two = (world.resolved(world.sweep(), **places) for places in ({}, {"train_workers": 2}))
    assert one.study.sweep_id == two.study.sweep_id
    assert RuntimeConfig().trials_of_a_search > 1
