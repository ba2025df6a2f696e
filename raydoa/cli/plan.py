"""`raydoa plan`: what a budget is likely to bring, before anything is spent."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from raydoa.cli.one_question import narrowed
from raydoa.cli.sweep import add_sweep, configured
from raydoa.experiment.config import Sweep

if TYPE_CHECKING:
    from raydoa.planning.case import Case


def add(parser: argparse.ArgumentParser, default: str = "embedded") -> None:
    """The flags of a plan, and what to do with it."""
    add_sweep(parser)
    parser.add_argument("--from", nargs="+", default=[], dest="places", metavar="RESULT_DIR",
                        help="finished sweeps or searches to learn from; of other tasks, as a prior")  # fmt: skip
    parser.add_argument("--what-if", nargs="+", action="extend", default=[], metavar="PRICE=NUMBER",
                        help="plan at another price as well: label=0.10, gpu_hour=1.5, gpu.h100-80gb=3.99, "
                        "grid.france=0.03; both prices halved and doubled, unless given")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.set_defaults(run=_run, default=default)


def _run(options: argparse.Namespace) -> int:
    # Imported here: `raydoa store` and `--help` need none of it.
    from threadpoolctl import threadpool_limits

    from raydoa.planning.answer import answer, plain
    from raydoa.planning.evidence import gather
    from raydoa.planning.lines import answer_lines
    from raydoa.planning.what_if import parse, usual

    case = _case(options)
    changes = [parse(text, case) for text in options.what_if] or usual(case)
    evidence = gather([Path(place) for place in options.places], case)
    # Matrices are small: threads would spend their time waiting for each other, four times as long as one takes.
    with threadpool_limits(limits=1):
        found = answer(case, evidence, changes)
    print(json.dumps(plain(found), indent=1) if options.json else "\n".join(answer_lines(found)))
    return 0


def _case(options: argparse.Namespace) -> "Case":
    """The question that the flags ask."""
    from raydoa.experiment.resolve import resolve
    from raydoa.planning.case import Case

    sweep, running = configured(options)
    question = narrowed(sweep, options, "plan", ("strategies", "label_shares"))
    with _without_hub(question):
        study = resolve(question, running).study
    task, n, budget = study.sweep.grid.tasks[0], question.grid.n[0], question.grid.budgets[0]
    # Rows that cannot be counted are those of the largest pool that is asked for.
    counted = study.tasks[task].train_rows is not None and options.u is None
    pool_rows = None if counted else max(sweep.grid.u)
    return Case(study, task, n, budget, pool_rows, running.cluster_gpus)


@contextmanager
def _without_hub(sweep: Sweep) -> Iterator[None]:
    """Ask the hub for nothing where all models are of known size: a plan needs no more, and must be quick."""
    from huggingface_hub import constants

    from raydoa.models.architecture import NANO_MODELS
    from raydoa.models.shapes import T5_SHAPES

    before = constants.HF_HUB_OFFLINE
    known = {*NANO_MODELS, *T5_SHAPES}
    constants.HF_HUB_OFFLINE = before or {sweep.student, *sweep.grid.teachers} <= known
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
