"""What is measured (`Sweep`), and where and how fast (`RuntimeConfig`, the runtime configuration).

A `Sweep` decides results; its hash names the result dir. Nothing in a `RuntimeConfig` may change a number beyond
float rounding, so none of it is part of a key. The string below a field is its description; command-line flags are
made from these fields (`raydoa.cli.flags`). Complete configurations with names are in `raydoa.experiment.presets`.
"""

from dataclasses import replace
from itertools import product
from typing import Literal

from pydantic import Field, field_validator, model_validator

from raydoa.errors import did_you_mean
from raydoa.settings import Settings
from raydoa.store.key import LATER
from raydoa.strategies import STRATEGIES
from raydoa.tasks.look.problems import AllowedName
from raydoa.training.recipe import Execution, Mixing, PretrainRecipe, Recipe, Representation

_AXES = (
    "tasks", "strategies", "budgets", "n", "u", "teachers", "seeds", "label_shares", "llms", "shots", "llm_rows",
)  # fmt: skip


class Grid(Settings):
    """The axes whose product is measured; a strategy ignores those that it does not vary."""

    tasks: tuple[str, ...] = Field(min_length=1)
    """Names of tasks, or YAML files that describe one's own."""
    strategies: tuple[str, ...] = Field(min_length=1)
    """Ways to spend a budget, by their names in `raydoa.strategies`, such as annotate; or those of plugins."""
    budgets: tuple[float, ...] = Field(min_length=1, json_schema_extra={"metavar": "DOLLARS"})
    """Dollars to spend on top of the N labelled examples."""
    n: tuple[int, ...] = Field(min_length=1)
    """Labelled examples owned at the start."""
    u: tuple[int, ...] = Field(min_length=1)
    """Pool rows to pseudo-label."""
    teachers: tuple[str, ...] = Field(min_length=1)
    """Models to distil from."""
    seeds: tuple[int, ...] = Field(min_length=1)
    """Seeds of the order of the rows and of all training."""
    label_shares: tuple[float, ...] = Field(default=(0.5,), min_length=1)
    """Fractions of the budget that the strategy mixed spends on labels."""
    choices: dict[str, tuple[str | int | float, ...]] = Field(
        default_factory=dict, json_schema_extra={"metavar": "AXIS=VALUE,VALUE"}
    )
    """Values on the axes that plugins add."""
    llms: tuple[str, ...] = Field(default=(), json_schema_extra=LATER)
    """LLMs that label pool rows: YAML files that describe them, or names of shipped ones (docs/llm.md)."""
    shots: tuple[int, ...] = Field(default=(32,), min_length=1, json_schema_extra=LATER)
    """Owned labels that an LLM is shown as examples."""
    llm_rows: tuple[int, ...] = Field(default=(1000,), min_length=1, json_schema_extra=LATER)
    """Pool rows that an LLM labels for a teacher."""

    @field_validator(*_AXES, mode="before")
    @classmethod
    def _one_value(cls, values: object) -> object:
        """Accept ``n: 200`` for ``n: [200]``."""
        return (values,) if isinstance(values, str | int | float) else values

    @field_validator("strategies")
    @classmethod
    def _known_strategies(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in STRATEGIES:
                strategies = STRATEGIES.names()
                raise ValueError(
                    f"{name!r} is not one of {', '.join(strategies)}{did_you_mean(name, list(strategies))}"
                )
        return names

    @field_validator("budgets")
    @classmethod
    def _no_negative_budget(cls, budgets: tuple[float, ...]) -> tuple[float, ...]:
        if any(budget < 0 for budget in budgets):
            raise ValueError("a budget is in dollars and cannot be negative")
        return budgets

    @field_validator("n", "u", "llm_rows")
    @classmethod
    def _positive_counts(cls, counts: tuple[int, ...]) -> tuple[int, ...]:
        if any(count < 1 for count in counts):
            raise ValueError("counts start at 1")
        return counts

    @field_validator("shots")
    @classmethod
    def _no_negative_shots(cls, shots: tuple[int, ...]) -> tuple[int, ...]:
        if any(count < 0 for count in shots):
            raise ValueError("shots start at 0")
        return shots

    @field_validator("seeds")
    @classmethod
    def _no_negative_seed(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if any(seed < 0 for seed in seeds):
            raise ValueError("seeds start at 0")
        return seeds

    @field_validator("label_shares")
    @classmethod
    def _fractions(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError("a share of the budget is from 0 to 1")
        return shares

    @model_validator(mode="after")
    def _no_repeats(self) -> "Grid":
        for name in type(self).model_fields:
            values = getattr(self, name)
            for axis, of_axis in (values if isinstance(values, dict) else {name: values}).items():
                if len(set(of_axis)) != len(of_axis):
                    raise ValueError(f"{axis} repeats a value: {of_axis}")
        return self


class Pretraining(Settings):
    """How the models that raydoa pretrains itself come to be."""

    vocabulary: int = Field(ge=32)
    """Pieces of the vocabulary that is learnt from the task's sources."""
    recipes: dict[str, PretrainRecipe]
    """A recipe for each model."""
    seed: int = 0
    """Seed of the pretraining."""


class Sweep(Settings):
    """Everything that decides what a sweep measures."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    """The first part of the result dir's name."""
    grid: Grid
    """The axes."""
    student: str
    """The model that is shipped."""
    student_recipe: Recipe
    """A student's training on labels alone, as a model that is shipped or as its own teacher."""
    teacher_recipe: Recipe
    """A teacher's fine-tuning."""
    distill_recipe: Recipe
    """A student's training on pseudo-labels."""
    mixing: Mixing = Mixing()
    """How gold rows and pseudo-labels are mixed."""
    pretraining: Pretraining | None = None
    """The pretraining of models that raydoa pretrains itself."""
    representation: Representation = Representation()
    """What is kept of a teacher's distribution."""
    shard_rows: int = Field(default=1000, ge=1)
    """Pool rows of one labelled shard."""
    labelling_batch_size: int = Field(default=32, ge=1)
    """Rows that a teacher labels at a time."""
    pilot_rows: int = Field(default=100, ge=0, json_schema_extra=LATER)
    """Owned rows, at most, that an LLM is measured on before it labels any; 0: it is not measured."""
    worse_than_chance: bool = Field(default=False, json_schema_extra=LATER)
    """Let an LLM label although the measurement on owned rows says that it is no better than chance."""
    allow: tuple[AllowedName, ...] = Field(default=(), json_schema_extra=LATER)
    """What may be wrong with the rows although scores mean nothing then, or too much (`raydoa check`)."""
    test_rows: int | None = Field(default=None, ge=1)
    """Score on this many test rows only."""
    prices: str
    """The price book: a shipped one, or a YAML file."""
    accelerator: str
    """The GPU whose hours are priced, as the price book names it."""
    region: str
    """Where the electricity comes from, for kgCO2e."""

    @property
    def used_teachers(self) -> tuple[str, ...]:
        """The models beside the student that some strategy needs."""
        axes = [STRATEGIES.get(name).axes(self.grid, self.student) for name in self.grid.strategies]
        used = {teacher for varied in axes for teacher in varied.get("teacher", ())}
        return tuple(teacher for teacher in self.grid.teachers if teacher in used)

    @property
    def used_llms(self) -> tuple[tuple[str, int], ...]:
        """The LLMs that plans may ask, each with its shots."""
        return tuple(product(self.grid.llms, self.grid.shots))

    @property
    def largest_pool(self) -> int:
        """The most pool rows that a cell has; 0 where no strategy has a pool."""
        axes = [STRATEGIES.get(name).axes(self.grid, self.student) for name in self.grid.strategies]
        return max((u for varied in axes for u in varied.get("u", ())), default=0)


_TRIALS_WITHOUT_GPUS = 6
_TRIALS_PER_GPU = 4
_LEAST_TRIALS = 64


class RuntimeConfig(Settings):
    """Where and how fast a sweep runs; nothing here is part of a key.

    Workers, ZeRO stage, offload, micro-batches and activation checkpointing are those of teachers' fine-tuning; a
    student's training and the evaluations run on one device, in whole batches.
    """

    store: str = "store"
    """Folder or URL of the artifacts."""
    results: str = "results"
    """Folder of the result dirs, which every node reaches."""
    train_folder: str = "results/train"
    """Folder of the trainings' checkpoints; runs on Ray set it to one in the result dir."""
    data: str | None = None
    """Folder of the tasks' rows."""
    unit_costs: str | None = None
    """File of unit costs that `raydoa calibrate` measured."""
    models: dict[str, str] = Field(
        default_factory=dict, json_schema_extra={"metavar": "NAME=FOLDER"}
    )
    """Folders of checkpoints that do not come from the hub."""
    llm_urls: dict[str, str] = Field(
        default_factory=dict, json_schema_extra={"metavar": "NAME=URL"}
    )
    """Where LLMs are reached, if not where their files say."""
    limit: float | None = Field(default=None, ge=0, json_schema_extra={"metavar": "DOLLARS"})
    """What may be spent of real money from the account in all (docs/account.md); what all that a search measures may cost."""
    account: str = "default"
    """The account in the store that real money is taken from."""
    train_workers: int = Field(default=1, ge=1)
    """Workers of a teacher's fine-tuning."""
    least_train_workers: int = Field(default=1, ge=1)
    """Fewest workers with which a fine-tuning that loses machines continues."""
    zero_stage: Literal[0, 1, 2, 3] = 0
    """DeepSpeed's ZeRO stage."""
    offload: bool = False
    """Keep the optimiser's state in host memory."""
    micro_batch_size: int | None = Field(default=None, ge=1)
    """Rows of a worker's forward pass; the whole share of the batch unless given."""
    activation_checkpointing: bool = False
    """Recompute activations in the backward pass, to save memory."""
    checkpoint_every_steps: int | None = Field(default=None, ge=1)
    """Steps between checkpoints; as often as it pays unless given (`raydoa.training.checkpoint_interval`)."""
    interruptions_per_node_hour: float = Field(default=0.05, gt=0)
    """Rate of preemptions, which decides how often checkpoints pay; the default is an assumption (docs/preemption.md)."""
    label_actors: tuple[int, int] = (1, 2)
    """Least and most actors that label a pool."""
    gpus_per_label_actor: int = Field(default=0, ge=0)
    """GPUs of a labelling actor."""
    gpus_per_worker: int = Field(default=0, ge=0)
    """GPUs of a training worker; 0 trains on CPUs."""
    students_per_gpu: int = Field(default=1, ge=1)
    """Trainings and evaluations of small models that share a GPU, whose memory must hold all of them (docs/scale.md)."""
    cpus_per_worker: int = Field(default=1, ge=1)
    """CPUs of a training worker."""
    cluster_gpus: int = Field(default=1, ge=1)
    """GPUs of the cluster, for wall-clock estimates and the number of concurrent trials."""
    cluster_grows: bool = False
    """Wait for the autoscaler where the cluster is too small, instead of refusing to start."""
    concurrent_trials: int | None = Field(default=None, ge=1)
    """Most trials at a time; enough for the cluster unless given."""
    trackers: tuple[Literal["mlflow", "wandb", "tensorboard"], ...] = ()
    """Experiment trackers that get every row beside the result dir (`raydoa.on_ray.trackers`)."""

    @property
    def trials_of_a_sweep(self) -> int:
        """Concurrent trials of a sweep; many of them wait for others, and none holds a GPU (docs/scale.md)."""
        if self.concurrent_trials is not None:
            return self.concurrent_trials
        if not self.gpus_per_worker:
            return _TRIALS_WITHOUT_GPUS
        return max(_LEAST_TRIALS, _TRIALS_PER_GPU * self.cluster_gpus)

    @property
    def trials_of_a_search(self) -> int:
        """Concurrent trials of a search, which decides better the more it knows."""
        return self.concurrent_trials or _TRIALS_WITHOUT_GPUS

    def of_teachers(self, execution: Execution) -> Execution:
        """How a teacher is fine-tuned, where memory is short."""
        return replace(
            execution,
            micro_batch_size=self.micro_batch_size,
            activation_checkpointing=self.activation_checkpointing,
        )

    @field_validator("trackers", mode="before")
    @classmethod
    def _names_with_commas(cls, trackers: object) -> object:
        """Accept ``mlflow,wandb``, as `--set` gives it."""
        return trackers.split(",") if isinstance(trackers, str) else trackers

    @field_validator("results")
    @classmethod
    def _results_in_a_folder(cls, results: str) -> str:
        if "://" in results:
            raise ValueError(
                "results go to a folder that every node reaches, such as one on NFS; the store can be a URL"
            )
        return results

    @model_validator(mode="after")
    def _no_more_than_at_the_start(self) -> "RuntimeConfig":
        if self.least_train_workers > self.train_workers:
            raise ValueError(
                f"least_train_workers is {self.least_train_workers} and train_workers {self.train_workers}; a group "
                "continues with at most as many as it starts with"
            )
        return self

    @field_validator("label_actors")
    @classmethod
    def _least_then_most(cls, actors: tuple[int, int]) -> tuple[int, int]:
        if not 1 <= actors[0] <= actors[1]:
            raise ValueError("expected [least, most] with 1 <= least <= most")
        return actors
