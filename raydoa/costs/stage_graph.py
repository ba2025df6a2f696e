"""From a plan to its stages: each cost item adds those that it pays for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from raydoa.costs.items import ITEMS
from raydoa.costs.items.item import gold_joins
from raydoa.costs.plan import Plan
from raydoa.costs.schedules import Recipes, in_format_of
from raydoa.models.meeting import Meeting, OutputSpace, space_of
from raydoa.models.naming import ModelName
from raydoa.models.objective import Objective
from raydoa.pipeline.beginnings import Initial, TaskData
from raydoa.pipeline.stages import (
    LLM,
    TEACHER,
    ChooseSparsity,
    Distill,
    Evaluate,
    FineTune,
    PilotLlm,
    PseudoLabel,
    SourceConfig,
    TextForm,
)
from raydoa.store.key import Stage
from raydoa.tasks.task import TaskSpec
from raydoa.training.recipe import Mixing, Representation


@dataclass(frozen=True)
class AskedLlm:
    """An LLM, asked about a task's rows with so many shots.

    Attributes:
        source: what decides its answers, but for the rows that its shots are drawn from.
        representation, objective: what is kept of an answer, and over which classes.
        pilot_rows: the most owned rows that it is measured on before it labels any.
    """

    source: SourceConfig
    representation: Representation
    objective: Objective | None
    pilot_rows: int

    def shown(self, n: int) -> SourceConfig:
        """The source, with the ``n`` owned rows that shots are drawn from."""
        return replace(self.source, options=(*self.source.options, ("n", str(n))))

    def pilot(self, data: TaskData, n: int, seed: int) -> PilotLlm:
        """The measurement on owned rows."""
        return PilotLlm(data, self.shown(n), n, self.pilot_rows, seed)


@dataclass(frozen=True)
class StageInputs:
    """What the stages of all plans of a task are built from.

    Attributes:
        task: how rows become token ids, and how models are scored.
        data: the stage that imports the task's rows.
        scorer, test_rows: see `Evaluate`.
        initial: the pretrained models by name.
        objectives: what they are opened with to learn the task; None: they write text.
        meetings: what is kept of a teacher's labels for a student, by (teacher, student).
        recipes: the three trainings.
        mixing: how gold rows join soft labels.
        representation: what is kept of a teacher's distributions.
        shard_rows: pool rows of one artifact.
        llms: the LLMs, by (name, shots).
        pool_is_a_file: whether no labelled row is a row of the pool.
    """

    task: TaskSpec
    data: TaskData
    scorer: str | None
    test_rows: int | None
    initial: Mapping[str, Initial]
    objectives: Mapping[str, Objective | None]
    meetings: Mapping[tuple[str, str], Meeting]
    recipes: Recipes
    mixing: Mixing
    representation: Representation
    shard_rows: int
    llms: Mapping[tuple[str, int], AskedLlm] = field(default_factory=dict)
    pool_is_a_file: bool = False

    @cached_property
    def form(self) -> TextForm:
        """How rows become token ids."""
        return TextForm.of(self.task)

    def identity(self, models: Iterable[str]) -> dict[str, object]:
        """What decides a plan's results beside the plan, as plain values: rows, models and recipes by what they are."""
        task, recipes = self.task, self.recipes
        models = set(models)
        asked = {
            f"{llm} {shots}": [one.source, one.representation]
            for (llm, shots), one in self.llms.items()
            if llm in models
        }
        return {
            "rows": self.data.fingerprint,
            "form": self.form,
            "scored_by": [task.metric, list(task.classes), self.scorer, self.test_rows],
            "models": {m: self.initial[m].content for m in models if m in self.initial},
            **({"asked": asked} if asked else {}),
            "recipes": [recipes.teacher, recipes.student_on_labels, recipes.student_on_soft_labels],
            "mixing": self.mixing,
            "representation": self.representation,
        }


