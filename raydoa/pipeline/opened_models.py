"""Models of stages, opened: one before its training, with what is to be trained of it, or as it came out of it.

What a training with a LoRA makes is the LoRA alone; to label, to be scored and to be served it is merged with its base.

torch and transformers are imported when a model is opened, so that planning a sweep stays light.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from raydoa.models.family import AS_IS, Family, Opening
from raydoa.models.lora import Lora
from raydoa.models.naming import ModelName
from raydoa.pipeline.beginnings import Checkpoint, Initial
from raydoa.pipeline.context import ExecutionContext, Facts
from raydoa.pipeline.stages import Distill, FineTune, training_seed

if TYPE_CHECKING:
    from raydoa.models.family import Model


def model_folder(stage: Initial | FineTune | Distill, context: ExecutionContext) -> Path:
    """Local folder of a checkpoint: in the store, on disk, or in the hub's cache."""
    if isinstance(stage, Checkpoint):
        from raydoa.models.hub import checkpoint_folder

        return checkpoint_folder(context.checkpoints[stage.fingerprint])
    return context.store.fetch(stage.key)


def family_in(folder: Path, stage: Initial | FineTune | Distill) -> Family:
    """The family of a stage's model, whose configuration is in ``folder``: what its name says, or else the configuration."""
    from raydoa.models.lookup import family_at

    return family_at(folder, ModelName.of(stage.model).settings.kind)


def open_model(
    stage: Initial | FineTune | Distill, context: ExecutionContext, how: Opening = AS_IS
) -> "Model":
    """A model on the context's device.

    ``how.spread`` is for inference with a model that one GPU may not hold: it is laid over all that are visible.
    """
    import torch

    several = how.spread and context.execution.device == "cuda" and torch.cuda.device_count() > 1
    how = replace(how, spread=several)
    if isinstance(stage, FineTune | Distill) and stage.lora is not None:
        from raydoa.models.adapter import merge_adapter

        model = _opened(stage.initial, context, how)
        merge_adapter(model.network, model_folder(stage, context))
    else:
        model = _opened(stage, context, how)
    if not several:
        model.network.to(context.execution.device)
    return model


def open_for_training(stage: FineTune | Distill, context: ExecutionContext) -> "Model":
    """The model that ``stage`` trains, before that, on the context's device; what is trained of it is in float32."""
    # Frozen weights have no need of float32: no small updates are added to them.
    frozen = stage.recipe.precision if stage.lora is not None else "float32"
    model = model_to_train(stage, context, weights=frozen, trained="float32")
    model.network.to(context.execution.device)
    return model


def model_to_train(
    stage: FineTune | Distill, context: ExecutionContext, *, weights: str, trained: str
) -> "Model":
    """The model that ``stage`` trains, before that, on the CPU; number formats of its weights and of a LoRA's."""
    how = Opening(
        stage.objective,
        dropout=stage.recipe.dropout,
        precision=weights,
        seed=training_seed(stage),
    )
    model = _opened(stage.initial, context, how)
    if stage.lora is not None:
        put_lora(model, stage.initial, stage.lora, seed=training_seed(stage), dtype=trained)
    return model


def put_lora(model: "Model", initial: Initial, lora: Lora, *, seed: int, dtype: str) -> None:
    """Put a LoRA in number format ``dtype`` into ``model``, which is ``initial``."""
    import torch

    from raydoa.models.adapter import add_adapter

    named = ModelName.of(initial.model)
    # Layers that were taken are numbered anew: their LoRA is none of the checkpoint that they are from.
    base = named.base if isinstance(initial, Checkpoint) else named.text
    revision = named.settings.model_revision
    add_adapter(model, lora, base=base, revision=revision, seed=seed, dtype=getattr(torch, dtype))


def facts_of(stage: FineTune | Distill, model: "Model") -> Facts:
    """What the record of a training says of the model that came out of it; of a LoRA, which weights it stands beside."""
    base = {"base": stage.initial.content} if stage.lora is not None else {}
    return {"output_space": model.output_space, **base}


def _opened(
    stage: Initial | FineTune | Distill, context: ExecutionContext, how: Opening
) -> "Model":
    folder = model_folder(stage, context)
    attention = ModelName.of(stage.model).settings.attn_implementation
    return family_in(folder, stage).open(folder, replace(how, attn_implementation=attention))
