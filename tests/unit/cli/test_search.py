"""`raydoa search`: its mistakes are one line, its dry run prices the space, and how it ends."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from raydoa.cli.search import print_results
from raydoa.errors import UserError
from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.result_row import row_of
from raydoa.experiment.trial import chain, measure
from raydoa.pipeline.builder import Builder
from raydoa.report.results import load
from raydoa.search.cells import measurements, score_of
from raydoa.search.journal import Journal, read
from raydoa.search.objective import OBJECTIVES, Objective
from raydoa.search.setup import SearchSetup
from raydoa.search.spending import Bills
from raydoa.store.store import Store
from tests.unit.cli.conftest import Run
from tests.unit.conftest import Measured
from tests.unit.world import World, builder_of, write_task

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
        ((*SEARCH, "--limit", "-1"), "limit: found $-1.0000; the cheapest measurement costs"),
        ((*SEARCH, "--limit", "nan"), "limit: found $nan; the cheapest measurement costs"),
        ((*SEARCH, "--limit", "all"), "argument --limit: invalid float value: 'all'"),
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
    """A sweep of another task teaches the laws, and is no measurement of this one."""
    rows = [row.flat() for row in measured.rows.values()]
    with (tmp_path / "cells.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    said = run(*SEARCH, "--prior", tmp_path, "--dry-run")
    assert f"known: 0 measurements; prior: tiny in {tmp_path.name}" in said.out


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
    assert "teacher nano-m: a step $0.0" in ran.out
    assert not (world.folder / "results").exists() and not (world.folder / "store").exists()


def _seeking(world: World, objective: Objective, searcher: str = "random") -> SearchSetup:
    """A search of the tiny world, whose models train in a blink."""
    axes = {"n": (8,), "budgets": (4.0,), "u": (1,), "strategies": ("annotate", "distill", "mixed")}
    resolved = world.resolved(world.sweep(**axes))
    return SearchSetup(resolved, searcher, objective, 6.0, (), world.folder / "results" / "search")


def _measured(seeking: SearchSetup, proposals: int) -> Journal:
    """Some proposals, measured in this process."""
    book = seeking.open_log()
    resolved = seeking.resolved
    resolved.context.store.prepare()
    bills = Bills(resolved.study, resolved.context.store, book.began)
    for _ in range(proposals):
        proposal = book.ask()
        if proposal is None:
            break
        cell = seeking.cells.of(proposal.candidate)
        bills.asked(proposal.number, cell)
        labels = book.labels_incurred(proposal.number)
        builder: Builder = builder_of(resolved, cell)
        row = row_of(measure(cell, labels, resolved.study, builder).flat())
        cost = bills.bill(proposal.number, cell, labels)
        assert cost == pytest.approx(proposal.cost_usd, abs=1e-5), "as was expected"
        assert cost == pytest.approx(row["cost_incurred"], abs=1e-6), "one at a time, as booked"
        book.tell(proposal.number, score_of(row), cost, row=row)
    return book


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> SearchSetup:
    """Four proposals that were measured in this process; never write into its store."""
    folder = tmp_path_factory.mktemp("searched")
    seeking = _seeking(World(folder, write_task(folder / "task")), "score")
    _measured(seeking, 4)
    return seeking


@pytest.mark.parametrize("searcher", ["random", "cost_aware"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_end(
    searched: SearchSetup,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    objective: Objective,
    searcher: str,
) -> None:
    """The same measurements, as different searches tell of them."""
    seeking = replace(searched, searcher=searcher, objective=objective, result_dir=tmp_path)
    header, *entries = read(searched.log_path)
    lines = [{**header, "about": dict(seeking.about())}, *entries]
    seeking.log_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    book = seeking.open_log()
    book.search.stopped = "the test is over"
    capsys.readouterr()
    print_results(seeking, book)
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == str(seeking.result_dir)
    assert said[0].split() == [
        "labels",
        "teacher",
        "u",
        "student",
        "steps",
        "score",
        "cost",
        "incurred",
        "kgCO2e",
    ]
    text = "\n".join(said)
    assert "recommended for $4.00 with N = 8 labels owned: " in text
    assert re.search(r"  total +\$\d", text)
    expected = "80% interval" if searcher == "cost_aware" else "measured score"
    assert expected in text
    assert "it stopped: the test is over" in text
    assert f"{len(book.rows)} measured" in text
    levels = [line for line in said if line.startswith("  up to ")]
    assert len(levels) == (0 if objective == "score" else 4)
    assert all(
        ("$" in line) == (objective == "frontier") for line in (x.split(":")[0] for x in levels)
    )
    rows = load(seeking.result_dir)
    assert len(rows) == len(book.rows) == 4, "every row is where a report looks for it"
    assert len(measurements(rows.to_dict("records"), "tiny", "it")) == 4, "and can be a prior"
    for name in ("cells.csv", "search.jsonl", "score_against_cost.png", "score_against_kgco2e.png"):
        assert (seeking.result_dir / name).exists(), name


def test_nothing_was_measured(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The cheapest plan is recommended, and it is said that nothing is known."""
    seeking = _seeking(world, "frontier")
    print_results(seeking, seeking.open_log())
    said = capsys.readouterr().out
    assert "score: not known; nothing was measured" in said
    assert "nothing that is known can be paid" in said


