"""How much host memory builds a stage, so that a machine is not given more work than it can hold.

Bytes, for P parameters and T bytes of the task's rows on disk:

- the process with torch and transformers: 0.6 GB. Importing rows takes neither, and has room for them in that;
- a training on the CPU 16 P (float32 weights, gradients, two Adam moments); where there is a GPU, the weights pass
  through the host once, 4 P. In a worker group under ZeRO-3 each worker has its part;
- who only reads or writes, in an evaluation or to label, 4 P, and 2 P in bfloat16;
- the task's rows as objects, where a stage reads them: 10 T;
- a student's pool 64 bytes a row (where it begins, its lengths, its id) and one shard's texts while they are encoded,
  inside the 0.6 GB: labels and token ids stay on disk, so U = 100K are 6.4 MB;
- the teacher's head, 4 bytes a weight, where its distribution is learnt;
- a shard's states, 8 bytes for each number of each target token: as they come, and as they are written.

docs/scale.md has what was measured.
"""

from raydoa.models.family import ModelShape
from raydoa.models.hub import checkpoint_folder
from raydoa.models.lookup import own_models, shape_at
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.stages import (
    Checkpoint,
    ChooseSparsity,
    Distill,
    Evaluate,
    FineTune,
    Initial,
    Initialize,
    Pretrain,
    PseudoLabel,
    TaskData,
    Vocabulary,
)
from raydoa.store.key import Stage

_PROCESS_BYTES = 600_000_000
_TRAINING_BYTES, _WEIGHT_BYTES = 16, 4
_OBJECTS_OF_A_BYTE = 10
_POOL_ROW_BYTES = 64
_STATE_BYTES = 8


def host_bytes(
    stage: Stage, context: ExecutionContext, parts: int = 1, *, offload: bool = False
) -> int:
    """Host memory of a process that builds ``stage``, whose inputs are in the store.

    Of a worker of a group: ``parts`` that its model is cut into, and whether the optimiser's state is on the host.
    """
    on_gpu = context.execution.device == "cuda" and not offload
    training = _WEIGHT_BYTES if on_gpu else _TRAINING_BYTES
    match stage:
        case TaskData() | Vocabulary():
            own = 0
        case Initialize():
            own = _WEIGHT_BYTES * _shape(stage, context).parameters
        case Pretrain():
            own = training * _shape(stage, context).parameters
        case FineTune():
            own = training * _shape(stage.initial, context).parameters // parts
        case PseudoLabel():
            own = _labelling_bytes(stage, stage.teacher, context) if stage.teacher else 0
        case Distill():
            own = training * _shape(stage.initial, context).parameters
            own += _POOL_ROW_BYTES * sum(shard.stop - shard.start for shard in stage.shards)
            if stage.teacher is not None and stage.has_soft_labels:
                head = _shape(stage.teacher.initial, context)
                own += _WEIGHT_BYTES * head.outputs * head.width
        case ChooseSparsity():
            own = training * _shape(stage.student, context).parameters
            own += _opened(stage.teacher, context)
        case Evaluate():
            own = _opened(stage.trained, context)
        case _:
            raise AssertionError(f"{stage.kind}: nobody has said what it needs")
    return _PROCESS_BYTES + own + _rows_bytes(getattr(stage, "data", None), context)


def _labelling_bytes(shard: PseudoLabel, teacher: FineTune, context: ExecutionContext) -> int:
    tokens = (shard.stop - shard.start) * shard.form.target_length
    states = _STATE_BYTES * tokens * _shape(teacher.initial, context).width
    return _opened(teacher, context) + states


def _opened(trained: FineTune | Distill, context: ExecutionContext) -> int:
    """A model that is not trained any more."""
    each = _WEIGHT_BYTES // 2 if trained.recipe.precision == "bfloat16" else _WEIGHT_BYTES
    return each * _shape(trained.initial, context).parameters


def _shape(initial: Initial, context: ExecutionContext) -> ModelShape:
    match initial:
        case Checkpoint():
            return shape_at(
                checkpoint_folder(context.checkpoints[initial.fingerprint], weights=False)
            )
        case Pretrain():
            return own_models()[initial.model].own_shape(initial.model, initial.vocabulary.size)
        case Initialize():
            return own_models()[initial.model].own_shape(initial.model, len(initial.classes))


def _rows_bytes(data: TaskData | None, context: ExecutionContext) -> int:
    record = context.store.find(data.key) if data is not None else None
    return _OBJECTS_OF_A_BYTE * record.size_bytes if record is not None else 0
