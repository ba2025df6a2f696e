"""The nano family, whose weights ship: `embedded` on a generated task, `nano` on rows of one's own. Prices are scaled."""

from raydoa.experiment.config import Grid, Pretraining, RuntimeConfig, Sweep
from raydoa.experiment.configuration import Configuration
from raydoa.training.recipe import PretrainRecipe, Recipe, Representation


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