def _elsewhere(seeking: SearchSetup, folder: Path, **changes: object) -> SearchSetup:
    """The same search over the same store, of a sweep of another name unless it is the same."""
    study = seeking.resolved.study
    study = replace(study, sweep=study.sweep.model_copy(update={"name": "another", **changes}))
    return replace(seeking, resolved=replace(seeking.resolved, study=study), result_dir=folder)


@pytest.mark.parametrize("name", ["tiny", "another"])
def test_what_is_in_the_store_costs_nothing(
    searched: SearchSetup, tmp_path: Path, name: str
) -> None:
    """Only what is new is asked for and billed; also by a search that has lost its log."""
    second = _elsewhere(searched, tmp_path, name=name)
    assert (second.resolved.study.sweep_id == searched.resolved.study.sweep_id) == (name == "tiny")
    book = second.open_log()
    made = {o.candidate for o in searched.open_log().search.observations}
    assert book.search.there.measured == made
    assert set(book.search.there.rows) == {c.artifact for c in made if c.artifact}
    bills = Bills(second.resolved.study, second.resolved.context.store, book.began)
    label_usd = second.space.costs.label_usd
    for _ in made:
        proposal = book.ask()
        assert proposal is not None and proposal.candidate in made, (
            "the same seed asks for the same"
        )
        cell = second.cells.of(proposal.candidate)
        bills.asked(proposal.number, cell)
        labels = book.labels_incurred(proposal.number)
        assert proposal.cost_usd == pytest.approx(labels * label_usd)
        assert bills.bill(proposal.number, cell, labels) == pytest.approx(labels * label_usd)
        book.tell(proposal.number, 0.5)


def _copied(seeking: SearchSetup, folder: Path) -> SearchSetup:
    """The same search over a copy of its store, without its log."""
    shutil.copytree(seeking.resolved.context.store.url, folder / "store")
    context = replace(seeking.resolved.context, store=Store(str(folder / "store")))
    resolved = replace(seeking.resolved, context=context)
    return replace(seeking, resolved=resolved, result_dir=folder / "results")


