"""One trial: a plan is built, and becomes a row of every cell that asked for it."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from raydoa.costs.allocation import budget_shares
from raydoa.costs.items import ITEMS
from raydoa.costs.ledger import Ledger
from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.stage_graph import StageGraph
from raydoa.costs.tariffs import MICRO, micro_budget
from raydoa.experiment.accounting import (
    Records,
    incurred_units,
    made_for,
    measured_gpu_seconds,
    settled_micro_usd,
    spent_micro_usd,
    units_made,
    units_usd,
)
from raydoa.experiment.cell import Cell
from raydoa.experiment.forecast import AwaitedPlan
from raydoa.experiment.llm_source import check_pilots
from raydoa.experiment.result_row import (
    AWAITING_LABELS,
    INFEASIBLE,
    MEASURED,
    ROW_SCHEMA,
    ResultRow,
    choices_text,
    columns_of,
    quantity_column,
)
from raydoa.experiment.study import Study
from raydoa.pipeline.builder import Builder
from raydoa.store.record import Record

logger = logging.getLogger(__name__)


def measure(
    plan: Plan, cells: Sequence[Cell], purchased: Mapping[str, int], study: Study, builder: Builder
) -> list[ResultRow]:
    """Have a plan's artifacts built and return the row of each of its cells; the first one bears what it incurred.

    Args:
        plan: what is measured.
        cells: those that asked for it.
        purchased: units of what is bought and not made that no earlier plan of the sweep has bought.
        study: the sweep, resolved.
        builder: builds artifacts.
    """
    graph = study.graph(plan)
    pilots = [builder.build(pilot) for pilot in graph.pilots]
    check_pilots(pilots, study.sweep)
    # The teacher first: its scores are there while the pool is still being labelled.
    evaluations = [builder.build(evaluation) for evaluation in reversed(graph.evaluations)][::-1]
    # A record that cannot be read is made again: it says what its artifact cost, and for whom it was made.
    records = {
        item: [builder.existing(stage) for stage in stages] for item, stages in graph.paid.items()
    }
    owner = made_for(study.sweep_id, study.plan_id(plan))
    planned = study.ledger(plan)
    _tell_what_is_gone(graph, records, planned, cells[0])
    settled = settled_micro_usd(records)
    ledger = planned.settled(settled)
    units = incurred_units(graph, records, purchased, owner)
    asked = [record for item in settled for record in records[item]]
    incurred = units_usd(planned, {i: u for i, u in units.items() if i not in settled})
    incurred += spent_micro_usd([*pilots, *asked], owner) / MICRO
    measured = {
        **_planned(plan, ledger, study),
        "output_space": graph.output_space,
        "aligned_share": _aligned_share(graph, builder),
        **_scores([evaluation.facts for evaluation in evaluations]),
        **_of_llm(plan, study, pilots, asked),
        **_measured(records),
        **_keys(graph),
    }
    return [
        _row(cell, study, ledger, {**measured, "cost_incurred": 0.0 if position else incurred})
        for position, cell in enumerate(cells)
    ]


def _tell_what_is_gone(graph: StageGraph, records: Records, ledger: Ledger, cell: Cell) -> None:
    gone = {
        item: [stage for stage, record in zip(stages, records[item], strict=True) if record is None]
        for item, stages in graph.paid.items()
    }
    what = ", ".join(
        item if len(whole) == 1 else f"{item} ({len(gone[item])} of {len(whole)} shards)"
        for item, whole in graph.paid.items()
        if gone[item]
    )
    if what:
        keys = {stage.key for stages in gone.values() for stage in stages}
        logger.warning(
            "%s: gone from the store: %s; what was made from it is there, so it is not made again, and if it was "
            "made for this row, what it cost is not in cost_incurred: $%.4f",
            cell.name,
            what,
            units_usd(ledger, units_made(graph, {}, keys)),
        )


def infeasible_row(cell: Cell, why: Infeasible, study: Study) -> ResultRow:
    """The row of a cell whose budget buys nothing."""
    values = {"status": INFEASIBLE, "feasible": False, "infeasible_reason": why.reason}
    return _row(cell, study, Ledger(), values)


def awaiting_row(cell: Cell, awaited: AwaitedPlan, study: Study) -> ResultRow:
    """The row of a cell whose plan can be paid and awaits labels: what it would cost, and no score."""
    ledger = study.ledger(awaited.plan)
    values = {
        **_planned(awaited.plan, ledger, study),
        "status": AWAITING_LABELS,
        "infeasible_reason": awaited.reason,
    }
    return _row(cell, study, ledger, values)


def _planned(plan: Plan, ledger: Ledger, study: Study) -> ResultRow:
    lines = {line.item: line for line in ledger.lines}
    return {
        "plan": study.plan_id(plan),
        "choices": choices_text(plan),
        "status": MEASURED,
        "feasible": True,
        "kgco2e": study.kgco2e(ledger),
        **{quantity_column(item): quantity for item, quantity in plan.quantities},
        **{f"basis_{item}": line.tariff.basis for item, line in lines.items()},
    }


def _scores(facts: Sequence[Mapping[str, Any]]) -> ResultRow:
    """Of the student, and of its teacher where there is one."""
    names = ("score", "score_paper", "score_low", "score_high")
    scores = {name: facts[0].get(name) for name in names}
    scores["unparsable"] = facts[0].get("parts", {}).get("unparsable")
    return {**scores, "teacher_score": facts[1].get("score") if len(facts) > 1 else None}


def _aligned_share(graph: StageGraph, builder: Builder) -> float | None:
    """Of the student's training; None where none is aligned, or its record is gone."""
    if graph.output_space != "aligned" or graph.student is None:
        return None
    record = builder.existing(graph.student)
    share = record.facts.get("aligned_share") if record is not None else None
    return share if isinstance(share, float) else None


