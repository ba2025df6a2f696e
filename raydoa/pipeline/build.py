"""How each stage is made, in plain PyTorch, from the artifacts it reads.

`produce` makes one stage into a scratch folder and publishes it; where it runs is not its business: in this
process or in a Ray task. Shards of labels are made by a label source that stays open (`raydoa.labels.shards`),
and fine-tuning by several workers is in `raydoa.on_ray.finetune`, from the same pieces.

torch and transformers are imported when something is made, so that planning a sweep stays light.
"""

import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydoa.errors import UserError
from raydoa.models.family import Opening
from raydoa.pipeline.beginnings import Initialize, Pretrain, TakeLayers, TaskData, Vocabulary
from raydoa.pipeline.context import (
    ExecutionContext,
    Facts,
    labelled_examples,
    open_rows,
    publish,
    source_ids,
    visible_devices,
)
from raydoa.pipeline.opened_models import facts_of, model_folder, open_for_training, open_model
from raydoa.pipeline.scratch import scratch_folder
from raydoa.pipeline.stages import (
    PREDICTIONS_FILE,
    ChooseSparsity,
    Distill,
    Evaluate,
    FineTune,
    PilotLlm,
    training_seed,
)
from raydoa.store.key import Stage
from raydoa.store.record import Record
from raydoa.training.recipe import Recipe

if TYPE_CHECKING:
    from raydoa.training.batches import Example
    from raydoa.training.distill import Loss


def build_stage(stage: Stage, context: ExecutionContext) -> Record:
    """Make ``stage``, whose inputs are in the store, and publish it.

    Raises:
        DamagedArtifact: an input's files are not what was published.
        UserError: an input that a user gave is wrong, or a disk is full.
    """
    with scratch_folder() as folder:
        started = time.perf_counter()
        facts = _BUILDERS[type(stage)](stage, context, folder)
        # A training that was resumed has taken the time of its earlier attempts as well.
        seconds = time.perf_counter() - started + float(facts.get("seconds_before", 0.0))
        record = publish(
            stage, context, folder, facts, seconds=seconds, devices=visible_devices(context)
        )
    checkpoint_folder = _training_place(stage, context)
    if checkpoint_folder is not None:
        shutil.rmtree(checkpoint_folder, ignore_errors=True)
    return record


def _make_task_data(stage: TaskData, context: ExecutionContext, folder: Path) -> Facts:
    from raydoa.tasks.catalog import task_rows
    from raydoa.tasks.data import fingerprint, write_rows

    rows = task_rows(context.tasks[stage.task], context.data_root)
    if fingerprint(rows) != stage.fingerprint:
        raise UserError(
            f"task {stage.task}: its rows changed while the sweep was running; run it again"
        )
    write_rows(rows, folder)
    return {part: len(getattr(rows, part)) for part in ("train", "test", "pool", "text")}


def _make_vocabulary(stage: Vocabulary, context: ExecutionContext, folder: Path) -> Facts:
    from raydoa.models import FAMILIES

    text = open_rows(stage.data, context).unlabelled_text()
    return FAMILIES.get(stage.family).learn_vocabulary(text, stage.size, folder)


def _make_pretrain(stage: Pretrain, context: ExecutionContext, folder: Path) -> Facts:
    from raydoa.models.lookup import own_models

    recipe = stage.recipe
    model, examples = own_models()[stage.model].pretraining(
        stage.model,
        context.store.fetch(stage.vocabulary.key),
        open_rows(stage.data, context).unlabelled_text(),
        recipe,
        stage.seed,
    )
    facts = _train(stage, model.loss(), recipe.training, recipe.steps, examples, context)
    model.save(folder)
    return {**facts, "steps": recipe.steps, "losses": facts["losses"][-20:]}


def _make_layers(stage: TakeLayers, context: ExecutionContext, folder: Path) -> Facts:
    from raydoa.models.layer_subset import write_layers

    write_layers(model_folder(stage.checkpoint, context), stage.layers, folder)
    return {"layers": list(stage.layers)}


def _make_initialize(stage: Initialize, context: ExecutionContext, folder: Path) -> Facts:
    from raydoa.models import FAMILIES

    model = FAMILIES.get(stage.family).initialize(stage.model, stage.classes, stage.seed)
    model.save(folder)
    return {"output_space": model.output_space}


def _make_fine_tune(stage: FineTune, context: ExecutionContext, folder: Path) -> Facts:
    model = open_for_training(stage, context)
    examples = labelled_examples(stage, context, model)
    facts = _train(stage, model.loss(), stage.recipe, stage.steps, examples, context)
    model.save(folder)
    return {**facts, **facts_of(stage, model)}


