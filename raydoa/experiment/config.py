"""A sweep's configuration: what is measured (`Sweep`) and how it is run (`RuntimeConfig`).

`Sweep` decides results; its hash names the result dir. `RuntimeConfig` decides where and how fast: folders,
workers, ZeRO stage, devices. Nothing in it may change a number beyond float rounding, so none of it is part
of a key. Named, complete configurations are in `raydoa.experiment.presets`.
"""

from dataclasses import replace
from typing import Literal

from pydantic import Field, field_validator, model_validator

from raydoa.costs.plan import PLANNERS
from raydoa.errors import did_you_mean
from raydoa.settings import Settings
from raydoa.training.recipe import Execution, Mixing, PretrainRecipe, Recipe, Representation


class Grid(Settings):
    """The axes whose product is measured.

    ``label_shares`` are the fractions of the budget that `mixed` spends on labels; no other strategy has them.
    """

    tasks: tuple[str, ...] = Field(min_length=1)
    strategies: tuple[str, ...] = Field(min_length=1)
    budgets: tuple[float, ...] = Field(min_length=1)
    n: tuple[int, ...] = Field(min_length=1)
    u: tuple[int, ...] = Field(min_length=1)
    teachers: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(min_length=1)
    label_shares: tuple[float, ...] = Field(default=(0.5,), min_length=1)

    @property
    def used_teachers(self) -> tuple[str, ...]:
        """The teachers, if one of the strategies has any."""
        return self.teachers if {"distill", "mixed"} & set(self.strategies) else ()

    @field_validator("strategies")
    @classmethod
    def _known_strategies(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in PLANNERS:
                raise ValueError(
                    f"{name!r} is not one of {', '.join(PLANNERS)}{did_you_mean(name, list(PLANNERS))}"
                )
        return names

    @field_validator("budgets")
    @classmethod
    def _no_debt(cls, budgets: tuple[float, ...]) -> tuple[float, ...]:
        if any(budget < 0 for budget in budgets):
            raise ValueError("a budget is in dollars and cannot be negative")
        return budgets

    @field_validator("n", "u")
    @classmethod
    def _positive(cls, counts: tuple[int, ...]) -> tuple[int, ...]:
        if any(count < 1 for count in counts):
            raise ValueError("counts start at 1")
        return counts

    @field_validator("seeds")
    @classmethod
    def _no_negative_seed(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if any(seed < 0 for seed in seeds):
            raise ValueError("seeds start at 0")
        return seeds

    @field_validator("label_shares")
    @classmethod
    def _part_of_the_whole(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError("a share of the budget is from 0 to 1")
        return shares

    @model_validator(mode="after")
    def _no_repeats(self) -> "Grid":
        for name in type(self).model_fields:
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name} repeats a value: {values}")
        return self


class Pretraining(Settings):
    """How the nano models of a sweep come to be."""

    vocabulary: int = Field(ge=32)
    recipes: dict[str, PretrainRecipe]
    seed: int = 0


class Sweep(Settings):
    """Everything that decides what a sweep measures."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    grid: Grid
    student: str
    student_recipe: Recipe
    teacher_recipe: Recipe
    distill_recipe: Recipe
    mixing: Mixing = Mixing()
    pretraining: Pretraining | None = None
    representation: Representation
    shard_rows: int = Field(default=1000, ge=1)
    labelling_batch_size: int = Field(default=32, ge=1)
    test_rows: int | None = Field(default=None, ge=1)
    prices: str
    accelerator: str
    region: str


_CELLS_WITHOUT_GPUS = 6
_CELLS_PER_GPU = 4
_LEAST_CELLS = 64


class RuntimeConfig(Settings):
    """Where and how a sweep runs; nothing here is part of a key.

    Workers, ZeRO stage, offload, micro-batches and activation checkpointing are those of teachers' fine-tuning; a
    student's training and the evaluations run on one device, in whole batches. A group that loses machines goes on with
    fewer workers, down to ``least_train_workers``.

    ``students_per_gpu`` trainings and evaluations of small models share a GPU: one of them alone leaves it idle for
    most of the time (docs/scale.md has what that brings). All of them must fit in its memory.

    Where ``cluster_grows``, work that finds no room waits for the autoscaler instead of being refused.
    ``concurrent_cells`` bounds the trials at a time; None is enough of them for the cluster (`cells_of_a_sweep`,
    `cells_of_a_search`).

    ``trackers`` are told of every cell beside the result dir (`raydoa.on_ray.trackers`).

    A training saves as often as it pays (`raydoa.training.checkpoint_interval`) at ``interruptions_per_node_hour``, or every
    ``checkpoint_every_steps``. The default rate, one in 20 hours, is an assumption that docs/preemption.md explains.
    """

    store: str = "store"
    results: str = "results"
    train_folder: str = "results/train"
    data: str | None = None
    unit_costs: str | None = None
    models: dict[str, str] = Field(default_factory=dict)
    train_workers: int = Field(default=1, ge=1)
    least_train_workers: int = Field(default=1, ge=1)
    zero_stage: Literal[0, 1, 2, 3] = 0
    offload: bool = False
    micro_batch_size: int | None = Field(default=None, ge=1)
    activation_checkpointing: bool = False
    checkpoint_every_steps: int | None = Field(default=None, ge=1)
    interruptions_per_node_hour: float = Field(default=0.05, gt=0)
    label_actors: tuple[int, int] = (1, 2)
    gpus_per_label_actor: int = Field(default=0, ge=0)
    gpus_per_worker: int = Field(default=0, ge=0)
    students_per_gpu: int = Field(default=1, ge=1)
    cpus_per_worker: int = Field(default=1, ge=1)
    cluster_gpus: int = Field(default=1, ge=1)
    cluster_grows: bool = False
    concurrent_cells: int | None = Field(default=None, ge=1)
    trackers: tuple[Literal["mlflow", "wandb", "tensorboard"], ...] = ()

    @property
    def cells_of_a_sweep(self) -> int:
        """Trials at a time of a sweep; many of them wait for others, and none holds a GPU (docs/scale.md)."""
        if self.concurrent_cells is not None:
            return self.concurrent_cells
        if not self.gpus_per_worker:
            return _CELLS_WITHOUT_GPUS
        return max(_LEAST_CELLS, _CELLS_PER_GPU * self.cluster_gpus)

    @property
    def cells_of_a_search(self) -> int:
        """Trials at a time of a search, which decides better the more it knows."""
        return self.concurrent_cells or _CELLS_WITHOUT_GPUS

    def of_teachers(self, execution: Execution) -> Execution:
        """The means of a teacher's fine-tuning, where memory is short."""
        return replace(
            execution,
            micro_batch_size=self.micro_batch_size,
            activation_checkpointing=self.activation_checkpointing,
        )

    @field_validator("trackers", mode="before")
    @classmethod
    def _names_with_commas(cls, trackers: object) -> object:
        """A terminal gives a word for one and words with commas for several."""
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
    def _fewest_of_all(self) -> "RuntimeConfig":
        if self.least_train_workers > self.train_workers:
            raise ValueError(
                f"least_train_workers is {self.least_train_workers} and train_workers {self.train_workers}; a group "
                "goes on with at most as many as it starts with"
            )
        return self

    @field_validator("label_actors")
    @classmethod
    def _least_then_most(cls, actors: tuple[int, int]) -> tuple[int, int]:
        if not 1 <= actors[0] <= actors[1]:
            raise ValueError("expected [least, most] with 1 <= least <= most")
        return actors
