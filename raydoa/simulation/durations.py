"""What a stage takes in simulated time: the planner's GPU-seconds, and what the planner does not price.

Evaluations are priced at nothing, but they hold a GPU: a test row takes what a pool row takes to be labelled. Test
files are not opened to plan a sweep, so their rows are a number here. Starting things is nobody's purchase either; its
seconds are those of `Startup`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from raydoa.costs.unit_costs import Work
from raydoa.experiment.forecast import ExpectedStage
from raydoa.experiment.study import Study
from raydoa.pipeline.stages import Evaluate
from raydoa.store.key import Stage

TEST_ROWS = 2000
"""Rows that an evaluation writes where the sweep does not say: an assumption, not the size of a file."""


GpuSeconds: TypeAlias = Callable[[Stage], float]
"""How much work a stage is: GPU-seconds, however many GPUs share them."""


@dataclass(frozen=True)
class Startup:
    """Seconds for which GPUs are held before work begins; assumed, and about what one H100 showed (docs/scale.md).

    On 2 cores a worker group that does nothing took 9 s and its imports 4 s more a worker (Ray 2.60); loading 22 GB of
    T5-XXL from a store at 1 GB/s takes 22 s more.

    Attributes:
        worker_group: of a teacher's fine-tuning.
        label_actor: of one actor, its teacher's weights included.
        task: of a task; Ray gives each that has a GPU a new process, which imports torch. Its model is small.
        trial: of a trial, in the driver, which begins one after the other.
        store: a read of a record; 0 is a disk, an object store takes tens of milliseconds.
    """

    worker_group: float = 60.0
    label_actor: float = 40.0
    task: float = 5.0
    trial: float = 0.05
    store: float = 0.0


def durations(study: Study, stages: Mapping[str, ExpectedStage]) -> GpuSeconds:
    """What stages take, as the plan reckons; an evaluation, what labelling its rows would take."""

    def gpu_seconds(stage: Stage) -> float:
        if not isinstance(stage, Evaluate):
            return stages[stage.key].gpu_seconds
        rows = stage.rows if stage.rows is not None else TEST_ROWS
        lengths = stage.form.source_length, stage.form.target_length
        work = Work("label_sequence", stage.model, study.sweep.labelling_batch_size, *lengths)
        return rows * study.unit_costs.lookup(work).gpu_seconds

    return gpu_seconds
