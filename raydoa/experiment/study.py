"""A sweep, resolved: its task rows and models have fingerprints and its prices are open.

`resolve` reads what the names in a configuration stand for. What cannot be reached from here is listed in
`Study.unreachable`, with a stand-in fingerprint in its place: a dry run prices such a sweep on any laptop,
and a real run refuses to start before a dollar is spent.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

from raydoa.costs.items import ITEMS
from raydoa.costs.ledger import Ledger
from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.pricing import Pricing
from raydoa.costs.question import Question
from raydoa.costs.schedules import Recipes
from raydoa.costs.stage_graph import StageGraph, StageInputs, stage_graph
from raydoa.costs.unit_costs import UnitCosts, Work
from raydoa.errors import UserError, did_you_mean
from raydoa.experiment.cell import Cell
from raydoa.experiment.config import Sweep
from raydoa.experiment.grid import grid_cells
from raydoa.experiment.llm_source import LlmSource
from raydoa.experiment.result_row import ROW_SCHEMA
from raydoa.experiment.task_source import TaskSource
from raydoa.models.lookup import own_models
from raydoa.models.meeting import Speaker, meeting
from raydoa.models.model_shape import ModelShape
from raydoa.models.objective import objective_of
from raydoa.pipeline.beginnings import Checkpoint, Initialize, Pretrain, TakeLayers
from raydoa.pipeline.stages import LLM, VERSIONS, PilotLlm, PseudoLabel, TextForm
from raydoa.store.key import Stage, canonical_json
from raydoa.strategies import STRATEGIES
from raydoa.tasks.task import TaskSpec

_VOCABULARY = 600
"""Of raydoa's own models in a study that pretrains none: their sizes hardly depend on it."""


