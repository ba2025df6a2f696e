"""How many tokens a sparse representation of a teacher must keep, measured with the student that will learn from it."""

from dataclasses import asdict

from raydoa.labels.teacher import TeacherLabeller
from raydoa.models.family import Opening
from raydoa.pipeline.context import ExecutionContext, Facts, open_rows
from raydoa.pipeline.opened_models import open_model, put_lora
from raydoa.pipeline.stages import ChooseSparsity
from raydoa.tasks.split import pool
from raydoa.training.distill import TokenLoss
from raydoa.training.engine import PlainEngine
from raydoa.training.fit import fit
from raydoa.training.sparse import choose_sparsity

_PROBE_BATCHES = 4
_PROBE_STEPS = 200


def choose_sparsity_of(stage: ChooseSparsity, context: ExecutionContext) -> Facts:
    """Measure how many draws this teacher's sparse labels need for this student.

    The student first learns from exact labels for some steps: where it begins, every gradient points the
    same way, and any representation looks faithful.
    """
    recipe = stage.recipe
    task = open_rows(stage.data, context)
    available = len(task.pool) or len(task.train)
    rows = pool(task, stage.seed, 0, min(available, 16 * recipe.batch_size))
    teacher = TeacherLabeller(stage.teacher, context)
    examples = teacher.exact_examples(rows, stage.form)
    frozen = stage.recipe.precision if stage.lora is not None else "float32"
    student = open_model(stage.student, context, Opening(precision=frozen))
    if stage.lora is not None:
        put_lora(student, stage.student, stage.lora, seed=stage.seed, dtype="float32")
        student.network.to(context.execution.device)
    loss = student.loss(teacher_head=teacher.head, temperature=recipe.temperature)
    assert isinstance(loss, TokenLoss), "a sparse representation is of tokens"
    fit(
        PlainEngine(loss, recipe, _PROBE_STEPS, context.execution.device),
        examples,
        batch_size=recipe.batch_size,
        steps=_PROBE_STEPS,
        seed=stage.seed,
        execution=context.execution,
    )
    # The pool is in a seeded order, so its first rows are a sample of it: long rows as well as short ones.
    size = recipe.batch_size
    probes = [
        examples[i : i + size] for i in range(0, min(len(examples), _PROBE_BATCHES * size), size)
    ]
    return asdict(choose_sparsity(loss, probes, top=stage.representation.top))
