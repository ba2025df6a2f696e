"""`raydoa search`: find the best split of a budget, for a part of it."""

import argparse
from typing import TYPE_CHECKING

from raydoa.api.search import Searching, SearchResult, run_search_of, search_setup
from raydoa.cli.configured import add_configuration, configured
from raydoa.search.objective import OBJECTIVES
from raydoa.search.samplers import DEFAULT, SAMPLERS

if TYPE_CHECKING:
    from raydoa.search.setup import SearchSetup
    from raydoa.search.space import Space


def add(parser: argparse.ArgumentParser, default: str = "embedded") -> None:
    """The flags of a search, and what to do with it."""
    add_configuration(parser, default)
    parser.add_argument(
        "--searcher", default=DEFAULT, help=f"{', '.join(SAMPLERS)}; {DEFAULT} by default"
    )
    parser.add_argument("--prior", nargs="+", default=[], metavar="RESULT_DIR",
                        help="finished sweeps or searches to learn from; of other tasks, as a prior")  # fmt: skip
    parser.add_argument("--objective", default="score",
                        help=f"one of {', '.join(OBJECTIVES)}; a frontier is a plan for each level")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="price the space, run nothing")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    chosen = configured(options)
    limit = chosen.configuration.runtime.limit
    asked = Searching(options.searcher, options.objective, limit, options.prior)
    if options.dry_run:
        print("\n".join(_dry_run_lines(search_setup(chosen, asked)[0])))
        return 0
    print_result(run_search_of(chosen, asked))
    return 0


def _dry_run_lines(setup: "SearchSetup") -> list[str]:
    space = setup.check()
    question, book = space.question, setup.resolved.study.unit_costs.book
    costs = [space.cost_usd(plan) for plan in space.points()]
    plans, short = len(space.plans()), dict.fromkeys(space.short_of_labels.values())
    awaiting = plans - len(space.measurable_plans())
    lines = [
        f"search {setup.result_dir.name}: task {setup.task}, N = {question.n:,}, B = ${space.budget_usd:,.2f}, "
        f"limit ${setup.limit_usd:,.2f}",
        f"plans that B pays for: {plans:,}; probes on fewer labels or rows: "
        f"{len(space.probes(space.budget_usd)):,}",
        *([f"plans that await labels: {awaiting:,}; they may be recommended"] if awaiting else []),
        *(f"{why}: no plan buys more" for why in short),
        f"one measurement costs ${min(costs):,.4f} to ${max(costs):,.4f} from nothing",
        *_price_lines(space),
    ]
    if setup.knowledge is not None:
        count = len(setup.knowledge.measured)
        lines.append(f"known: {count:,} measurements; prior: {setup.knowledge.prior.source}")
    if book.scaled is not None:
        lines.append(f"prices are scaled: {book.scaled}")
    return lines + [f"CANNOT BE REACHED: {line}" for line in setup.resolved.study.unreachable]


def _price_lines(space: "Space") -> list[str]:
    """What a unit of each cost item costs, by what is chosen."""
    from raydoa.costs.items import ITEMS

    question, lines = space.question, []
    plans = {plan.choices: plan for plan in space.variants.values()}
    for choices, plan in plans.items():
        chosen = ", ".join(f"{name} {value}" for name, value in choices) or "no choices"
        units = [
            f"a {ITEMS.get(item).unit} of {ITEMS.get(item).title} "
            f"${question.tariff(item, choices).unit_price_usd:.3g}"
            for item, _ in plan.quantities
        ]
        lines.append(f"{chosen}: {', '.join(units)}")
    return lines


def print_result(result: SearchResult) -> None:
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
    from raydoa.search.outcome import recommended_frontier

    setup, journal = result.setup, result.journal
    search, space, study = journal.search, journal.search.space, setup.resolved.study
    cells = cells_of(journal.rows)
    if len(cells):
        add_missing_rows(journal.rows, setup.result_dir)
        write_cells(cells, setup.result_dir)
        owned = cells[cells["n"] == space.question.n]
        for burden in (DOLLARS, KGCO2E) if len(owned) else ():
            write_figure(owned, setup.result_dir, burden, joined=False)
        print(as_text(measured_table(cells, space.question.n)))
    print("\n".join(recommendation_lines(result.recommended, search, study)))
    if setup.objective != "score":
        levels = recommended_frontier(search.sampler, search.state, setup.objective, study)
        print("\n".join(frontier_lines(levels, setup.objective, space, study)))
    print("\n".join(ending_lines(search)))
    if study.unit_costs.book.scaled is not None:
        print(f"prices are scaled: {study.unit_costs.book.scaled}")
    print(setup.result_dir)
