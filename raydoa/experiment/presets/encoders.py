"""Classification with encoders: MiniLM teaches a student of two of its own layers, on rows that the paper published.

It is small enough for a CPU. `--teachers` names larger encoders, of other tokenizers too: classes need none in common.
"""

from raydoa.experiment.config import Grid, RuntimeConfig, Sweep
from raydoa.experiment.configuration import Configuration
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
