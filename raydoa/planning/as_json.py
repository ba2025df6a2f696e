"""A plan as plain values, for JSON, in the words of a result row where it has one. What is not known is null."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from raydoa.costs.items import ITEMS
from raydoa.experiment.result_row import quantity_column
from raydoa.planning.answer import Answer
from raydoa.planning.first_measurements import FirstMeasurement
from raydoa.planning.outlook import Outlook
from raydoa.planning.purchases import NotOffered, Purchase
from raydoa.planning.scenario import Scenario
from raydoa.planning.what_if import AtPrice, WhatIf
from raydoa.search.space import Variant


def as_json(answer: Answer, command: Callable[[Mapping[str, Any]], str]) -> dict[str, Any]:
    """The answer as plain values; ``command`` says what runs a sweep with some settings changed."""
    scenario, expected = answer.scenario, answer.expected
    thrifty = expected.table.thrifty if expected else None
    changed = expected.what_ifs if expected else ()
    return {
        "question": _question(scenario),
        "sentence": answer.sentence,
        "sources": list(answer.sources),
        "scores_known": expected is not None,
        "score_range": [scenario.question.constant_score, 1.0],
        "plans": [_purchase(row, scenario) for row in answer.purchases],
        "first_beats_second": expected.table.first_beats_second if expected else None,
        "nearly_as_good_for_less": _purchase(thrifty, scenario) if thrifty else None,
        "not_offered": [_not_offered(none) for none in answer.not_offered],
        "what_if": [_what_if(row, scenario) for row in changed],
        "at_prices": [_at_price(row) for row in answer.at_prices],
        "break_even": [asdict(row) for row in (expected.break_evens if expected else ())],
        "measure_first": [_first(row, command) for row in answer.first],
        "notes": list(answer.notes),
    }


def _question(scenario: Scenario) -> dict[str, Any]:
    question, sweep = scenario.question, scenario.study.sweep
    return {
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
    }


def _variant(variant: Variant) -> dict[str, Any]:
    return {"strategy": variant.strategy, "teacher": None, **dict(variant.choices)}


def _purchase(row: Purchase, scenario: Scenario) -> dict[str, Any]:
    items = ITEMS.names()
    scores = row if isinstance(row, Outlook) else None
    return {
        "plan": scenario.plan_id(row.plan),
        **_variant(row.variant),
        **{quantity_column(item): row.plan.quantity(item) for item in items},
        "score": scores.score if scores else None,
        "score_low": scores.low if scores else None,
        "score_high": scores.high if scores else None,
        "p_best": scores.best_probability if scores else None,
        **row.ledger.columns(items),
        "unspent": row.unspent_usd,
        "gpu_hours": row.ledger.gpu_seconds / 3600,
        "wall_clock_hours": scenario.wall_clock_hours(row.ledger),
        "kgco2e": scenario.study.kgco2e(row.ledger),
    }


def _what_if(row: WhatIf, scenario: Scenario) -> dict[str, Any]:
    best = _purchase(row.best, scenario) | {"kgco2e": row.kgco2e} if row.best else None
    return {**asdict(row.change), "now": row.now, "best": best, "why_not": row.why_not}


def _at_price(row: AtPrice) -> dict[str, Any]:
    return {
        **asdict(row.change),
        "now": row.now,
        "plans": [_purchase(bought, row.scenario) for bought in row.purchases],
        "not_offered": [_not_offered(none) for none in row.not_offered],
        "why_not": row.why_not,
    }


def _not_offered(none: NotOffered) -> dict[str, Any]:
    return {**_variant(none.variant), "why": none.why, "least_usd": none.least_usd}


def _first(row: FirstMeasurement, command: Callable[[Mapping[str, Any]], str]) -> dict[str, Any]:
    return {
        "strategy": row.strategy,
        "teacher": row.plan.choice("teacher"),
        "command": command(row.settings),
        "settings": dict(row.settings),
        "cost_usd": row.ledger.cost_usd,
        "gpu_hours": row.ledger.gpu_seconds / 3600,
        "minutes": row.minutes,
    }