@dataclass(frozen=True)
class Study:
    """Everything that planning and measuring a cell needs; small, and it travels to every trial.

    Attributes:
        sweep: the configuration.
        tasks: its tasks by name.
        checkpoints: its models that are not pretrained here, by name.
        speakers: what its models write, by name.
        pretrained: models that raydoa builds itself as stages, by (model, task).
        unit_costs: unit costs, and the price book they are priced with.
        llms: its LLMs by name.
        unreachable: one line for each file or model that cannot be reached from here, or size above the data.
    """

    sweep: Sweep
    tasks: Mapping[str, TaskSource]
    checkpoints: Mapping[str, Checkpoint | TakeLayers]
    speakers: Mapping[str, Speaker]
    pretrained: Mapping[tuple[str, str], Pretrain | Initialize]
    unit_costs: UnitCosts
    llms: Mapping[str, LlmSource] = field(default_factory=dict)
    unreachable: tuple[str, ...] = ()

    @property
    def sweep_id(self) -> str:
        """Name and hash of everything that decides the sweep's rows; the name of its result dir."""
        identity = {
            "row": ROW_SCHEMA,
            "stages": {k: v for k, v in VERSIONS.items() if self.llms or k != PilotLlm.kind},
            "sweep": self.sweep,
            "tasks": {
                name: [
                    task.data.key,
                    TextForm.of(task.spec),
                    task.spec.metric,
                    task.spec.classes,
                    task.scorer,
                    *(["people"] if task.spec.labels == "people" else []),
                ]
                for name, task in self.tasks.items()
            },
            "models": {name: stage.key for name, stage in self.checkpoints.items()},
            **({"llms": {n: llm.identity for n, llm in self.llms.items()}} if self.llms else {}),
            "prices": self.unit_costs.book.model_dump(mode="json", exclude={"llms"}),
            "measured": self.unit_costs.measured,
        }
        digest = hashlib.sha256(canonical_json(identity).encode()).hexdigest()
        return f"{self.sweep.name}-{digest[:10]}"

    def check_reachable(self) -> None:
        """Refuse to start what cannot be finished.

        Raises:
            UserError: something is unreachable; every such thing is listed.
        """
        if self.unreachable:
            raise UserError(f"cannot start: {'; '.join(self.unreachable)}")

    def question(
        self,
        task: str,
        n: int,
        *,
        seed: int = 0,
        repeat: int = 0,
        student: str | None = None,
        axes: Mapping[str, Any] | None = None,
    ) -> Question:
        """What is asked of a strategy: a task with ``n`` labels owned, at the study's prices and recipes.

        Raises:
            UserError: there is no such task.
        """
        if task not in self.tasks:
            tasks = sorted(self.tasks)
            raise UserError(
                f"task: found {task!r}; this study has {', '.join(tasks)}{did_you_mean(task, tasks)}"
            )
        source, student = self.tasks[task], student or self.sweep.student
        sizes = self._teacher_sizes
        return Question(
            task=task,
            n=n,
            student=student,
            recipes=self.recipes,
            prices=self._prices(source.spec, student),
            supply=source.supply,
            seed=seed,
            repeat=repeat,
            axes=dict(axes or {}),
            teachers=tuple(sorted(sizes, key=lambda name: (sizes[name], name))),
            sizes=sizes,
            llms=self.sweep.used_llms,
            shard_rows=self.sweep.shard_rows,
            constant_score=source.spec.constant_score,
        )

    def _prices(self, spec: TaskSpec, student: str) -> Pricing:
        if (spec.name, student) not in self._pricing:
            rows = {
                (name, shots): self.llms[name].tariff(spec.name, shots)
                for name, shots in self.sweep.used_llms
            }
            pricing = Pricing(spec, student, self.recipes, self.unit_costs, rows)
            self._pricing[spec.name, student] = pricing
        return self._pricing[spec.name, student]

    @cached_property
    def _pricing(self) -> dict[tuple[str, str], Pricing]:
        """Of each task and student; what is worked out once serves all cells."""
        return {}

    @cached_property
    def _teacher_sizes(self) -> dict[str, float]:
        """Parameters of the teachers, worked out once for all questions."""
        return {name: float(self.shape(name).parameters) for name in self.sweep.used_teachers}

    @cached_property
    def recipes(self) -> Recipes:
        """How long each training takes."""
        sweep = self.sweep
        return Recipes(
            teacher=sweep.teacher_recipe,
            student_on_labels=sweep.student_recipe,
            student_on_soft_labels=sweep.distill_recipe,
            labelling_batch_size=sweep.labelling_batch_size,
        )

    def shape(self, model: str) -> ModelShape:
        """How large a model really is, whatever large counterpart it is priced as.

        Raises:
            UserError: it is not known.
        """
        family, pretraining = own_models().get(model), self.sweep.pretraining
        if family is None or model in self.unit_costs.shapes or not family.pretrains:
            return self.unit_costs.shape(model)
        return family.own_shape(model, pretraining.vocabulary if pretraining else _VOCABULARY)

    @cached_property
    def choices(self) -> list[dict[str, str]]:
        """What plans of the sweep choose: no teacher, where a strategy has none, and each one."""
        sweep = self.sweep
        axes = [
            STRATEGIES.get(name).axes(sweep.grid, sweep.student) for name in sweep.grid.strategies
        ]
        teachers = dict.fromkeys(name for varied in axes for name in varied.get("teacher", ()))
        alone = any("teacher" not in varied for varied in axes)
        asked = [{"llm": llm, "shots": str(shots)} for llm, shots in sweep.used_llms]
        return [*([{}] if alone else []), *({"teacher": name} for name in teachers), *asked]

    @property
    def taught_by(self) -> tuple[str, ...]:
        """The models that plans of the sweep distil from, a student that is its own teacher among them."""
        return tuple(choice["teacher"] for choice in self.choices if "teacher" in choice)

    def works(self) -> list[Work]:
        """Every unit of computing that plans of the sweep are made of, each once."""
        works: dict[Work, Work] = {}
        for task in self.tasks.values():
            pricing = self._prices(task.spec, self.sweep.student)
            for choices, item in product(self.choices, ITEMS):
                work = item.work(pricing, choices)
                if work is not None:
                    works.setdefault(work, work)
        return list(works.values())

    def cells(self) -> list[Cell]:
        """The cells of the sweep's grid, each once."""
        grid = self.sweep.grid
        owned = {name: task.owned(grid.n) for name, task in self.tasks.items()}
        return grid_cells(grid, self.sweep.student, owned)

    def asked(self, cell: Cell) -> Question:
        """The question of a cell."""
        return self.question(
            cell.task,
            cell.n,
            seed=cell.seed,
            repeat=cell.repeat,
            student=cell.student,
            axes=cell.axes,
        )

    def plan(self, cell: Cell) -> Plan | Infeasible:
        """What a cell's budget buys."""
        return STRATEGIES.get(cell.strategy).plan(self.asked(cell), cell.budget)

    def ledger(self, plan: Plan) -> Ledger:
        """What a plan costs, item by item."""
        return self.question(plan.task, plan.n, student=plan.student).ledger(plan)

    def kgco2e(self, ledger: Ledger) -> float:
        """Emissions of a plan's computing."""
        return ledger.kgco2e(self.unit_costs.book, self.sweep.accelerator, self.sweep.region)

    def inputs(self, task: str) -> StageInputs:
        """What the stages of a task's plans are built from.

        Raises:
            UserError: a model of the sweep cannot learn the task.
        """
        if task not in self._inputs:
            self._inputs[task] = self._worked_out(task)
        return self._inputs[task]

    @cached_property
    def _inputs(self) -> dict[str, StageInputs]:
        """Of each task; its stages hold the same objects, whose part of a key is written once (`raydoa.store.key`)."""
        return {}

    def _worked_out(self, task: str) -> StageInputs:
        source, sweep = self.tasks[task], self.sweep
        of_task, student = objective_of(source.spec), self.speakers[sweep.student]
        pretrained = {
            model: stage for (model, name), stage in self.pretrained.items() if name == task
        }
        return StageInputs(
            task=source.spec,
            data=source.data,
            scorer=source.scorer,
            test_rows=sweep.test_rows,
            initial={**pretrained, **self.checkpoints},
            objectives={
                name: speaker.objective(of_task, task) for name, speaker in self.speakers.items()
            },
            meetings={
                (name, student.name): meeting(
                    self.speakers[name], student, of_task, task, sweep.representation
                )
                for name in {sweep.student, *self.taught_by}
            },
            recipes=self.recipes,
            mixing=sweep.mixing,
            representation=sweep.representation,
            shard_rows=sweep.shard_rows,
            llms={
                (name, shots): self.llms[name].asked(source.spec, shots, sweep.pilot_rows)
                for name, shots in sweep.used_llms
            },
            pool_is_a_file=source.pool_rows > 0,
        )

    def graph(self, plan: Plan) -> StageGraph:
        """The stages that a plan stands for."""
        return stage_graph(plan, self.inputs(plan.task))

    def asked_micro_usd(self, stage: Stage) -> int:
        """What a stage's rows cost at most that an LLM is asked about; 0 of any other stage."""
        if isinstance(stage, PilotLlm):
            rows = stage.rows
        elif isinstance(stage, PseudoLabel) and stage.source.name == LLM:
            rows = stage.stop - stage.start
        else:
            return 0
        source = stage.source
        shots = int(source.option("shots"))
        return rows * self.llms[source.option("llm")].rows[stage.data.task, shots].highest_micro_usd

    def takes_real_money(self, stage: Stage) -> bool:
        """Whether what it asks is paid, and not only priced."""
        if not isinstance(stage, PilotLlm | PseudoLabel) or stage.source.name != LLM:
            return False
        return self.llms[stage.source.option("llm")].spends

    def plan_id(self, plan: Plan) -> str:
        """Twelve hexadecimal digits that name a plan: of its rows, models and recipes by what they are.

        Neither prices nor the code's version are in it.
        """
        identity = self.inputs(plan.task).identity([plan.student, *dict(plan.choices).values()])
        text = canonical_json({"plan": plan.to_json(), **identity})
        return hashlib.sha256(text.encode()).hexdigest()[:12]