@dataclass
class StageGraph:
    """The stages of a plan, while items add theirs and afterwards.

    Attributes:
        plan: the plan.
        inputs: what stages are built from.
        labels: labelled rows that are learnt from, the owned ones first.
        written: labels of pool rows that a teacher learns from.
        pilots: measurements of LLMs, which come before everything else.
        teacher: the fine-tuned teacher, if there is one.
        shards: the pool rows' labels that the student learns from.
        student: the trained student.
        paid: the stages that each cost item pays for.
    """

    plan: Plan
    inputs: StageInputs
    labels: int
    written: tuple[PseudoLabel, ...] = ()
    pilots: tuple[PilotLlm, ...] = ()
    teacher: FineTune | None = None
    shards: tuple[PseudoLabel, ...] = ()
    student: FineTune | Distill | None = None
    paid: dict[str, tuple[Stage, ...]] = field(default_factory=dict)

    def fine_tune(self, model: str, steps: int) -> FineTune:
        """A model trained on the labels: with the student's recipe, a student that is its own teacher as well."""
        inputs = self.inputs
        return FineTune(
            initial=inputs.initial[model],
            data=inputs.data,
            form=inputs.form,
            labels=self.labels,
            recipe=in_format_of(model, inputs.recipes.on_labels(model, self.plan.student)),
            steps=steps,
            seed=self.plan.seed,
            repeat=self.plan.repeat,
            objective=inputs.objectives[model],
            lora=ModelName.of(model).settings.lora,
            written=self.written,
        )

    def ask_llm(self, rows: int) -> tuple[PseudoLabel, ...]:
        """What the plan's LLM says of the first pool rows, in shards, once it was measured on owned rows."""
        inputs, plan = self.inputs, self.plan
        llm, shots = plan.choice("llm"), plan.choice("shots")
        assert llm is not None and shots is not None, "a plan with an LLM says which, and its shots"
        asked = inputs.llms[llm, int(shots)]
        if asked.pilot_rows:
            self.pilots += (asked.pilot(inputs.data, plan.n, plan.seed),)
        # Without shots, and where no labelled row is one of the pool, nothing that is asked depends on the seed.
        alike = inputs.pool_is_a_file and shots == "0"
        return tuple(
            PseudoLabel(
                teacher=None,
                data=inputs.data,
                form=inputs.form,
                representation=asked.representation,
                sparsity=None,
                start=start,
                stop=min(start + inputs.shard_rows, rows),
                seed=0 if alike else plan.seed,
                source=asked.source if alike else asked.shown(plan.n),
                objective=asked.objective,
                owned=0 if inputs.pool_is_a_file else self.labels,
            )
            for start in range(0, rows, inputs.shard_rows)
        )

    def pseudo_label(
        self,
        rows: int,
        source: SourceConfig = TEACHER,
        representation: Representation | None = None,
    ) -> tuple[PseudoLabel, ...]:
        """A source's labels of the first pool rows, in shards that more rows contain (but for a last, short one).

        The source is the teacher, unless another one is given with what it keeps.
        """
        inputs, teacher = self.inputs, self.teacher if source == TEACHER else None
        objective = None
        if representation is None:
            assert teacher is not None, "a source other than a teacher says what it keeps"
            meeting = inputs.meetings[teacher.model, self.plan.student]
            representation, objective = meeting.representation, meeting.objective
        sparsity = None
        if representation.kind == "sparse":
            assert teacher is not None, "a sparse representation is of a teacher's distributions"
            sparsity = ChooseSparsity(
                teacher=teacher,
                student=inputs.initial[self.plan.student],
                data=inputs.data,
                form=inputs.form,
                recipe=in_format_of(self.plan.student, inputs.recipes.student_on_soft_labels),
                representation=representation,
                seed=self.plan.seed,
                lora=ModelName.of(self.plan.student).settings.lora,
            )
        return tuple(
            PseudoLabel(
                teacher=teacher,
                data=inputs.data,
                form=inputs.form,
                representation=representation,
                sparsity=sparsity,
                start=start,
                stop=min(start + inputs.shard_rows, rows),
                seed=self.plan.seed,
                source=source,
                objective=objective,
            )
            for start in range(0, rows, inputs.shard_rows)
        )

    def distill(self, steps: int) -> Distill:
        """The student on the shards, and on all labels where these join (`gold_joins`)."""
        inputs, joins = self.inputs, gold_joins(self.plan)
        over = [shard.objective for shard in self.shards if shard.objective is not None]
        student = self.plan.student
        return Distill(
            initial=inputs.initial[student],
            teacher=self.teacher,
            shards=self.shards,
            form=inputs.form,
            recipe=in_format_of(student, inputs.recipes.student_on_soft_labels),
            steps=steps,
            seed=self.plan.seed,
            repeat=self.plan.repeat,
            labels=self.labels if joins else 0,
            data=inputs.data if joins else None,
            mixing=inputs.mixing if joins else None,
            objective=over[0] if over else inputs.objectives[student],
            lora=ModelName.of(student).settings.lora,
            pilot=self._calibrating,
        )

    @property
    def _calibrating(self) -> PilotLlm | None:
        """The pilot of the LLM whose soft labels the student learns; None: it learns none."""
        soft = any(s.source.name == LLM and s.representation.kind != "text" for s in self.shards)
        return self.pilots[0] if soft and self.pilots else None

    def evaluate(self, trained: FineTune | Distill) -> Evaluate:
        """The scores of a trained model on the test rows."""
        inputs = self.inputs
        return Evaluate(
            trained=trained,
            data=inputs.data,
            form=inputs.form,
            metric=inputs.task.metric,
            classes=inputs.task.classes,
            rows=inputs.test_rows,
            scorer=inputs.scorer,
        )

    @property
    def output_space(self) -> OutputSpace | None:
        """What the student learns from its teacher or LLM over; None: neither, or several in different ways."""
        if not isinstance(self.student, Distill):
            return None
        taught = [
            shard for shard in self.shards if (shard.teacher is None) == (self.teacher is None)
        ]
        kinds = {shard.representation.kind for shard in taught}
        return space_of(kinds.pop()) if len(kinds) == 1 else None

    @property
    def ends(self) -> tuple[Stage, ...]:
        """All that is built for the plan: what comes before everything else, then the scores."""
        return (*self.pilots, *self.evaluations)

    @property
    def evaluations(self) -> tuple[Evaluate, ...]:
        """The last stages, which everything else hangs on: the student's scores, then the teacher's."""
        trained = [model for model in (self.student, self.teacher) if model is not None]
        return tuple(self.evaluate(model) for model in trained)


def stage_graph(plan: Plan, inputs: StageInputs) -> StageGraph:
    """The stages that a plan stands for."""
    graph = StageGraph(plan, inputs, plan.n)
    for item in ITEMS:
        if plan.quantity(item.name):
            item.add_stages(graph, plan.quantity(item.name))
    assert graph.student is not None, f"{plan} trains no student"
    return graph
