"""LLMs measured on owned rows, before they label others."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from raydoa.api.configure import Chosen
from raydoa.errors import UserError


def pilots(chosen: Chosen) -> Iterator[list[str]]:
    """The lines of a pilot of each LLM, number of shots, task and N; in this process, without Ray.

    Raises:
        UserError: no LLM is named, something cannot be reached, or it takes real money and no limit is set.
    """
    from raydoa.experiment.accounting import made_for
    from raydoa.experiment.real_money import set_ceiling
    from raydoa.experiment.resolve import resolve
    from raydoa.labels.llm_pilot import read_pilot
    from raydoa.llm.pilot_lines import pilot_lines
    from raydoa.pipeline.builder import Builder, NoLocks
    from raydoa.pipeline.local_runner import LocalRunner

    sweep = chosen.configuration.sweep
    if not sweep.grid.llms:
        raise UserError("--llms: missing; name the YAML file of an LLM (docs/llm.md)")
    if not sweep.pilot_rows:
        raise UserError("--pilot-rows: found 0; a pilot asks about 1 row at least")
    # Of a pool nothing is asked here, however few rows it has.
    grid = sweep.grid.model_copy(update={"strategies": ("llm_annotate",), "u": (1,)})
    resolved = resolve(sweep.model_copy(update={"grid": grid}), chosen.configuration.runtime)
    study, seed = resolved.study, sweep.grid.seeds[0]
    study.check_reachable()
    stages = [
        study.inputs(task).llms[asked].pilot(source.data, n, seed)
        for asked, (task, source) in product(study.sweep.used_llms, study.tasks.items())
        for n in source.owned(grid.n)
    ]
    most = sum(map(study.asked_micro_usd, stages))
    set_ceiling(study, chosen.configuration.runtime, resolved.context.store, most)
    context = replace(resolved.context, made_for=made_for(study.sweep_id, "pilot"))
    builder = Builder(context.store, LocalRunner(context), NoLocks())
    for stage in stages:
        pilot = read_pilot(builder.build(stage), context.store)
        if pilot is None:
            yield [
                f"{stage.model} on {stage.data.task}: all {stage.n:,} owned rows are shots; no row is left to measure it on"
            ]
        else:
            yield pilot_lines(pilot)
