"""`raydoa search`: find the best split of a budget, for a part of it."""

import argparse
import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from raydoa.cli.one_question import narrowed
from raydoa.cli.sweep import add_sweep, configured
from raydoa.errors import UserError, did_you_mean
from raydoa.experiment.config import RuntimeConfig, Sweep
from raydoa.search.objective import OBJECTIVES
from raydoa.search.samplers import DEFAULT, SAMPLERS

if TYPE_CHECKING:
    from raydoa.experiment.study import Study
    from raydoa.search.journal import Journal
    from raydoa.search.priors import Knowledge
    from raydoa.search.setup import SearchSetup

logger = logging.getLogger(__name__)

_LIMIT_BUDGETS = 2.0


def add(parser: argparse.ArgumentParser, default: str = "embedded") -> None:
    """The flags of a search, and what to do with it."""
    add_sweep(parser)
    parser.add_argument("--limit", type=float, metavar="DOLLARS",
                        help=f"what the search may spend in all; {_LIMIT_BUDGETS:g} budgets by default")  # fmt: skip
    parser.add_argument(
        "--searcher", default=DEFAULT, help=f"{', '.join(SAMPLERS)}; {DEFAULT} by default"
    )
    parser.add_argument("--prior", nargs="+", default=[], metavar="RESULT_DIR",
                        help="finished sweeps or searches to learn from; of other tasks, as a prior")  # fmt: skip
    parser.add_argument("--objective", default="score",
                        help=f"one of {', '.join(OBJECTIVES)}; a frontier is a plan for each level")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="price the space, run nothing")
    parser.set_defaults(run=_run, default=default)


def _run(options: argparse.Namespace) -> int:
    from raydoa.search.samplers import sampler_named

    if options.objective not in OBJECTIVES:
        near = did_you_mean(options.objective, list(OBJECTIVES))
        raise UserError(
            f"--objective: found {options.objective!r}; known are {', '.join(OBJECTIVES)}{near}"
        )
    sampler_named(options.searcher, options.objective)  # A wrong name is told at once.
    seeking, runtime = seeking_of(options)
    if options.dry_run:
        print("\n".join(_dry_run_lines(seeking)))
        return 0
    seeking.resolved.study.check_reachable()  # Told at once: Ray takes seconds.
    seeking.check()
    from raydoa.on_ray.search import run_search

    print_results(seeking, run_search(seeking, runtime))
    return 0


def seeking_of(options: argparse.Namespace) -> "tuple[SearchSetup, RuntimeConfig]":
    """The search that the flags mean, and how it is run."""
    from raydoa.experiment.resolve import resolve
    from raydoa.search.setup import SearchSetup

    sweep, runtime = configured(options)
    sweep = _named(narrowed(sweep, options, "search", ("strategies", "u", "label_shares")), options)
    budget = sweep.grid.budgets[0]
    limit = _LIMIT_BUDGETS * budget if options.limit is None else options.limit
    resolved = resolve(sweep, runtime)
    study = resolved.study
    knowledge = _knowledge(options, study)
    result_dir = Path(runtime.results).absolute() / study.sweep_id
    seeking = SearchSetup(
        resolved, options.searcher, options.objective, limit, knowledge, result_dir
    )
    return seeking, runtime


def _named(question: Sweep, options: argparse.Namespace) -> Sweep:
    """The question with a name that tells it from other searches for the same."""
    parts = [question.name, "search", options.searcher.replace(":", "-"), options.objective]
    if options.prior:
        places = sorted(str(Path(place).absolute()) for place in options.prior)
        parts.append("prior" + hashlib.sha256("\n".join(places).encode()).hexdigest()[:8])
    return question.model_copy(update={"name": "-".join(parts)})


def _knowledge(options: argparse.Namespace, study: "Study") -> "Knowledge | None":
    """What finished sweeps and searches say: about the task, and about others."""
    if not options.prior:
        return None
    if options.searcher != DEFAULT:
        raise UserError(
            f"--prior: {options.searcher} learns nothing from finished sweeps; {DEFAULT} does"
        )
    from raydoa.planning.case import Case
    from raydoa.planning.evidence import gather

    grid = study.sweep.grid
    case = Case(study, grid.tasks[0], grid.n[0], grid.budgets[0])
    evidence = gather([Path(place) for place in options.prior], case)
    for note in evidence.notes:
        logger.warning("%s", note)
    return evidence.knowledge


def _dry_run_lines(seeking: "SearchSetup") -> list[str]:
    space = seeking.check()
    costs, book = space.costs, seeking.resolved.study.unit_costs.book
    plans = space.plans()
    probes = space.probes(space.budget_usd)
    totals = [costs.items(point).total for point in space.points()]
    lines = [
        f"search {seeking.result_dir.name}: task {seeking.task}, N = {costs.owned:,}, B = ${space.budget_usd:,.2f}, "
        f"limit ${seeking.limit_usd:,.2f}",
        f"plans that B pays for: {len(plans):,}; probes on fewer labels or rows: {len(probes):,}",
        f"one measurement costs ${min(totals):,.4f} to ${max(totals):,.4f} from nothing",
        f"a label ${costs.label_usd:,.4f}; a step of the student ${costs.student_step_usd:.3g}",
    ]
    lines += [
        f"teacher {t.name}: a step ${t.step_usd:.3g}, a labelled row ${t.row_usd:.3g}; fine-tuning on N labels "
        f"${costs.of_teacher.epochs * -(-costs.owned // costs.of_teacher.batch_size) * t.step_usd:,.4f}"
        for t in costs.teachers
    ]
    if seeking.knowledge is not None:
        told = len(seeking.knowledge.measured)
        lines.append(f"known: {told:,} measurements; prior: {seeking.knowledge.prior.source}")
    if book.scaled is not None:
        lines.append(f"prices are scaled: {book.scaled}")
    return lines + [f"CANNOT BE REACHED: {line}" for line in seeking.resolved.study.unreachable]


def print_results(seeking: "SearchSetup", book: "Journal") -> None:
    """What was found, and the path of the result dir as the last line."""
    from raydoa.report.figures import DOLLARS, KGCO2E, write_figure
    from raydoa.report.results import write_cells
    from raydoa.report.search import (
        add_missing_rows,
        cells_of,
        ending_lines,
        frontier_lines,
        measured_table,
        recommendation_lines,
    )
    from raydoa.report.table import as_text
    from raydoa.search.outcome import Carbon, frontier, recommended
    from raydoa.search.samplers import sampler_named

    search, costs = book.search, book.search.space.costs
    study = seeking.resolved.study
    carbon = Carbon.of(study.unit_costs.book, study.sweep.accelerator, study.sweep.region)
    sampler = sampler_named(seeking.searcher, seeking.objective, seeking.knowledge)
    cells = cells_of(book.rows)
    if len(cells):
        add_missing_rows(book.rows, seeking.result_dir)
        write_cells(cells, seeking.result_dir)
        owned = cells[cells["n"] == costs.owned]
        for burden in (DOLLARS, KGCO2E) if len(owned) else ():
            write_figure(owned, seeking.result_dir, burden, joined=False)
        print(as_text(measured_table(cells, costs)))
    print("\n".join(recommendation_lines(recommended(sampler, search.known()), search, carbon)))
    if seeking.objective != "score":
        levels = frontier(sampler, search.known(), seeking.objective, carbon)
        print("\n".join(frontier_lines(levels, seeking.objective, costs, carbon)))
    print("\n".join(ending_lines(search)))
    if study.unit_costs.book.scaled is not None:
        print(f"prices are scaled: {study.unit_costs.book.scaled}")
    print(seeking.result_dir)
