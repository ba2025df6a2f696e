"""A question and its whole answer: what a budget buys, and what is likely to come of it, where that is known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from raydoa.planning.belief import Belief
from raydoa.planning.break_even import (
    BreakEvenPrice,
    Sides,
    both_sides_known,
    break_even_prices,
    sides_of,
)
from raydoa.planning.evidence import Evidence
from raydoa.planning.first_measurements import FirstMeasurement, first_measurements
from raydoa.planning.outlook import Table, table
from raydoa.planning.pilots import pilot_notes
from raydoa.planning.purchases import (
    NotOffered,
    Purchase,
    infeasible,
    not_offered,
    offered,
    purchases,
)
from raydoa.planning.scenario import Scenario
from raydoa.planning.sentence import sentence
from raydoa.planning.unknown import unknown_sentence
from raydoa.planning.what_if import AtPrice, PriceChange, WhatIf, at_prices, usual, what_ifs


@dataclass(frozen=True)
class Expected:
    """What is likely, where something is known of the task's scores.

    Attributes:
        table: the plans, the best first.
        what_ifs: the best plan at other prices.
        break_evens: where the baseline strategy and its alternatives change places.
        sides: which strategies these are.
    """

    table: Table
    what_ifs: tuple[WhatIf, ...]
    break_evens: tuple[BreakEvenPrice, ...]
    sides: Sides | None


@dataclass(frozen=True)
class Answer:
    """What a budget buys, what is likely to come of it, and where that comes from.

    Attributes:
        scenario: the question.
        purchases: a plan of each variant; where scores are known, the rows of the table.
        not_offered: the variants that have none.
        expected: None where nothing is known of the task's scores.
        first: the cheapest measurements that would tell of them, where nothing is.
        at_prices: where nothing is known, what is bought at the other prices that were asked for.
        sentence: the one for a manager.
        sources: where scores come from.
        notes: what else the reader must know.
    """

    scenario: Scenario
    purchases: tuple[Purchase, ...]
    not_offered: tuple[NotOffered, ...]
    expected: Expected | None
    first: tuple[FirstMeasurement, ...]
    at_prices: tuple[AtPrice, ...]
    sentence: str
    sources: tuple[str, ...]
    notes: tuple[str, ...]


def answer(scenario: Scenario, evidence: Evidence, changes: Sequence[PriceChange] = ()) -> Answer:
    """Answer a question.

    Args:
        scenario: what is asked.
        evidence: what is known.
        changes: other prices to plan at; each of both prices halved and doubled, where none are given and scores are known.

    Raises:
        UserError: the budget pays for no plan; the line says what the cheapest costs.
    """
    # Refused before a fit takes its time.
    rest = tuple(not_offered(scenario.space, offered(scenario.space)))
    told = pilot_notes(evidence.pilots, scenario.question.llms)
    notes = (*_notes(scenario), *evidence.notes, *told)
    if not evidence.predicts:
        bought, first = purchases(scenario.space), first_measurements(scenario)
        return Answer(
            scenario,
            bought,
            rest,
            expected=None,
            first=first,
            at_prices=tuple(at_prices(scenario, changes)),
            sentence=unknown_sentence(scenario, bought, first),
            sources=tuple(_sources(scenario, evidence)),
            notes=notes,
        )
    belief = Belief(evidence, scenario.question)
    plans = table(scenario.space, belief)
    expected = Expected(
        plans,
        tuple(what_ifs(scenario, belief, changes or usual(scenario))),
        tuple(break_even_prices(scenario, belief)),
        sides_of(scenario),
    )
    return Answer(
        scenario,
        plans.rows,
        rest,
        expected=expected,
        first=(),
        at_prices=(),
        sentence=sentence(scenario, belief, plans),
        sources=tuple(_sources(scenario, evidence)),
        notes=(*notes, *_one_sided(scenario, belief)),
    )


def _one_sided(scenario: Scenario, belief: Belief) -> Iterator[str]:
    sides = sides_of(scenario)
    if sides is not None and not both_sides_known(scenario, belief):
        yield (
            f"no break-even price is looked for: of {sides.baseline}, or of {sides.alternatives}, nothing has been measured"
        )


def _sources(scenario: Scenario, evidence: Evidence) -> Iterator[str]:
    task, left_out = scenario.question.task, evidence.left_out
    if evidence.measured:
        sweeps = ", ".join(evidence.sweeps)
        count = len(evidence.measured)
        yield f"{count} measurement{'' if count == 1 else 's'} of {task} from {sweeps}; prior: {evidence.knowledge.prior.source}"
    else:
        yield f"nothing of {task} has been measured"
    if left_out.count:
        used = "they are the prior" if left_out.helps else "they are no prior"
        yield f"{left_out}: {used}"


def _notes(scenario: Scenario) -> list[str]:
    study, question, notes = scenario.study, scenario.question, []
    if scenario.book.scaled is not None:
        notes.append(f"prices are scaled: {scenario.book.scaled}")
    if question.supply.train_rows is None:
        limit = question.supply.pool_limit
        rows = "" if limit is None else f"; a pool of {limit:,} rows is assumed (--u)"
        notes.append(f"the rows of {question.task} cannot be counted from here{rows}")
    gold = infeasible(scenario.space)
    for why in dict.fromkeys(scenario.space.short_of_labels.values()):
        unsearched = " (labels: gold), and no break-even price is looked for" if gold else ""
        notes.append(f"{why}: no plan buys more{unsearched}")
    if study.unreachable:
        count = len(study.unreachable)
        notes.append(f"a plan does without them, a run does not: {count} files or models cannot be reached from here, "
                     f"such as {study.unreachable[0]}")  # fmt: skip
    return notes
