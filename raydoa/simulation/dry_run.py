"""What a sweep would cost: priced from plans and keys, without a GPU and without its data."""

from collections import Counter
from collections.abc import Iterator, Mapping

from raydoa.costs.prices import Cluster
from raydoa.costs.unit_costs import UNITS
from raydoa.experiment.cell import Cell
from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.forecast import Forecast
from raydoa.experiment.placement import Placer
from raydoa.experiment.schedule import schedule
from raydoa.experiment.study import Study
from raydoa.models.meeting import OutputSpace
from raydoa.money import shown_usd
from raydoa.simulation.runner import STARTING
from raydoa.simulation.sweep import simulate_sweep


def dry_run_lines(study: Study, runtime: RuntimeConfig, expected: Forecast) -> Iterator[str]:
    """The dry run as lines for a terminal."""
    sweep, book = study.sweep, study.unit_costs.book
    cluster = Cluster(name=sweep.name, accelerator=sweep.accelerator, gpus=runtime.cluster_gpus)
    cells, infeasible = len(expected.cells), len(expected.infeasible)
    awaiting = f", {len(expected.awaiting):,} of them await labels" if expected.awaiting else ""
    yield (
        f"sweep {study.sweep_id}: {cells:,} cells, {cells - infeasible:,} feasible{awaiting}; "
        f"{len(expected.trials):,} different plans, one trial each"
    )
    if book.scaled is not None:
        yield f"prices are scaled: {book.scaled}"
    yield f"prices: {book.book_id}, {sweep.accelerator} at ${book.gpu_hour_usd(sweep.accelerator):.4f} per GPU-hour"
    yield from _row_lines(study)
    yield from _unit_cost_lines(study)
    yield from _memory_lines(study, runtime)
    yield from _meeting_lines(study)
    yield from _llm_lines(study)
    infeasible_cells = {cell: why.reason for cell, why in expected.infeasible.items()}
    yield from _reason_lines("infeasible", infeasible_cells)
    awaiting_cells = {cell: awaited.reason for cell, awaited in expected.awaiting.items()}
    yield from _reason_lines("awaiting labels", awaiting_cells)
    kinds = Counter(stage.label.split(" ")[0] for stage in expected.stages.values())
    made = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
    yield f"unique stages after sharing: {len(expected.stages):,} ({made})"
    hours = expected.gpu_seconds / 3600
    kilograms = hours * book.kgco2e_per_gpu_hour(sweep.accelerator, sweep.region)
    wall = cluster.wall_clock_seconds(expected.gpu_seconds) / 3600
    yield f"GPU-hours: {hours:,.2f}; kgCO2e: {kilograms:,.2f} ({sweep.region})"
    of_which = f"; ${expected.awaiting_usd:,.2f} of it awaits labels" if expected.awaiting else ""
    yield (
        f"standalone: ${expected.standalone_usd:,.2f} (the sum over cells of what each would cost alone{of_which})"
    )
    yield f"incurred:   ${expected.incurred_usd:,.2f} (every stage and every label once)"
    if expected.real_micro_usd:
        yield f"real money: {shown_usd(expected.real_micro_usd)} at most (every row that an LLM is asked about once, if none was before)"
    yield (
        f"wall-clock on {runtime.cluster_gpus} x {sweep.accelerator}: at least {wall:,.2f} h, "
        f"${wall * cluster.usd_per_hour(book):,.2f} of nodes"
        + (", each stage with a GPU to itself" if runtime.students_per_gpu > 1 else "")
    )
    yield from _simulated_lines(study, runtime, expected, cluster)
    for line in study.unreachable:
        yield f"CANNOT BE REACHED: {line}"
    if study.unreachable:
        yield f"cannot be had from here: {len(study.unreachable)}; a real run would refuse to start"


def _row_lines(study: Study) -> Iterator[str]:
    """What the rows of each task are, and what is odd about them; of the embedded one's that is known."""
    for task in study.tasks.values():
        if task.look is not None:
            yield from task.look.lines()


_BESIDE_BYTES = 11e9
"""What a process holds beside the arithmetic: the CUDA context, and what torch's allocator keeps (docs/scale.md)."""


def _memory_lines(study: Study, runtime: RuntimeConfig) -> Iterator[str]:
    """What each model takes of a GPU's memory, where there are any (`raydoa.models.memory`, which is arithmetic)."""
    if not runtime.gpus_per_worker:
        return
    name, sharded = study.sweep.accelerator, Placer.of(study, runtime).sharded
    has = study.unit_costs.book.accelerator(name).memory_gib.value * 2**30
    for model in dict.fromkeys((study.sweep.student, *study.sweep.used_teachers)):
        workers = runtime.train_workers if model in sharded else 1
        shape, offload = study.shape(model), runtime.offload and model in sharded
        training, labelling = (
            shape.training_bytes(workers, offload=offload),
            shape.labelling_bytes(),
        )
        adapted = shape.trained_parameters < shape.parameters
        trained = (
            f", of which at most {shape.trained_parameters / 1e6:,.1f}M are trained"
            if adapted
            else ""
        )
        yield (
            f"memory of {model}, {shape.parameters / 1e6:,.1f}M weights{trained}: {training / 1e9:,.1f} GB of {has / 1e9:.1f} "
            f"on each of {workers} x {name} to fine-tune in bf16 under ZeRO-3, {labelling / 1e9:,.1f} GB to label"
            f"{_fit(max(training, labelling), has)}"
        )


