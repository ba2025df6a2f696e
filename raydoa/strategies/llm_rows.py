"""What strategies that ask an LLM have in common: their question, the plans that have its labels, and how these are said."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.question import Question
from raydoa.errors import UserError
from raydoa.strategies.strategy import TableRow, short_name

LlmShots: TypeAlias = tuple[str, int]
"""An LLM's name, and its shots."""


def asked_of(question: Question, strategy: str) -> LlmShots:
    """The LLM of a cell, and its shots.

    Raises:
        UserError: none is named, or it is to be shown labels that are not owned.
    """
    llm, shots = question.axes.get("llm"), question.axes.get("shots")
    if llm is None or shots is None:
        raise UserError(f"llm: missing; {strategy} needs the name of an LLM, and its shots")
    return llm, shots


def with_llm(
    question: Question,
    asked: LlmShots,
    rows: int,
    learner: str = "student",
    labels: int = 0,
    **choices: str,
) -> Plan | None:
    """A plan with an LLM's labels of so many pool rows, and nothing that is trained; None where there are no such rows."""
    llm, shots = asked
    plan = question.plan(
        {"llm": llm, "shots": str(shots), "llm_for": learner, **choices}, labels=labels
    )
    there = question.supply.pool(question.n + labels)
    if question.n + labels > question.supply.labels(rows) or rows > there:
        return None
    return plan.with_quantities(llm_labels=rows)


def llm_axes_of(plan: Plan, axes: Mapping[str, Any]) -> Mapping[str, Any]:
    """``axes`` as a grid has them: shots are a number, and what a teacher learns from has an axis of its own."""
    shots, rows = plan.choice("shots"), plan.quantity("llm_labels")
    assert shots is not None, "a plan with an LLM says its shots"
    return {**axes, "shots": int(shots), "llm_rows": rows}


def no_such_rows(question: Question, rows: int, labels: int = 0) -> Infeasible:
    """Fewer pool rows are left beside the labels than an LLM is to label."""
    there = question.supply.pool(question.n + labels)
    return Infeasible(
        f"{rows:,} pool rows are asked for, and {there:,} are left beside {question.n + labels:,} labels"
    )


def of_llm(plan: Plan) -> LlmShots | None:
    """The LLM that labels for a plan, and its shots; None: there is none."""
    llm, shots = plan.choice("llm"), plan.choice("shots")
    return None if llm is None or shots is None else (llm, int(shots))


def without_llm(plan: Plan) -> Plan:
    """The same training without the labels of its LLM."""
    kept = tuple(pair for pair in plan.choices if pair[0] not in ("llm", "shots", "llm_for"))
    return replace(plan, choices=kept).with_quantities(llm_labels=0)


def llm_of(row: TableRow) -> str:
    """The LLM of a row, and its shots: "gpt-4.1-mini, 32 shots"."""
    choices = json.loads(row["choices"])
    shots = choices["shots"]
    return f"{short_name(choices['llm'])}, {shots} shot{'' if shots == '1' else 's'}"


def in_short(choices: Mapping[str, str]) -> str:
    """An LLM, its shots, and the teacher that learns from it, for a table: "gpt-4.1-mini 32 shots t5-large"."""
    llm, shots, teacher = (choices.get(name) for name in ("llm", "shots", "teacher"))
    assert llm is not None, "a plan with an LLM names it"
    return f"{short_name(llm)} {shots} shots {short_name(teacher) if teacher else ''}".strip()


def by_llm(row: TableRow) -> str:
    """Its labels, in words."""
    return f"{int(row['llm_labels']):,} labels of {llm_of(row)}"
