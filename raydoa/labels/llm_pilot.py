"""A pilot: an LLM is asked about rows that are owned, before it is paid for others."""

import logging
from pathlib import Path
from typing import Any

from raydoa.labels.asking import Asking
from raydoa.llm.pilot import Pilot, measure
from raydoa.llm.pilot_lines import pilot_lines
from raydoa.llm.shots import choose_shots
from raydoa.pipeline.context import ExecutionContext, Facts, open_rows
from raydoa.pipeline.stages import PilotLlm
from raydoa.store.record import Record
from raydoa.store.store import Store
from raydoa.tasks.split import labelled

logger = logging.getLogger(__name__)

PILOT_FILE = "pilot.json"


def make_pilot(stage: PilotLlm, context: ExecutionContext, folder: Path) -> Facts:
    """Ask about owned rows that are no shots, as many as there are up to ``stage.rows``, and measure the answers."""
    rows, task = open_rows(stage.data, context), context.tasks[stage.data.task]
    asking = Asking(stage.source, stage.data.task, rows, stage.seed, context)
    owned = labelled(rows, stage.seed, stage.n)
    shots = choose_shots(owned, task, int(stage.source.option("shots")), stage.seed)
    asked = shots.left[: stage.rows]
    facts: dict[str, Any] = {
        "rows": len(asked), "worse_than_chance": False, "verdict": "", "temperature": 1.0,
    }  # fmt: skip
    if not asked:
        logger.warning(
            "LLM %s: all %d owned rows are shots, and none is left to measure it on before it labels others; fewer shots "
            "leave some",
            stage.model,
            stage.n,
        )
        (folder / PILOT_FILE).write_text("{}", encoding="utf-8")
        return {**facts, "micro_usd": 0, "spent_micro_usd": 0}
    answered = asking.answers(asked, f"pilot on {len(asked):,} owned rows", "pilot")
    by_key = {answer.key: answer for mine in answered.answers.values() for answer in mine}
    pilot = measure(asking.inquiry, asked, by_key, stage.seed)
    (folder / PILOT_FILE).write_text(pilot.model_dump_json(), encoding="utf-8")
    return {
        **facts,
        "score": pilot.score,
        "temperature": pilot.temperature,
        "worse_than_chance": pilot.worse_than_chance,
        "verdict": "; ".join(pilot_lines(pilot)[:2]),
        "micro_usd": pilot.micro_usd,
        "spent_micro_usd": answered.spent_micro_usd,
    }


def read_pilot(record: Record, store: Store) -> Pilot | None:
    """What a pilot found; None: no owned row was left to ask about."""
    if not record.facts["rows"]:
        return None
    file = store.fetch(record.key) / PILOT_FILE
    return Pilot.model_validate_json(file.read_text(encoding="utf-8"))
