"""Text and classes with decoder-only models: the paper's six tasks, a student that is small today, and its larger kin."""

from raydoa.experiment.config import Grid, Sweep
from raydoa.experiment.configuration import Configuration
from raydoa.experiment.hardware import HARDWARE
from raydoa.experiment.presets.paper import PAPER_TASKS
from raydoa.training.recipe import Recipe

_STUDENT = "Qwen/Qwen3-0.6B"
_TEACHERS = (
    *(f"Qwen/Qwen3-{size}" for size in ("4B", "8B", "14B", "32B")),
    "meta-llama/Llama-3.1-8B-Instruct",
)
_TRAINING = {
    "batch_size": 32,
    "schedule": "linear",
    "warmup_fraction": 0.1,
    "precision": "bfloat16",
}


def decoders() -> Configuration:
    """Qwen3-0.6B learns from labels, from Qwen3 up to 32B and from a Llama of another tokenizer, on 8 A100-80GB.

    ZeRO-3 over all of them for every teacher.
    """
    return Configuration(
        sweep=Sweep(
            name="decoders",
            grid=Grid(
                tasks=PAPER_TASKS,
                strategies=("annotate", "distill", "self_distill"),
                budgets=(100.0, 200.0, 300.0, 500.0),
                n=(100, 500, 1000),
                u=(5000, 10_000, 100_000),
                teachers=_TEACHERS,
                seeds=(0, 1, 2),
            ),
            student=_STUDENT,
            student_recipe=Recipe(learning_rate=2e-5, epochs=5, **_TRAINING),
            teacher_recipe=Recipe(learning_rate=1e-5, epochs=3, **_TRAINING),
            distill_recipe=Recipe(learning_rate=2e-5, epochs=3, temperature=2.0, **_TRAINING),
            prices="2026-11-09",
            accelerator=HARDWARE["8xa100-80gb"].accelerator,
            region="us",
        ),
        # Qwen3-32B needs all of them: it has three times the parameters of T5-XXL.
        runtime=HARDWARE["8xa100-80gb"].runtime().model_copy(update={"least_train_workers": 8}),
    )


def decoders_lora() -> Configuration:
    """The same with LoRAs of rank 16, on one H100 of 80 GB."""
    whole = decoders()
    one = HARDWARE["1xh100-80gb"]
    return Configuration(
        sweep=whole.sweep.model_copy(
            update={
                "name": "decoders-lora",
                "grid": whole.sweep.grid.model_copy(
                    update={"teachers": tuple(f"{name}[lora_r=16]" for name in _TEACHERS)}
                ),
                # A LoRA learns at about ten times the rate of the weights (Biderman et al., arXiv 2405.09673).
                "teacher_recipe": Recipe(learning_rate=2e-4, epochs=3, **_TRAINING),
                "accelerator": one.accelerator,
            }
        ),
        runtime=one.runtime(),
    )
