"""Presets: functions, each of which returns a complete configuration.

`embedded` needs nothing but the package, `nano` is the same family on rows of one's own, `paper` is the grid of
"Distill or Annotate?" (arXiv 2305.01645) with its models.
"""

from collections.abc import Callable, Iterable, Mapping

from raydoa.errors import UserError, did_you_mean
from raydoa.experiment.config import Grid, Pretraining, RuntimeConfig, Sweep
from raydoa.experiment.configuration import Configuration, ConfigurationFile
from raydoa.experiment.hardware import HARDWARE
from raydoa.training.recipe import PretrainRecipe, Recipe, Representation

PAPER_TASKS = ("wlp", "stanceosaurus", "fever", "multipit_id", "multipit_gen", "nq")


def embedded() -> Configuration:
    """The embedded default: a generated task, a nano family whose weights ship, prices scaled to T5-XXL's."""
    return Configuration(
        sweep=Sweep(
            name="embedded",
            grid=Grid(
                tasks=("lexicon",),
                strategies=("annotate", "distill", "self_distill"),
                budgets=(0.5, 5.0, 300.0),
                n=(100, 400),
                u=(1000, 3000),
                teachers=("nano-m", "nano-l"),
                seeds=(0, 1, 2),
            ),
            student="nano-s",
            student_recipe=Recipe(learning_rate=3e-3, batch_size=32, epochs=20, schedule="linear"),
            # Gentle enough for a training not to be its rounding's (docs/embedded.md, Luck).
            teacher_recipe=Recipe(
                learning_rate=3e-4,
                batch_size=32,
                epochs=30,
                schedule="linear",
                warmup_fraction=0.1,
            ),
            distill_recipe=Recipe(
                learning_rate=3e-3, batch_size=32, epochs=6, schedule="linear", temperature=1.0
            ),
            pretraining=_nano_pretraining(
                steps=1500,
                vocabulary=600,
                batch_size=64,
                corrupted_fraction=0.3,
                continued_fraction=0.7,
            ),
            representation=Representation(),
            labelling_batch_size=128,
            prices="embedded",
            accelerator="a100-40gb",
            region="us",
        ),
        # Two cores: a second actor takes longer to start than it takes the first to label the pool.
        runtime=RuntimeConfig(label_actors=(1, 1)),
    )


def nano() -> Configuration:
    """Real rows with the nano family, pretrained on the task's own sources; prices are scaled."""
    base = embedded()
    training = {"batch_size": 32, "schedule": "linear", "warmup_fraction": 0.05}
    return Configuration(
        sweep=base.sweep.model_copy(
            update={
                "name": "nano",
                "grid": Grid(
                    tasks=("wlp",),
                    strategies=("annotate", "distill", "self_distill"),
                    budgets=(5.0, 100.0, 1000.0),
                    n=(500,),
                    u=(5000,),
                    teachers=("nano-l",),
                    seeds=(0, 1),
                ),
                "student_recipe": Recipe(learning_rate=2e-3, epochs=10, **training),
                "teacher_recipe": Recipe(learning_rate=1e-3, epochs=15, **training),
                "distill_recipe": Recipe(learning_rate=2e-3, epochs=4, **training),
                "pretraining": _nano_pretraining(
                    steps=1500,
                    vocabulary=2000,
                    batch_size=32,
                    corrupted_fraction=0.15,
                    continued_fraction=0.0,
                ),
                "test_rows": 500,
            }
        ),
        runtime=base.runtime,
    )


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


PRESETS: Mapping[str, Callable[[], Configuration]] = {
    "embedded": embedded,
    "nano": nano,
    "paper": paper,
}


def preset(name: str, where: str = "--config") -> Configuration:
    """The configuration called ``name``; ``where`` names the flag or field in the error.

    Raises:
        UserError: there is none.
    """
    if name not in PRESETS:
        raise UserError(
            f"{where}: found {name!r}; known are {', '.join(PRESETS)}{did_you_mean(name, list(PRESETS))}"
        )
    return PRESETS[name]()


def base_configuration(
    default: str,
    *,
    name: str | None = None,
    file: ConfigurationFile | None = None,
    tasks: Iterable[str] | None = None,
) -> Configuration:
    """A preset, with what a file changes in it.

    Args:
        default: the preset where none is named; `nano` stands in for it if it does not have the tasks.
        name: the preset, whatever the file says.
        file: names a preset, or leaves that open as well.
        tasks: those that are asked for, if not the file's.

    Raises:
        UserError: there is no such preset, or a field of the file is wrong.
    """
    if name is not None:
        return _over(preset(name), file)
    if file is not None and file.preset is not None:
        return file.over(preset(file.preset, f"{file.path}: preset"))
    base = preset(default)
    configuration = _over(base, file)
    lacking = set(tasks or configuration.sweep.grid.tasks) - set(base.sweep.grid.tasks)
    return _over(nano(), file) if lacking else configuration


def _over(base: Configuration, file: ConfigurationFile | None) -> Configuration:
    return base if file is None else file.over(base)


def _nano_pretraining(
    steps: int,
    vocabulary: int,
    batch_size: int,
    corrupted_fraction: float,
    continued_fraction: float,
) -> Pretraining:
    """The same pretraining for all three sizes; only the learning rate falls with width."""

    def recipe(learning_rate: float) -> PretrainRecipe:
        training = Recipe(
            learning_rate=learning_rate,
            batch_size=batch_size,
            epochs=1,
            schedule="linear",
            warmup_fraction=0.05,
        )
        return PretrainRecipe(
            training=training,
            steps=steps,
            length=64,
            corrupted_fraction=corrupted_fraction,
            mean_span=1.5,
            continued_fraction=continued_fraction,
        )

    rates = {"nano-s": 3e-3, "nano-m": 3e-3, "nano-l": 2e-3}
    recipes = {name: recipe(rate) for name, rate in rates.items()}
    return Pretraining(vocabulary=vocabulary, recipes=recipes)
