"""What a training's luck is worth: scores of trainings that differ in nothing but their randomness, or in rounding.

    python benchmarks/training_luck.py --n 100 --u 3000 --seeds 0 1 2 --repeats 6
    python benchmarks/training_luck.py --n 100 --u 0 --ulp
    python benchmarks/training_luck.py --repeats 4 --recipe learning_rate=3e-4 warmup_fraction=0.1 --distill temperature=1

Each seed's embedded teacher is fine-tuned `repeats` times on the same rows, and each teacher's student distilled
(with U = 0 there is none); `--recipe` and `--distill` change what they are trained with. Repeats draw other batches
and another dropout; with `--ulp` they draw the same, and one number of the pretrained teacher is one unit in its last
place larger, so that nothing but rounding differs: what two engines, two processors or two versions of torch differ
by. One thread. The last line is JSON: `deviation` is the standard deviation of scores within a seed, pooled over
seeds, which is what one training's luck is worth; `widest` the largest difference within a seed; `churn` the part of
the test rows that two trainings of a seed answer differently.
"""

import argparse
import itertools
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from raydoa.experiment.presets import embedded
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.models.family import save_model
from raydoa.models.hub import folder_fingerprint
from raydoa.pipeline.builder import Builder, NoLocks
from raydoa.pipeline.context import ExecutionContext, open_model
from raydoa.pipeline.local_runner import LocalRunner
from raydoa.pipeline.stages import (
    Checkpoint,
    Distill,
    Evaluate,
    FineTune,
    Initial,
    PseudoLabel,
    TextForm,
)
from raydoa.store.store import Store
from raydoa.training.recipe import Recipe

TASK = "lexicon"


@dataclass(frozen=True)
class Outcome:
    """What a trained model came to: its score, and what it wrote for each test row."""

    score: float
    predictions: tuple[str, ...]


def main() -> None:
    """Train, score, and print the spread."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--u", type=int, default=3000)
    parser.add_argument("--teacher", default="nano-l")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--repeats", type=int, default=6)
    parser.add_argument("--ulp", action="store_true")
    for name in ("recipe", "distill"):
        parser.add_argument(f"--{name}", nargs="*", default=[], metavar="FIELD=VALUE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sweep, runtime = embedded()
    recipe = _changed(sweep.teacher_recipe, options.recipe)
    sweep = sweep.model_copy(
        update={"distill_recipe": _changed(sweep.distill_recipe, options.distill)}
    )
    outcomes: dict[str, list[list[Outcome]]] = {"teacher": [], "student": []}
    with tempfile.TemporaryDirectory() as folder:
        resolved = resolve(sweep, runtime.model_copy(update={"store": folder}))
        for seed in options.seeds:
            chains = [_train(resolved, options, recipe, seed, r) for r in range(options.repeats)]
            for role, of_seed in zip(outcomes, zip(*chains, strict=True), strict=False):
                outcomes[role].append(list(of_seed))
                scores = " ".join(f"{outcome.score:.3f}" for outcome in of_seed)
                print(f"seed {seed} {role}: {scores}", flush=True)
    print(
        json.dumps(
            {
                "benchmark": "training_luck",
                **vars(options),
                **{role: _spread(of_role) for role, of_role in outcomes.items() if of_role},
            }
        )
    )


def _changed(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    values = dict(change.split("=", 1) for change in changes)
    return Recipe.model_validate({**recipe.model_dump(), **values})


def _train(
    resolved: Resolved, options: argparse.Namespace, recipe: Recipe, seed: int, repeat: int
) -> tuple[Outcome, ...]:
    """The teacher's outcome and, where there is a pool, its student's."""
    study, context = resolved.study, resolved.context
    task = study.tasks[TASK]
    form = TextForm.of(task.spec)
    initial = study.initial(options.teacher, TASK)
    if options.ulp:
        initial, context = _one_ulp_off(initial, context, repeat)
        repeat = 0
    steps = recipe.epochs * -(-options.n // recipe.batch_size)
    teacher = FineTune(initial, task.data, form, options.n, recipe, steps, seed, repeat)
    trained: list[FineTune | Distill] = [teacher]
    if options.u:
        trained.append(_student(resolved, teacher, options.u))
    builder = Builder(context.store, LocalRunner(context), NoLocks())
    builder.build(task.data)
    return tuple(
        _outcome(
            Evaluate(stage, task.data, form, task.spec.metric, task.spec.classes, None),
            builder,
            context.store,
        )
        for stage in trained
    )


def _outcome(evaluation: Evaluate, builder: Builder, store: Store) -> Outcome:
    score = float(str(builder.build(evaluation).facts["score"]))
    lines = (store.fetch(evaluation.key) / "predictions.jsonl").read_text(encoding="utf-8")
    return Outcome(score, tuple(json.loads(line)["prediction"] for line in lines.splitlines()))


def _student(resolved: Resolved, teacher: FineTune, u: int) -> Distill:
    sweep = resolved.study.sweep
    shard = PseudoLabel(
        teacher, teacher.data, teacher.form, sweep.representation, None, 0, u, teacher.seed
    )
    recipe = sweep.distill_recipe
    return Distill(
        resolved.study.initial(sweep.student, TASK),
        teacher,
        (shard,),
        teacher.form,
        recipe,
        recipe.epochs * -(-u // recipe.batch_size),
        teacher.seed,
        teacher.repeat,
    )


def _one_ulp_off(
    initial: Initial, context: ExecutionContext, which: int
) -> tuple[Checkpoint, ExecutionContext]:
    """The same weights but for one number of the head, and a context that knows where they are."""
    model, tokenizer = open_model(initial, context)
    with torch.no_grad():
        number = model.lm_head.weight[10 + which, :1]
        number.copy_(torch.nextafter(number, torch.tensor(torch.inf)))
    folder = Path(tempfile.mkdtemp(dir=context.store.url))
    save_model(model, tokenizer, folder)
    fingerprint = folder_fingerprint(folder)
    places = {**context.checkpoints, fingerprint: str(folder)}
    return Checkpoint(initial.model, fingerprint), replace(context, checkpoints=places)


def _spread(seeds: Sequence[Sequence[Outcome]]) -> dict[str, float]:
    """Mean over all, and how far trainings of one seed are apart."""
    scores = [[outcome.score for outcome in of_seed] for of_seed in seeds]
    pairs = [pair for of_seed in seeds for pair in itertools.combinations(of_seed, 2)]
    churn = statistics.fmean(
        statistics.fmean(p != q for p, q in zip(a.predictions, b.predictions, strict=True))
        for a, b in pairs
    )
    variance = statistics.fmean(statistics.variance(of_seed) for of_seed in scores)
    return {
        "mean": round(statistics.fmean(statistics.fmean(of_seed) for of_seed in scores), 4),
        "deviation": round(variance**0.5, 4),
        "widest": round(max(max(of_seed) - min(of_seed) for of_seed in scores), 4),
        "churn": round(churn, 4),
    }


if __name__ == "__main__":
    main()