def _train(
    stage: Pretrain | FineTune | Distill,
    loss: "Loss",
    recipe: Recipe,
    steps: int,
    examples: "Sequence[Example]",
    context: ExecutionContext,
    then: "Sequence[Example]" = (),
) -> Facts:
    """Train on this process's device, from where an interrupted attempt had come to."""
    from raydoa.training.checkpoints import CheckpointFolder
    from raydoa.training.engine import PlainEngine
    from raydoa.training.fit import fit

    checkpoint_folder = _training_place(stage, context)
    checkpoints = CheckpointFolder(checkpoint_folder) if checkpoint_folder is not None else None
    summary = fit(
        PlainEngine(loss, recipe, steps, context.execution.device),
        examples,
        then=then,
        batch_size=recipe.batch_size,
        steps=steps,
        seed=training_seed(stage),
        execution=context.execution,
        checkpoints=checkpoints,
    )
    return {
        "losses": list(summary.losses),
        "first_step": summary.first_step,
        "seconds_before": checkpoints.seconds_before if checkpoints is not None else 0.0,
    }


def _training_place(stage: Stage, context: ExecutionContext) -> Path | None:
    """A folder that belongs to this training alone."""
    if context.train_folder is None:
        return None
    return Path(context.train_folder) / f"{stage.kind}-{stage.key[:20]}"


def _make_pilot(stage: PilotLlm, context: ExecutionContext, folder: Path) -> Facts:
    from raydoa.labels.llm_pilot import make_pilot

    return make_pilot(stage, context, folder)


def _make_sparsity(stage: ChooseSparsity, context: ExecutionContext, _folder: Path) -> Facts:
    from raydoa.pipeline.sparsity import choose_sparsity_of

    return choose_sparsity_of(stage, context)


def _make_distill(stage: Distill, context: ExecutionContext, folder: Path) -> Facts:
    from raydoa.models.head import HEAD_FILE, load_head
    from raydoa.pipeline.aligned_rows import aligned_share, teacher_tokens
    from raydoa.pipeline.distill_rows import distill_rows

    tokens = None
    options: dict[str, Any] = {}
    if stage.teacher is not None and stage.needs_teacher_head:
        head = load_head(context.store.fetch(stage.teacher.key, [HEAD_FILE]))
        options["teacher_head"] = head
        if stage.is_aligned:
            tokens = teacher_tokens(stage, stage.teacher, context, len(head))
            options["shared"] = tokens.shared
    model = open_for_training(stage, context)
    loss = model.loss(
        **options,
        temperature=stage.recipe.temperature,
        gold_weight=stage.mixing.gold_weight if stage.mixing else 1.0,
    )
    first, then = distill_rows(stage, context, model, tokens)
    facts = _train(stage, loss, stage.recipe, stage.steps, first, context, then)
    model.save(folder)
    share = aligned_share(first, then)
    aligned = {} if share is None else {"aligned_share": share}
    return {**facts, **aligned, **facts_of(stage, model)}


def _make_evaluation(stage: Evaluate, context: ExecutionContext, folder: Path) -> Facts:
    from raydoa.tasks.metrics import score_outputs
    from raydoa.tasks.metrics.statistic import Outputs
    from raydoa.tasks.split import in_order
    from raydoa.training.batches import Example

    # As it was trained: a teacher of 11B parameters fits on one GPU in bfloat16 only.
    model = open_model(
        stage.trained,
        context,
        Opening(stage.trained.objective, precision=stage.trained.recipe.precision, spread=True),
    )
    model.network.eval()
    # Not the file's first rows: those are often of one document, or of one class.
    rows = in_order(open_rows(stage.data, context).test, 0)[: stage.rows]
    sources = source_ids(rows, stage.form, model)
    written = model.generate(
        [Example(row.id, ids, ()) for row, ids in zip(rows, sources, strict=True)],
        most_tokens=stage.form.target_length,
        batch_size=context.execution.label_batch_size,
    )
    by_id = {g.row_id: g.target_ids for g in written}
    prefixed = [stage.form.prefix + row.source for row in rows]
    predictions = model.texts([by_id[row.id] for row in rows], prefixed)
    lines = [
        json.dumps({"id": row.id, "prediction": text}, ensure_ascii=False)
        for row, text in zip(rows, predictions, strict=True)
    ]
    (folder / PREDICTIONS_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    outputs = Outputs(
        [row.source for row in rows],
        predictions,
        [row.target or "" for row in rows],
        stage.classes,
        Path(context.checkpoints[stage.scorer]) if stage.scorer else None,
    )
    return {"rows": len(rows), **dataclasses.asdict(score_outputs(stage.metric, outputs, seed=0))}


_BUILDERS: Mapping[type[Stage], Callable[[Any, ExecutionContext, Path], Facts]] = {
    TaskData: _make_task_data,
    Vocabulary: _make_vocabulary,
    Pretrain: _make_pretrain,
    TakeLayers: _make_layers,
    Initialize: _make_initialize,
    FineTune: _make_fine_tune,
    PilotLlm: _make_pilot,
    ChooseSparsity: _make_sparsity,
    Distill: _make_distill,
    Evaluate: _make_evaluation,
}
