"""A question and its whole answer, for lines and for JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from raydoa.planning.belief import Belief
from raydoa.planning.break_even import BreakEven, break_evens
from raydoa.planning.case import Case
from raydoa.planning.evidence import Evidence
from raydoa.planning.outlook import Outlook, Table, table
from raydoa.planning.sentence import sentence
from raydoa.planning.what_if import Change, WhatIf, what_ifs


@dataclass(frozen=True)
class Answer:
    """What is likely, where that comes from, and what would change it.

    Attributes:
        case: the question.
        table: the plans.
        sentence: the one for a manager.
        sources: where scores come from.
        what_ifs: the best plan at other prices.
        break_evens: where `annotate` and `distill` change places.
        notes: what else the reader must know.
    """

    case: Case
    table: Table
    sentence: str
    sources: tuple[str, ...]
    what_ifs: tuple[WhatIf, ...]
    break_evens: tuple[BreakEven, ...]
    notes: tuple[str, ...]


def answer(case: Case, evidence: Evidence, changes: Sequence[Change]) -> Answer:
    """Answer a question.

    Raises:
        UserError: the budget pays for no plan; the line says what the cheapest costs.
    """
    case.space.plans()  # Told before a fit takes its time.
    belief = Belief(evidence, case.costs)
    found = table(case, belief)
    return Answer(
        case=case,
        table=found,
        sentence=_capital(sentence(case, belief, found)),
        sources=tuple(_sources(case, belief)),
        what_ifs=tuple(what_ifs(case, belief, changes)),
        break_evens=tuple(break_evens(case, belief)),
        notes=(*_notes(case), *evidence.notes),
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _sources(case: Case, belief: Belief) -> list[str]:
    evidence = belief.evidence
    if not evidence.measured:
        return [f"nothing of {case.task} has been measured; prior: {belief.prior.source}"]
    places = ", ".join(evidence.places)
    return [
        f"{len(evidence.measured)} measurements of {case.task} from {places}; prior: {belief.prior.source}"
    ]


def _notes(case: Case) -> list[str]:
    study, notes = case.study, []
    if case.book.scaled is not None:
        notes.append(f"prices are scaled: {case.book.scaled}")
    if study.tasks[case.task].train_rows is None:
        rows = (
            ""
            if case.pool_rows is None
            else f"; a pool of {case.pool_rows:,} rows is assumed (--u)"
        )
        notes.append(f"the rows of {case.task} cannot be counted from here{rows}")
    if study.unreachable:
        count = len(study.unreachable)
        notes.append(f"a plan does without them, a run does not: {count} files or models cannot be reached from here, "
                     f"such as {study.unreachable[0]}")  # fmt: skip
    return notes


def plain(found: Answer) -> dict[str, Any]:
    """The answer as plain values, for JSON."""
    case, sweep = found.case, found.case.study.sweep
    thrifty = found.table.thrifty
    return {
        "question": {
            "task": case.task,
            "n": case.owned,
            "budget": case.budget_usd,
            "student": sweep.student,
            "prices": case.book.book_id,
            "prices_scaled": case.book.scaled,
            "accelerator": sweep.accelerator,
            "region": sweep.region,
            "label_usd": case.label_usd,
            "gpu_hour_usd": case.gpu_hour_usd,
            "gpus": case.gpus,
        },
        "sentence": found.sentence,
        "sources": list(found.sources),
        "plans": [_plain(row, case) for row in found.table.rows],
        "first_beats_second": found.table.first_beats_second,
        "nearly_as_good_for_less": _plain(thrifty, case) if thrifty else None,
        "unpayable": [
            {**asdict(none.face), "least_usd": none.least_usd} for none in found.table.unpayable
        ],
        "what_if": [_what_if(row, case) for row in found.what_ifs],
        "break_even": [asdict(row) for row in found.break_evens],
        "notes": list(found.notes),
    }


def _what_if(found: WhatIf, case: Case) -> dict[str, Any]:
    best = _plain(found.best, case) | {"kgco2e": found.kgco2e} if found.best else None
    return {**asdict(found.change), "now": found.now, "best": best, "why_not": found.why_not}


def _plain(row: Outlook, case: Case) -> dict[str, Any]:
    """In the words of a result row where it has one."""
    quantities, ledger = row.plan.quantities, row.plan.ledger
    return {
        "strategy": row.face.strategy,
        "teacher": row.face.teacher or None,
        **asdict(quantities),
        "score": row.score,
        "score_low": row.low,
        "score_high": row.high,
        "p_best": row.best_probability,
        **ledger.columns(),
        "unspent": row.unspent_usd,
        "gpu_hours": ledger.gpu_seconds / 3600,
        "wall_clock_hours": case.wall_clock_hours(row.plan),
        "kgco2e": case.kgco2e(row.plan),
    }