def test_only_what_is_missing_is_made_and_paid(searched: SearchSetup, tmp_path: Path) -> None:
    """A teacher counts with its rows up to the first shard that is gone, and the students of no more rows."""
    again = _copied(searched, tmp_path)
    store, study = again.resolved.context.store, again.resolved.study
    held = searched.open_log().search.known().holdings
    artifact, rows = max(held.rows.items(), key=lambda item: item[1])
    candidate = next(c for c in held.measured if c.artifact == artifact and c.point.u == rows)
    cell = again.cells.of(candidate)
    stages = chain(cell, study.plan(cell), study)
    for stage in (stages.paid()["pseudo_labels"][1], *stages.paid()["student"], stages.student):
        store.drop(stage.key)
    book = again.open_log()
    there = book.search.there
    assert there.rows[artifact] == 20 < rows
    assert there.measured == {c for c in held.measured if c.artifact != artifact or c.point.u <= 20}
    expected = book.search.known().holdings.marginal(candidate)
    assert (
        expected.teacher
        == 0
        < expected.pseudo_labels
        < again.space.costs.items(candidate.point).total
    )
    book.search._queue = [(candidate, "the test wants it")]
    proposal = book.ask()
    assert proposal is not None and proposal.cost_usd == expected.total
    bills = Bills(study, store, book.began)
    bills.asked(proposal.number, cell)
    labels = book.labels_incurred(proposal.number)
    measure(cell, labels, study, builder_of(again.resolved, cell))
    made_again = rows - 20 if len(stages.paid()["pseudo_labels"]) == 2 else 20
    billed = bills.bill(proposal.number, cell, labels)
    row_usd = again.space.costs.by_name[candidate.point.teacher].row_usd
    assert expected.total - billed == pytest.approx((rows - 20 - made_again) * row_usd, abs=1e-5)


def test_repeats_are_found_as_well(searched: SearchSetup, tmp_path: Path) -> None:
    again = _copied(searched, tmp_path)
    first = min(again.open_log().search.there.measured)
    again.log_path.unlink()
    cell = again.cells.of(replace(first, repeat=1))
    measure(cell, 0, again.resolved.study, builder_of(again.resolved, cell))
    there = again.open_log().search.there
    assert {first, replace(first, repeat=1)} <= there.measured
    assert replace(first, repeat=2) not in there.measured


def test_what_failed_is_paid_by_the_next(searched: SearchSetup, tmp_path: Path) -> None:
    """A teacher whose training has failed was told at its price; who makes it then pays for it."""
    again = _copied(searched, tmp_path)
    study, store = again.resolved.study, again.resolved.context.store
    candidate = max(searched.open_log().search.known().holdings.measured)
    cell = again.cells.of(candidate)
    bills = Bills(study, store, searched.open_log().began)
    for number in (0, 1):
        bills.asked(number, cell)
    full = bills.bill(0, cell, 0)
    assert full > 0 and bills.bill(1, cell, 0) == 0
    bills.failed(0)
    assert bills.bill(0, cell, 0) == full, "it has made everything, whatever happened then"
    for stages in chain(cell, study.plan(cell), study).paid().values():
        for stage in stages:
            store.drop(stage.key)
    bills.failed(0)
    assert bills.bill(0, cell, 0) == 0 and bills.bill(1, cell, 0) == full


def test_it_goes_on_with_what_was_there(searched: SearchSetup, tmp_path: Path) -> None:
    """By the time that it is brought back the store has what the search itself has made: that was paid."""
    second = _elsewhere(searched, tmp_path / "results")
    first = second.open_log()
    assert first.search.there.measured
    emptied = replace(second.resolved.context, store=Store(str(tmp_path / "empty")))
    again = replace(second, resolved=replace(second.resolved, context=emptied)).open_log()
    assert again.search.there == first.search.there


def test_no_scores_no_search(world: World) -> None:
    seeking = _seeking(world, "score")
    task = seeking.resolved.study.tasks["tiny"]
    spec = task.spec.model_copy(update={"metric": "bert_ibleu"})
    study = replace(seeking.resolved.study, tasks={"tiny": replace(task, spec=spec)})
    with pytest.raises(UserError, match="bert_ibleu needs a model that was not given"):
        replace(seeking, resolved=replace(seeking.resolved, study=study)).check()


def test_running_is_no_part_of_a_search(world: World) -> None:
    """Folders and workers may change between two runs of the same search."""
    one, two = (world.resolved(world.sweep(), **places) for places in ({}, {"train_workers": 2}))
    assert one.study.sweep_id == two.study.sweep_id
    assert RuntimeConfig().cells_of_a_search > 1
