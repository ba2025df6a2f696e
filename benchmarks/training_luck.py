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

from raydoa.costs.plan import Plan
from raydoa.costs.stage_graph import stage_graph
from raydoa.experiment.presets import embedded
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.models.hub import folder_fingerprint
from raydoa.pipeline.beginnings import Checkpoint, Initial
from raydoa.pipeline.builder import Builder, NoLocks
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.local_runner import LocalRunner
from raydoa.pipeline.opened_models import open_model
from raydoa.pipeline.stages import Evaluate
from raydoa.store.store import Store
from raydoa.strategies import STRATEGIES
from raydoa.training.recipe import Recipe

TASK = "lexicon"
_BUDGET_USD = 1000.0
"""Enough for all of a recipe's epochs."""


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
    base = embedded()
    recipes = {
        "teacher_recipe": _changed(base.sweep.teacher_recipe, options.recipe),
        "distill_recipe": _changed(base.sweep.distill_recipe, options.distill),
    }
    sweep, runtime = base.sweep.model_copy(update=recipes), base.runtime
    outcomes: dict[str, list[list[Outcome]]] = {"teacher": [], "student": []}
    with tempfile.TemporaryDirectory() as folder:
        resolved = resolve(sweep, runtime.model_copy(update={"store": folder}))
        for seed in options.seeds:
            chains = [_train(resolved, options, seed, r) for r in range(options.repeats)]
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
    resolved: Resolved, options: argparse.Namespace, seed: int, repeat: int
) -> tuple[Outcome, ...]:
    """The teacher's outcome and its student's."""
    study, context, inputs = resolved.study, resolved.context, resolved.study.inputs(TASK)
    if options.ulp:
        changed, context = _one_ulp_off(inputs.initial[options.teacher], context, repeat)
        inputs = replace(inputs, initial={**inputs.initial, options.teacher: changed})
        repeat = 0
    axes = {"teacher": options.teacher, "u": options.u}
    question = study.question(TASK, options.n, seed=seed, repeat=repeat, axes=axes)
    plan = STRATEGIES.get("distill").plan(question, _BUDGET_USD)
    assert isinstance(plan, Plan), plan
    builder = Builder(context.store, LocalRunner(context), NoLocks())
    student, teacher = stage_graph(plan, inputs).evaluations
    return tuple(_outcome(each, builder, context.store) for each in (teacher, student))


def _outcome(evaluation: Evaluate, builder: Builder, store: Store) -> Outcome:
    score = float(str(builder.build(evaluation).facts["score"]))
    lines = (store.fetch(evaluation.key) / "predictions.jsonl").read_text(encoding="utf-8")
    return Outcome(score, tuple(json.loads(line)["prediction"] for line in lines.splitlines()))


def _one_ulp_off(
    initial: Initial, context: ExecutionContext, which: int
) -> tuple[Checkpoint, ExecutionContext]:
    """The same weights but for one number of the head, and a context that knows where they are."""
    model = open_model(initial, context)
    with torch.no_grad():
        number = model.network.lm_head.weight[10 + which, :1]
        number.copy_(torch.nextafter(number, torch.tensor(torch.inf)))
    folder = Path(tempfile.mkdtemp(dir=context.store.url))
    model.save(folder)
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