def _of_llm(
    plan: Plan, study: Study, pilots: Sequence[Record], asked: Sequence[Record | None]
) -> ResultRow:
    """What the plan's LLM scored on owned rows, and what its answers took; nothing where it has none."""
    llm = plan.choice("llm")
    if llm is None:
        return {}
    there = [record.facts for record in asked if record is not None]
    rows, refused = (sum(int(str(facts[name])) for facts in there) for name in ("rows", "refused"))
    tokens = ("input_tokens", "cached_tokens", "output_tokens")
    return {
        "llm_score": pilots[0].facts.get("score") if pilots else None,
        "llm_refused": refused / (rows + refused) if rows + refused else None,
        **{f"llm_{name}": sum(int(str(facts[name])) for facts in there) for name in tokens},
        "llm_prices": _price_of_llm(plan, study),
    }


def _price_of_llm(plan: Plan, study: Study) -> str:
    """What a row was reckoned with, as JSON: dollars per million tokens, who says so, tokens at most and likely."""
    llm, shots = plan.choice("llm"), plan.choice("shots")
    assert llm is not None and shots is not None
    source = study.llms[llm]
    tariff = source.tariff(plan.task, int(shots))
    reckoned = {"price": source.said, "likely_usd": tariff.likely_price_usd, **dict(tariff.detail)}
    return json.dumps(reckoned, sort_keys=True)


def _measured(records: Records) -> ResultRow:
    return {
        f"measured_gpu_seconds_{item}": measured_gpu_seconds(of_item)
        for item, of_item in records.items()
    }


def _keys(graph: StageGraph) -> ResultRow:
    trained = {"student": graph.student, "teacher": graph.teacher}
    keys = {f"key_{name}": model.key for name, model in trained.items() if model is not None}
    evaluations = dict(
        zip(("key_evaluation", "key_teacher_evaluation"), graph.evaluations, strict=False)
    )
    return {**keys, **{name: stage.key for name, stage in evaluations.items()}}


def _row(cell: Cell, study: Study, ledger: Ledger, values: Mapping[str, Any]) -> ResultRow:
    book, sweep, items = study.unit_costs.book, study.sweep, ITEMS.names()
    columns = columns_of(items)
    costs = ledger.columns(items)
    shares = budget_shares({item: costs[f"cost_{item}"] for item in items}, cell.budget)
    row = {
        **dict.fromkeys(columns),
        **{quantity_column(item): 0 for item in items},
        "schema": ROW_SCHEMA,
        "cell": cell.name,
        "task": cell.task,
        "strategy": cell.strategy,
        "budget": cell.budget,
        "n": cell.n,
        "u": cell.u,
        "teacher": cell.teacher,
        "student": cell.student,
        "seed": cell.seed,
        "repeat": cell.repeat,
        "metric": study.tasks[cell.task].spec.metric,
        "majority_score": study.tasks[cell.task].majority_score,
        "prices": book.book_id,
        "prices_scaled": book.scaled,
        "accelerator": sweep.accelerator,
        "region": sweep.region,
        "cost_incurred": 0.0,
        "unspent": (micro_budget(cell.budget) - ledger.cost_micro_usd) / MICRO,
        "kgco2e": 0.0,
        **{f"fraction_{item}": share for item, share in shares.items()},
        **costs,
        **values,
    }
    return {name: row[name] for name in columns}
