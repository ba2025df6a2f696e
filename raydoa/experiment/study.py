"""A sweep, resolved: its task rows and models have fingerprints and its prices are open.

`resolve` reads what the names in a configuration stand for. What cannot be reached from here is listed in
`Study.unreachable`, with a stand-in fingerprint in its place: a dry run prices such a sweep on any laptop,
and a real run refuses to start before a dollar is spent.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from raydoa.costs.plan import Plan, plan_cell
from raydoa.costs.tariff import Pool, Recipes, Request
from raydoa.costs.unit_costs import UnitCosts
from raydoa.errors import UserError
from raydoa.experiment.cell import Cell
from raydoa.experiment.config import Sweep
from raydoa.experiment.result_row import SCHEMA
from raydoa.pipeline.stages import VERSIONS, Checkpoint, Initial, Pretrain, TaskData, TextForm
from raydoa.store.key import canonical_json
from raydoa.tasks.split import check_sizes, most_labels
from raydoa.tasks.task import TaskSpec


@dataclass(frozen=True)
class TaskSource:
    """A task, resolved.

    Attributes:
        spec: what is learned.
        data: the stage that imports its rows.
        train_rows: how many labelled rows it has; None if they cannot be reached.
        pool_rows: how many rows its pool file has; 0 if the pool is the rest of the labelled rows.
        scorer: fingerprint of the model that its metric needs; None if it needs none or has none.
    """

    spec: TaskSpec
    data: TaskData
    train_rows: int | None
    pool_rows: int
    scorer: str | None = None

    def labels_to_buy(self, n: int, u: int) -> int | None:
        """How many labels are left to buy beside ``n`` owned and ``u`` pseudo-labelled rows; None: no end."""
        if self.train_rows is None:
            return None
        return max(0, most_labels(self.train_rows, self.pool_rows, u=u) - n)

    def pool_beside(self, n: int) -> Pool | None:
        """The rows to pseudo-label beside ``n`` owned labels; None: no end."""
        if self.train_rows is None:
            return None
        if self.pool_rows:
            return Pool(self.pool_rows, labels_come_from_it=False)
        return Pool(max(0, self.train_rows - n), labels_come_from_it=True)

    def shortage(self, n: int, u: int) -> str | None:
        """What is missing for ``n`` labels and a pool of ``u`` rows beside them, or None."""
        if self.train_rows is None:
            return None
        try:
            check_sizes(self.train_rows, self.pool_rows, n=n, bought=0, u=u)
        except UserError as mistake:
            return f"task {self.spec.name}: {mistake}"
        return None


@dataclass(frozen=True)
class Study:
    """Everything that planning and measuring a cell needs; small, and it travels to every trial.

    Attributes:
        sweep: the configuration.
        tasks: its tasks by name.
        checkpoints: its models that are not pretrained here, by name.
        pretrained: its nano models as stages, by (model, task).
        unit_costs: unit costs, and the price book they are priced with.
        unreachable: one line for each file or model that cannot be reached from here, or size above the data.
    """

    sweep: Sweep
    tasks: Mapping[str, TaskSource]
    checkpoints: Mapping[str, Checkpoint]
    pretrained: Mapping[tuple[str, str], Pretrain]
    unit_costs: UnitCosts
    unreachable: tuple[str, ...] = ()

    @property
    def sweep_id(self) -> str:
        """Name and hash of everything that decides the sweep's rows; the name of its result dir."""
        identity = {
            "row": SCHEMA,
            "stages": VERSIONS,
            "sweep": self.sweep,
            "tasks": {
                name: [
                    task.data.key,
                    TextForm.of(task.spec),
                    task.spec.metric,
                    task.spec.classes,
                    task.scorer,
                ]
                for name, task in self.tasks.items()
            },
            "models": {name: stage.key for name, stage in self.checkpoints.items()},
            "prices": self.unit_costs.book.model_dump(mode="json"),
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

    def initial(self, model: str, task: str) -> Initial:
        """The pretrained model called ``model``, as a student or teacher of ``task`` starts from it."""
        return self.checkpoints.get(model) or self.pretrained[model, task]

    def plan(self, cell: Cell) -> Plan:
        """What the cell's budget buys."""
        task = self.tasks[cell.task]
        sweep = self.sweep
        request = Request(
            strategy=cell.strategy,
            task=task.spec,
            budget_usd=cell.budget,
            n=cell.n,
            student=cell.student,
            teacher=cell.teacher,
            u=cell.u,
            # Whoever has a teacher needs a row to pseudo-label, and no row is both.
            labels_available=task.labels_to_buy(cell.n, cell.u or (1 if cell.teacher else 0)),
            allocation=cell.allocation,
            label_share=cell.label_share,
            pool=task.pool_beside(cell.n),
        )
        recipes = Recipes(
            teacher=sweep.teacher_recipe,
            student_on_labels=sweep.student_recipe,
            student_on_soft_labels=sweep.distill_recipe,
            labelling_batch_size=sweep.labelling_batch_size,
        )
        return plan_cell(request, recipes, self.unit_costs)