def _fit(needed: float, has: float) -> str:
    if needed > has:
        return "; DOES NOT FIT"
    return "; TIGHT: a process holds some 11 GB beside that" if needed + _BESIDE_BYTES > has else ""


def _simulated_lines(
    study: Study, runtime: RuntimeConfig, expected: Forecast, cluster: Cluster
) -> Iterator[str]:
    """The wall-clock of this schedule, with what waits and what starts; nothing without GPUs or trials to schedule."""
    if not (runtime.gpus_per_worker and expected.trials):
        return
    at_once = runtime.train_workers * runtime.gpus_per_worker
    if Placer.of(study, runtime).sharded and at_once > runtime.cluster_gpus:
        yield (
            f"simulated: a teacher's fine-tuning takes {at_once} GPUs at once, and the cluster has "
            f"{runtime.cluster_gpus}; lower --train-workers or raise --cluster-gpus"
        )
        return
    done = simulate_sweep(study, runtime, expected)
    hours = done.makespan_seconds / 3600
    all_of_it = done.gpus * done.makespan_seconds
    starting, idle = done.held.get(STARTING, 0.0) / all_of_it, done.idle_gpu_seconds / all_of_it
    order = schedule(expected, runtime)
    first = ""
    if order.by_seed:
        ends = zip(order.plans, done.ended, strict=True)
        seconds = max(end for plan, end in ends if plan.seed == order.seeds[0])
        first = f"the first seed's table after about {seconds / 3600:,.2f} h; "
    yield (
        f"simulated: about {hours:,.2f} h, ${hours * cluster.usd_per_hour(study.unit_costs.book):,.2f} of nodes; {first}"
        f"GPUs work {1 - starting - idle:.0%} of it, start things {starting:.0%}, idle {idle:.0%} (docs/scale.md)"
    )


def _reason_lines(status: str, cells: Mapping[Cell, str]) -> Iterator[str]:
    """A line for each reason, with how many of the cells it is that of."""
    reasons: dict[str, list[str]] = {}
    for cell, reason in cells.items():
        reasons.setdefault(reason, []).append(cell.name)
    for reason, names in sorted(reasons.items(), key=lambda item: -len(item[1])):
        counted = "cell" if len(names) == 1 else "cells such as"
        yield f"{status}, {len(names)} {counted} {names[0]}: {reason}"


_LEARNT = {
    "tokens": "its distributions over tokens",
    "aligned": "the text that it writes, and where its tokens meet the student's its distributions over those of both",
    "classes": "its distributions over the task's classes",
    "text": "the text that it writes",
}


def _meeting_lines(study: Study) -> Iterator[str]:
    """What the student learns from each teacher: a line for all tasks where it is the same."""
    met: dict[tuple[str, OutputSpace], list[str]] = {}
    for task in study.tasks:
        meetings = study.inputs(task).meetings
        for teacher in study.taught_by:
            space = meetings[teacher, study.sweep.student].output_space
            met.setdefault((teacher, space), []).append(task)
    for (teacher, space), tasks in met.items():
        on = "" if len(tasks) == len(study.tasks) else f" on {', '.join(tasks)}"
        yield f"{study.sweep.student} learns from {teacher}{on}: {_LEARNT[space]}"


def _llm_lines(study: Study) -> Iterator[str]:
    """What each LLM is paid, and what a row of each task takes of it."""
    for name, llm in study.llms.items():
        yield f"LLM {name}: {llm.said}"
        for (task, shots), row in llm.rows.items():
            yield (
                f"LLM {name} on {task}, {shots} shots: a row takes {row.likely_input:,.0f} + {row.likely_output:,.0f} tokens, "
                f"${row.likely_usd:,.6f}; at most {row.highest.input:,} + {row.highest.output:,}, "
                f"{shown_usd(row.highest_micro_usd)} ({row.rows:,} prompts counted by {row.counted})"
            )


def _unit_cost_lines(study: Study) -> Iterator[str]:
    """Where unit costs come from: of each model a line."""
    lines: dict[tuple[str, int, int], list[str]] = {}
    for work in study.works():
        cost = study.unit_costs.lookup(work)
        of = f" of {work.teacher}" if work.teacher is not None else ""
        said = f"{cost.gpu_seconds:.4f} GPU-s a {UNITS[work.operation]}{of} ({cost.basis})"
        lines.setdefault((work.model, work.source_length, work.target_length), []).append(said)
    for (model, source, target), costs in lines.items():
        yield f"unit costs of {model} at {source} + {target} tokens: {', '.join(costs)}"
