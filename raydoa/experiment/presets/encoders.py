"""Classification with encoders: MiniLM teaches a student of two of its own layers, on rows that the paper published.

It is small enough for a CPU. `encoders-large` is the same question for one GPU and larger encoders, of several tokenizers:
classes need none in common.
"""

from raydoa.experiment.config import Grid, RuntimeConfig, Sweep
from raydoa.experiment.configuration import Configuration
from raydoa.experiment.hardware import HARDWARE
from raydoa.training.recipe import Recipe

_MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def encoders() -> Configuration:
    """MiniLM and three of its layers as teachers, two of its layers as the student, on three tasks with classes."""
    training = {
        "batch_size": 32,
        "schedule": "linear",
        "warmup_fraction": 0.1,
        "dropout": 0.1,
        "precision": "bfloat16",
    }
    return Configuration(
        sweep=Sweep(
            name="encoders",
            grid=Grid(
                tasks=("fever", "multipit_id", "stanceosaurus"),
                strategies=("annotate", "distill"),
                budgets=(1.0, 40.0, 120.0, 240.0),
                n=(300,),
                u=(1500,),
                teachers=(f"{_MINILM}[layers=0,2,5]", _MINILM),
                seeds=(0, 1, 2),
            ),
            student=f"{_MINILM}[layers=0,5]",
            student_recipe=Recipe(learning_rate=2e-4, epochs=12, **training),
            teacher_recipe=Recipe(learning_rate=1e-4, epochs=12, **training),
            distill_recipe=Recipe(learning_rate=2e-4, epochs=4, temperature=2.0, **training),
            labelling_batch_size=64,
            test_rows=600,
            prices="2026-11-09",
            accelerator="a100-40gb",
            region="us",
        ),
        runtime=RuntimeConfig(),
    )


def encoders_large() -> Configuration:
    """MiniLM learns from ModernBERT-base and -large and from DeBERTa-v3, on one A100 of 80 GB."""
    small, one = encoders(), HARDWARE["1xa100-80gb"]
    teachers = (
        # Its other attention has given numbers that are none (huggingface/transformers#35988).
        *(f"answerdotai/ModernBERT-{size}[attn_implementation=sdpa]" for size in ("base", "large")),
        *(f"microsoft/deberta-v3-{size}" for size in ("base", "large")),
    )
    return Configuration(
        sweep=small.sweep.model_copy(
            update={
                "name": "encoders-large",
                "student": _MINILM,
                "grid": small.sweep.grid.model_copy(update={"teachers": teachers}),
                "teacher_recipe": small.sweep.teacher_recipe.model_copy(
                    update={"learning_rate": 3e-5}
                ),
                "accelerator": one.accelerator,
            }
        ),
        runtime=one.runtime(),
    )
