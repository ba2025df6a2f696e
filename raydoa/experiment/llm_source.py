"""An LLM of a study: who it is, what it is asked about each task, and what a row of it costs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from raydoa.costs.items.llm_labels import LlmLabels
from raydoa.costs.llm_prices import Priced, asked_at
from raydoa.costs.llm_rows import RowCost
from raydoa.costs.stage_graph import AskedLlm
from raydoa.costs.tariffs import Tariff
from raydoa.errors import UserError
from raydoa.experiment.config import Sweep
from raydoa.llm.in_use import LlmInUse
from raydoa.llm.spec import LlmSpec
from raydoa.llm.tokens import PER
from raydoa.models.objective import objective_of
from raydoa.pipeline.stages import LLM, SourceConfig
from raydoa.store.record import Record
from raydoa.tasks.task import TaskSpec
from raydoa.training.recipe import Representation


@dataclass(frozen=True)
class LlmSource:
    """An LLM, resolved.

    Attributes:
        named: its YAML file or shipped name, as a grid has it.
        spec: who it is.
        priced: what its tokens cost, and who says so.
        rows: what a row costs, by (task, shots).
        prompts: fingerprints of what it is asked, the shots apart, by task.
    """

    named: str
    spec: LlmSpec
    priced: Priced
    rows: Mapping[tuple[str, int], RowCost]
    prompts: Mapping[str, str]

    def tariff(self, task: str, shots: int) -> Tariff:
        """What a row of a task costs: the highest, at which plans are feasible, and beside it what is likely."""
        return self.rows[task, shots].tariff(LlmLabels.name, self.priced)

    @property
    def said(self) -> str:
        """Its price, for people: dollars per million tokens, and who says so."""
        rates, priced = asked_at(self.spec, self.priced), self.priced
        kinds = (("input", rates.input), ("cached", rates.cached), ("output", rates.output))
        each = ", ".join(f"{kind} ${rate / PER:g}" for kind, rate in kinds)
        return f"{each} per million tokens ({priced.by}: {priced.source}, {priced.date})"

    @property
    def in_use(self) -> LlmInUse:
        """The same as a build needs it."""
        return LlmInUse(
            self.spec,
            asked_at(self.spec, self.priced),
            self.spends,
            {which: row.highest_micro_usd for which, row in self.rows.items()},
        )

    @property
    def spends(self) -> bool:
        """Whether asking it takes real money."""
        return self.priced.hosted is None and not asked_at(self.spec, self.priced).is_free

    @property
    def identity(self) -> object:
        """What decides its answers, and their price: as plain values."""
        highest = {
            f"{task} {shots}": row.highest_micro_usd for (task, shots), row in self.rows.items()
        }
        return [self.spec.identity, dict(self.prompts), asked_at(self.spec, self.priced), highest]

    def asked(self, task: TaskSpec, shots: int, pilot_rows: int) -> AskedLlm:
        """The same in terms of stages, on one task."""
        objective = objective_of(task)
        classes = objective is not None and objective.kind == "classes"
        soft = classes and (self.spec.top_logprobs > 0 or self.spec.votes > 1)
        options = {"llm": self.spec.name, "prompt": self.prompts[task.name], "shots": str(shots)}
        return AskedLlm(
            source=SourceConfig(LLM, options=tuple(sorted(options.items()))),
            representation=Representation(kind="classes" if soft else "text"),
            objective=objective if soft else None,
            pilot_rows=pilot_rows,
        )


def check_pilots(pilots: Iterable[Record], sweep: Sweep) -> None:
    """Stop before an LLM labels that owned rows have shown to be no better than chance.

    Raises:
        UserError: one of them is; the line says what it scored, and on how many rows.
    """
    for pilot in pilots:
        if pilot.facts["worse_than_chance"] and not sweep.worse_than_chance:
            raise UserError(
                f"{pilot.facts['verdict']}; --worse-than-chance lets it label all the same"
            )
