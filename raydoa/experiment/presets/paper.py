"""The grid of "Distill or Annotate?" (arXiv 2305.01645) with its models."""

from raydoa.experiment.config import Grid, Sweep
from raydoa.experiment.configuration import Configuration
from raydoa.experiment.hardware import HARDWARE
from raydoa.training.recipe import Recipe, Representation

PAPER_TASKS = ("wlp", "stanceosaurus", "fever", "multipit_id", "multipit_gen", "nq")


def paper() -> Configuration:
    """The paper's grid and recipes, on 8 A100-40GB: ZeRO-3 over all of them for every teacher."""
    training = {"learning_rate": 3e-5, "batch_size": 32, "precision": "bfloat16"}
    return Configuration(
        sweep=Sweep(
            name="paper",
            grid=Grid(
                tasks=PAPER_TASKS,
                strategies=("annotate", "distill", "self_distill"),
                budgets=(100.0, 200.0, 300.0, 500.0),
                n=(100, 500, 1000),
                u=(5000, 10_000, 100_000),
                teachers=tuple(f"google/t5-v1_1-{size}" for size in ("large", "xl", "xxl")),
                seeds=(0, 1, 2),
            ),
            student="google/t5-v1_1-small",
            student_recipe=Recipe(epochs=20, **training),
            teacher_recipe=Recipe(epochs=20, **training),
            distill_recipe=Recipe(epochs=50, temperature=2.0, **training),
            representation=Representation(),
            prices="2026-11-09",
            accelerator=HARDWARE["8xa100-40gb"].accelerator,
            region="us",
        ),
        runtime=HARDWARE["8xa100-40gb"].runtime(),
    )
