"""What the store has already of all that a search may propose: it need not be paid again.

Looked up once, before the first proposal, and kept in the search's log: a search that is brought back must price its
proposals as it did before, and by then the store has what the search itself has made.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from raydoa.artifacts.key import Stage
from raydoa.artifacts.record import DamagedArtifact
from raydoa.artifacts.store import Store
from raydoa.search.cells import Cells
from raydoa.search.costs import Point
from raydoa.search.holdings import Artifact, Candidate, Holdings
from raydoa.search.space import Space
from raydoa.stages import PseudoLabel
from raydoa.trial import chain

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inventory:
    """Looks candidates' artifacts up in a store."""

    cells: Cells
    store: Store

    def of(self, space: Space) -> Holdings:
        """What is there of the plans and probes of a space; labels are never in a store."""
        found = Holdings(space.costs)
        pools: dict[Artifact, list[Candidate]] = {}
        for point in _points(space):
            candidate = Candidate(point)
            if candidate.artifact is not None:
                pools.setdefault(candidate.artifact, []).append(candidate)
            elif self._has_all(self._paid(candidate)["student"]):
                found.measured.add(candidate)
        for artifact, candidates in pools.items():
            largest = self._paid(max(candidates, key=lambda candidate: candidate.point.u))
            if self._has_all(largest["teacher"]):
                rows = found.rows[artifact] = self._rows(largest["pseudo_labels"])
                found.measured.update(
                    candidate
                    for candidate in candidates
                    if candidate.point.u <= rows and self._has_all(self._paid(candidate)["student"])
                )
        return found

    def _rows(self, shards: Iterable[Stage]) -> int:
        """Pool rows up to the first shard that is missing."""
        rows = 0
        for shard in shards:
            assert isinstance(shard, PseudoLabel)
            if not self._has(shard):
                break
            rows = shard.stop
        return rows

    def _has_all(self, stages: Iterable[Stage]) -> bool:
        return all(self._has(stage) for stage in stages)

    def _has(self, stage: Stage) -> bool:
        try:
            return self.store.find(stage.key) is not None
        except DamagedArtifact as damage:
            logger.warning("%s: it is made again when it is needed", damage)
            return False

    def _paid(self, candidate: Candidate) -> Mapping[str, tuple[Stage, ...]]:
        cell = self.cells.of(candidate)
        return chain(cell, self.cells.study.plan(cell), self.cells.study).paid()


def _points(space: Space) -> list[Point]:
    return list(dict.fromkeys([*space.plans(), *space.probes(space.budget_usd)]))
