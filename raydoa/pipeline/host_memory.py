"""How much host memory builds a stage, so that a machine is not given more work than it can hold.

Bytes, for P parameters and T bytes of the task's rows on disk:

- the process with torch and transformers: 0.6 GB. Importing rows takes neither, and has room for them in that;
- a training on the CPU 4 P + 12 Q for the Q of them that are trained (float32 weights, gradients, two Adam moments); where
  there is a GPU, the weights pass through the host once, 4 P. Weights that are frozen beside a LoRA are 2 P in bfloat16. In a
  worker group each worker has its part of the moments under ZeRO-1, of the gradients under ZeRO-2 and of the weights under
  ZeRO-3, where the first one holds the whole model in the end: 4 P, or 2 P in bfloat16;
- who only reads or writes, in an evaluation or to label, 4 P, and 2 P in bfloat16;
- the task's rows as objects, where a stage reads them: 10 T;
- a student's pool 64 bytes a row (where it begins, its lengths, its id) and one shard's texts while they are encoded,
  inside the 0.6 GB: labels and token ids stay on disk, so U = 100K are 6.4 MB;
- the teacher's head, 4 bytes a weight, where its distribution is learnt; of another tokenizer, its rows of shared tokens
  twice as well, of a text's first and of all others;
- a shard's states, 8 bytes for each number of each target token: as they come, and as they are written.

docs/scale.md has what was measured.
"""

from dataclasses import dataclass

from raydoa.models.hub import checkpoint_folder
from raydoa.models.lookup import own_models, shape_at
from raydoa.models.model_shape import ModelShape
from raydoa.models.naming import ModelName
from raydoa.pipeline.beginnings import (
    Checkpoint,
    Initial,
    Initialize,
    Pretrain,
    TakeLayers,
    TaskData,
    Vocabulary,
)
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.stages import (
    ChooseSparsity,
    Distill,
    Evaluate,
    FineTune,
    PilotLlm,
    PseudoLabel,
)
from raydoa.store.key import Stage

_PROCESS_BYTES = 600_000_000
_MOMENTS_BYTES, _GRADIENT_BYTES, _WEIGHT_BYTES = 8, 4, 4
_OBJECTS_OF_A_BYTE = 10
_POOL_ROW_BYTES = 64
_STATE_BYTES = 8


@dataclass(frozen=True)
class Sharding:
    """How ``workers`` of a group share a training: DeepSpeed's ZeRO stage, and whether the optimiser is on the host."""

    workers: int = 1
    zero_stage: int = 0
    offload: bool = False


def host_bytes(stage: Stage, context: ExecutionContext, sharding: Sharding | None = None) -> int:
    """Host memory of a process that builds ``stage``, whose inputs are in the store, or of each worker of a group."""
    match stage:
        case TaskData() | Vocabulary() | PilotLlm():
            own = 0
        case TakeLayers():
            own = _WEIGHT_BYTES * _shape(stage.checkpoint, context).parameters
        case Initialize():
            own = _WEIGHT_BYTES * _shape(stage, context).parameters
        case Pretrain():
            own = _training_bytes(_shape(stage, context), context)
        case FineTune():
            own = _fine_tuning_bytes(stage, context, sharding or Sharding())
        case PseudoLabel():
            own = _labelling_bytes(stage, stage.teacher, context) if stage.teacher else 0
        case Distill():
            own = _training_bytes(_shape(stage.initial, context), context, _weights_of(stage))
            own += _POOL_ROW_BYTES * sum(shard.stop - shard.start for shard in stage.shards)
            if stage.teacher is not None and stage.needs_teacher_head:
                head = _shape(stage.teacher.initial, context)
                own += (3 if stage.is_aligned else 1) * _WEIGHT_BYTES * head.outputs * head.width
        case ChooseSparsity():
            own = _training_bytes(_shape(stage.student, context), context, _weights_of(stage))
            own += _opened(stage.teacher, context)
        case Evaluate():
            own = _opened(stage.trained, context)
        case _:
            raise AssertionError(f"{stage.kind}: nobody has said what it needs")
    return _PROCESS_BYTES + own + _rows_bytes(getattr(stage, "data", None), context)


def _training_bytes(
    shape: ModelShape, context: ExecutionContext, weight_bytes: int = _WEIGHT_BYTES
) -> int:
    """Of a training in one process."""
    weights = weight_bytes * shape.parameters
    if context.execution.device == "cuda":
        return weights
    return weights + (_GRADIENT_BYTES + _MOMENTS_BYTES) * shape.trained_parameters


def _weights_of(training: FineTune | Distill | ChooseSparsity) -> int:
    """Bytes of each weight that is held in a training: frozen ones in its precision, others in float32."""
    return _as_written(training) if training.lora is not None else _WEIGHT_BYTES


def _fine_tuning_bytes(stage: FineTune, context: ExecutionContext, sharding: Sharding) -> int:
    on_host = context.execution.device != "cuda" or sharding.offload
    shape, zero = _shape(stage.initial, context), sharding.zero_stage
    parameters, trained = shape.parameters, shape.trained_parameters
    held = [(3, _weights_of(stage) * parameters)]
    if on_host:
        held += [(1, _MOMENTS_BYTES * trained), (2, _GRADIENT_BYTES * trained)]
    parts = [each // (sharding.workers if zero >= cut else 1) for cut, each in held]
    return sum(parts) + (_as_written(stage) * parameters if zero == 3 else 0)


def _as_written(trained: FineTune | Distill | ChooseSparsity) -> int:
    """Bytes of each weight of a trained model."""
    return _WEIGHT_BYTES // 2 if trained.recipe.precision == "bfloat16" else _WEIGHT_BYTES


def _labelling_bytes(shard: PseudoLabel, teacher: FineTune, context: ExecutionContext) -> int:
    tokens = (shard.stop - shard.start) * shard.form.target_length
    states = _STATE_BYTES * tokens * _shape(teacher.initial, context).width
    return _opened(teacher, context) + states


def _opened(trained: FineTune | Distill, context: ExecutionContext) -> int:
    """Bytes of a trained model that is opened to write or to be scored."""
    return _as_written(trained) * _shape(trained.initial, context).parameters


def _shape(initial: Initial, context: ExecutionContext) -> ModelShape:
    match initial:
        case Checkpoint() | TakeLayers():
            checkpoint = initial if isinstance(initial, Checkpoint) else initial.checkpoint
            place = context.checkpoints[checkpoint.fingerprint]
            return shape_at(
                checkpoint_folder(place, weights=False), ModelName.of(initial.model).settings
            )
        case Pretrain():
            return own_models()[initial.model].own_shape(initial.model, initial.vocabulary.size)
        case Initialize():
            return own_models()[initial.model].own_shape(initial.model, len(initial.classes))


def _rows_bytes(data: TaskData | None, context: ExecutionContext) -> int:
    record = context.store.find(data.key) if data is not None else None
    return _OBJECTS_OF_A_BYTE * record.size_bytes if record is not None else 0
