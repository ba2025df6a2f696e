"""How much host memory a stage's task needs, so that a machine is not given more of them than it can hold.

Bytes, for P parameters, R rows of a training's pool and T bytes of the task's rows on disk:

- the process with torch and transformers: 0.6 GB;
- a training on the CPU 16 P (float32 weights, gradients, two Adam moments) and an evaluation 4 P; where there is a GPU,
  the weights pass through the host once, 4 P;
- the task's rows as objects, where a stage reads them: 10 T;
- a student's pool 64 R (where each row begins, its lengths, its id) and one shard's texts while they are encoded, inside
  the 0.6 GB: labels and token ids stay on disk, so U = 100K are 6.4 MB;
- the teacher's head, 4 bytes a weight, where its distribution is learnt.

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
    TaskData,
    Vocabulary,
)
from raydoa.store.key import Stage

_PROCESS_BYTES = 600_000_000
_TRAINING_BYTES, _WEIGHT_BYTES = 16, 4
_OBJECTS_OF_A_BYTE = 10
_POOL_ROW_BYTES = 64


def host_bytes(stage: Stage, context: ExecutionContext) -> int:
    """Host memory of the task that builds ``stage``, whose inputs are in the store."""
    cuda = context.execution.device == "cuda"
    each = _WEIGHT_BYTES if cuda else _TRAINING_BYTES
    needed: float = _PROCESS_BYTES
    match stage:
        case Vocabulary():
            needed += _rows_bytes(stage.data, context)
        case Pretrain():
            needed += each * _parameters(stage, context) + _rows_bytes(stage.data, context)
        case FineTune():
            needed += each * _parameters(stage.initial, context)
            needed += _rows_bytes(stage.data, context)
        case Distill():
            needed += each * _parameters(stage.initial, context)
            needed += _POOL_ROW_BYTES * sum(shard.stop - shard.start for shard in stage.shards)
            if stage.data is not None:
                needed += _rows_bytes(stage.data, context)
            if stage.teacher is not None and stage.has_soft_labels:
                head = _shape(stage.teacher.initial, context)
                needed += _WEIGHT_BYTES * head.outputs * head.width
        case ChooseSparsity():
            needed += each * _parameters(stage.student, context)
            needed += _WEIGHT_BYTES * _parameters(stage.teacher.initial, context)
            needed += _rows_bytes(stage.data, context)
        case Evaluate():
            needed += _WEIGHT_BYTES * _parameters(stage.trained.initial, context)
            needed += _rows_bytes(stage.data, context)
    return int(needed)


def _parameters(initial: Initial, context: ExecutionContext) -> int:
    return _shape(initial, context).parameters


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


def _rows_bytes(data: TaskData, context: ExecutionContext) -> int:
    record = context.store.find(data.key)
    return _OBJECTS_OF_A_BYTE * record.size_bytes if record is not None else 0
