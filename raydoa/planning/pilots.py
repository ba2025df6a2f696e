"""What pilots say of plans with an LLM's labels, where no student of that LLM was measured.

A student that learns an LLM's labels learns its mistakes: it hardly exceeds the LLM. So it is expected to score as the LLM
does on owned rows, less what any student of so many pool rows lacks of its teacher; and no less than it would without them.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raydoa.costs.items.item import pool_rows
from raydoa.costs.items.student import trained_share
from raydoa.costs.plan import Plan
from raydoa.costs.question import Question
from raydoa.planning.scenario import Scenario
from raydoa.report.wording import points
from raydoa.search.surrogate.inputs import Array
from raydoa.search.surrogate.surface import Measured
from raydoa.store.store import Store
from raydoa.strategies.llm_rows import LlmShots, of_llm, without_llm

if TYPE_CHECKING:
    from raydoa.llm.pilot import Pilot

_Z95 = 1.96
_ENDLESS = 10**8
"""Pool rows after which more bring nothing."""


def find_pilots(scenario: Scenario, store: Store) -> "dict[LlmShots, Pilot]":
    """The pilots on the owned rows of a question that are in the store, by LLM and shots."""
    question, study, found = scenario.question, scenario.study, {}
    data = study.tasks[question.task].data
    for which, asked in study.inputs(question.task).llms.items():
        record = store.find(asked.pilot(data, question.n, question.seed).key)
        if record is None:
            continue
        # Imported here: few plans name an LLM, and none needs a client of one.
        from raydoa.labels.llm_pilot import read_pilot

        pilot = read_pilot(record, store)
        if pilot is not None:
            found[which] = pilot
    return found


@dataclass(frozen=True)
class Companions:
    """Plans whose scores say what a plan with an LLM may score.

    Attributes:
        without: the same training without the LLM's labels.
        like: a student of a teacher, with as many pool rows and as much training.
        endless: the same with pool rows without end, which lacks nothing of its teacher.
    """

    without: Plan
    like: Plan
    endless: Plan


class PilotedScores:
    """Scores of plans with an LLM of which no student was measured.

    Args:
        pilots: by LLM and shots.
        measured: of the task; students tell more of their LLM than it does.
        question: what is asked.
    """

    def __init__(
        self, pilots: "Mapping[LlmShots, Pilot]", measured: Sequence[Measured], question: Question
    ) -> None:
        known = {of_llm(one.plan) for one in measured}
        self._question = question
        self._scores = {
            which: (pilot.labelled_score, (pilot.score_high - pilot.score_low) / (2 * _Z95))
            for which, pilot in pilots.items()
            if which not in known
            and not (pilot.labelled_score is None or pilot.score_low is None or pilot.score_high is None)
        }  # fmt: skip

    def companions(self, plan: Plan) -> Companions | None:
        """Of a plan whose LLM was only piloted; None: laws know as much of it."""
        if of_llm(plan) not in self._scores:
            return None
        question, without = self._question, without_llm(plan)
        if not question.teachers:
            return Companions(without, without, without)
        taught = question.plan({"teacher": question.teachers[-1]})
        share = trained_share(plan, question)

        def with_pool(rows: int, share: float) -> Plan:
            of_pool = taught.with_quantities(pseudo_labels=rows)
            full = question.limits("student", of_pool)[1]
            return of_pool.with_quantities(student=max(1, round(share * full)))

        return Companions(without, with_pool(pool_rows(plan), share), with_pool(_ENDLESS, 1.0))

    def expected(self, plan: Plan, companions: Companions, means: Mapping[Plan, float]) -> float:
        """Its expected score, from those of its companions."""
        score, _ = self._of(plan)
        lacks = max(0.0, means[companions.endless] - means[companions.like])
        return max(means[companions.without], score - lacks)

    def draws(self, plan: Plan, lacks: Array, without: Array, seed: int) -> Array:
        """The same of draws ``[count]``: the LLM is as uncertain as its pilot's interval, in all plans alike."""
        mean, sd = self._of(plan)
        of_llm_alone = zlib.crc32(repr(of_llm(plan)).encode())
        score = np.random.default_rng([seed, of_llm_alone]).normal(mean, sd, len(lacks))
        return np.maximum(without, score - np.maximum(0.0, lacks))

    def _of(self, plan: Plan) -> tuple[float, float]:
        which = of_llm(plan)
        assert which is not None, "a plan with companions has an LLM"
        return self._scores[which]


def pilot_notes(pilots: "Mapping[LlmShots, Pilot]", llms: Sequence[LlmShots]) -> list[str]:
    """A line an LLM: what its pilot says of students, or that there was none yet."""
    return [_note(which, pilots.get(which)) for which in llms]


def _note(which: LlmShots, pilot: "Pilot | None") -> str:
    llm, shots = which
    name = f"{llm} with {shots} shots"
    if pilot is None:
        return f"{name} was not measured on these owned rows (with these --pilot-rows); raydoa llm pilot does it, before it labels others"
    if pilot.score is None or pilot.score_low is None or pilot.score_high is None:
        return f"{name}: its pilot has no score, whose model was not there"
    scored = (
        f"{name} scores {points(pilot.score)} ({points(pilot.score_low)} to {points(pilot.score_high)} with 95%) on "
        f"{pilot.rows:,} owned rows"
    )
    if pilot.worse_than_chance:
        return f"{scored}, surely worse than one answer for every row: a sweep stops before it labels others"
    return f"{scored}: until students of its labels were measured, they are expected to score no more than that, and no less than without"
