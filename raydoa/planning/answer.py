"""A question and its whole answer, for lines and for JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from raydoa.costs.items import ITEMS
from raydoa.experiment.result_row import quantity_column
from raydoa.planning.belief import Belief
from raydoa.planning.break_even import BreakEvenPrice, Sides, break_even_prices, sides_of
from raydoa.planning.evidence import Evidence
from raydoa.planning.outlook import Outlook, Table, table
from raydoa.planning.scenario import Scenario
from raydoa.planning.sentence import sentence
from raydoa.planning.what_if import PriceChange, WhatIf, what_ifs
from raydoa.search.space import Variant


@dataclass(frozen=True)
class Answer:
    """What is likely, where that comes from, and what would change it.

    Attributes:
        scenario: the question.
        table: the plans.
        sentence: the one for a manager.
        sources: where scores come from.
        what_ifs: the best plan at other prices.
        break_evens: where the baseline strategy and its alternatives change places.
        sides: which strategies these are.
        notes: what else the reader must know.
    """

    scenario: Scenario
    table: Table
    sentence: str
    sources: tuple[str, ...]
    what_ifs: tuple[WhatIf, ...]
    break_evens: tuple[BreakEvenPrice, ...]
    sides: Sides | None
    notes: tuple[str, ...]


def answer(scenario: Scenario, evidence: Evidence, changes: Sequence[PriceChange]) -> Answer:
    """Answer a question.

    Raises:
        UserError: the budget pays for no plan; the line says what the cheapest costs.
    """
    scenario.space.plans()  # Refused before a fit takes its time.
    belief = Belief(evidence, scenario.question)
    plans = table(scenario, belief)
    return Answer(
        scenario=scenario,
        table=plans,
        sentence=sentence(scenario, belief, plans),
        sources=tuple(_sources(scenario, belief)),
        what_ifs=tuple(what_ifs(scenario, belief, changes)),
        break_evens=tuple(break_even_prices(scenario, belief)),
        sides=sides_of(scenario),
        notes=(*_notes(scenario), *evidence.notes),
    )


def _sources(scenario: Scenario, belief: Belief) -> list[str]:
    evidence, task = belief.evidence, scenario.question.task
    if not evidence.measured:
        return [f"nothing of {task} has been measured; prior: {belief.prior.source}"]
    sweeps = ", ".join(evidence.sweeps)
    return [
        f"{len(evidence.measured)} measurements of {task} from {sweeps}; prior: {belief.prior.source}"
    ]


def _notes(scenario: Scenario) -> list[str]:
    study, question, notes = scenario.study, scenario.question, []
    if scenario.book.scaled is not None:
        notes.append(f"prices are scaled: {scenario.book.scaled}")
    if question.supply.train_rows is None:
        limit = question.supply.pool_limit
        rows = "" if limit is None else f"; a pool of {limit:,} rows is assumed (--u)"
        notes.append(f"the rows of {question.task} cannot be counted from here{rows}")
    if study.unreachable:
        count = len(study.unreachable)
        notes.append(f"a plan does without them, a run does not: {count} files or models cannot be reached from here, "
                     f"such as {study.unreachable[0]}")  # fmt: skip
    return notes


def as_json(answer: Answer) -> dict[str, Any]:
    """The answer as plain values, for JSON."""
    scenario, sweep = answer.scenario, answer.scenario.study.sweep
    question, thrifty = scenario.question, answer.table.thrifty
    return {
        "question": {
            "task": question.task,
            "n": question.n,
            "budget": scenario.budget_usd,
            "student": question.student,
            "prices": scenario.book.book_id,
            "prices_scaled": scenario.book.scaled,
            "accelerator": sweep.accelerator,
            "region": sweep.region,
            "label_usd": scenario.label_usd,
            "gpu_hour_usd": scenario.gpu_hour_usd,
            "gpus": scenario.gpus,
            "metric": scenario.study.tasks[question.task].spec.metric,
        },
        "sentence": answer.sentence,
        "sources": list(answer.sources),
        "plans": [_outlook(row, scenario) for row in answer.table.rows],
        "first_beats_second": answer.table.first_beats_second,
        "nearly_as_good_for_less": _outlook(thrifty, scenario) if thrifty else None,
        "unaffordable": [
            {**_variant(none.variant), "least_usd": none.least_usd}
            for none in answer.table.unaffordable
        ],
        "what_if": [_what_if(row, scenario) for row in answer.what_ifs],
        "break_even": [asdict(row) for row in answer.break_evens],
        "notes": list(answer.notes),
    }


def _what_if(row: WhatIf, scenario: Scenario) -> dict[str, Any]:
    best = _outlook(row.best, scenario) | {"kgco2e": row.kgco2e} if row.best else None
    return {**asdict(row.change), "now": row.now, "best": best, "why_not": row.why_not}


def _variant(variant: Variant) -> dict[str, Any]:
    return {"strategy": variant.strategy, "teacher": None, **dict(variant.choices)}


def _outlook(row: Outlook, scenario: Scenario) -> dict[str, Any]:
    """In the words of a result row where it has one."""
    items = ITEMS.names()
    return {
        "plan": scenario.plan_id(row.plan),
        **_variant(row.variant),
        **{quantity_column(item): row.plan.quantity(item) for item in items},
        "score": row.score,
        "score_low": row.low,
        "score_high": row.high,
        "p_best": row.best_probability,
        **row.ledger.columns(items),
        "unspent": row.unspent_usd,
        "gpu_hours": row.ledger.gpu_seconds / 3600,
        "wall_clock_hours": scenario.wall_clock_hours(row.ledger),
        "kgco2e": scenario.study.kgco2e(row.ledger),
    }
