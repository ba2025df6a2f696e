"""Make the small pretrained weights again that ship inside the package (about two minutes on two cores).

    python sweeps/pretrain_embedded.py

The models are ordinary artifacts of the embedded sweep's `Pretrain` stages, seeded and keyed; they lie in a store
inside the package, which every sweep looks into behind its own. If a recipe or the generated text changes, so do
the keys: the old weights no longer hit, and a sweep pretrains its models itself.
"""

import shutil
import sys
from dataclasses import replace

from raydoa.experiment.presets import embedded
from raydoa.experiment.resolve import SHIPPED, resolve
from raydoa.pipeline.builder import Builder, NoLocks
from raydoa.pipeline.local_runner import LocalRunner
from raydoa.store.store import Store


def main() -> int:
    """Pretrain all models of the embedded sweep into the package."""
    configuration = embedded()
    resolved = resolve(configuration.sweep, configuration.runtime)
    unfinished = SHIPPED.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    context = replace(resolved.context, store=Store(str(unfinished)))
    builder = Builder(context.store, LocalRunner(context), NoLocks())
    for (model, _), stage in resolved.study.pretrained.items():
        print(f"{model}: {stage.key}", flush=True)
        builder.build(stage)
    for task in resolved.study.tasks.values():
        context.store.drop(task.data.key)  # generated in a moment; no need to ship it
    shutil.rmtree(SHIPPED, ignore_errors=True)
    unfinished.rename(SHIPPED)
    print(SHIPPED)
    return 0


if __name__ == "__main__":
    sys.exit(main())
