"""What the store has already of all that a search may propose: it need not be paid again.

Looked up once, before the first proposal, and kept in the search's log: a search that is brought back must price its
proposals as it did before, and by then the store has what the search itself has made.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from raydoa.experiment.trial import chain
from raydoa.pipeline.stages import Distill, PseudoLabel
from raydoa.search.cells import Cells
from raydoa.search.costs import Point
from raydoa.search.holdings import Candidate, Holdings
from raydoa.search.space import Space
from raydoa.store.key import Stage
from raydoa.store.store import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inventory:
    """Looks candidates' artifacts up among the keys of a store."""

    cells: Cells
    keys: frozenset[str]

    @classmethod
    def of(cls, cells: Cells, store: Store) -> "Inventory":
        """List a store once: a place that is far away answers a question in milliseconds, and there are thousands."""
        return cls(cells, frozenset(store.keys()))

    def holdings(self, space: Space) -> Holdings:
        """What is there of the points of a space; labels are never in a store."""
        found = Holdings(space.costs)
        pools: dict[tuple[str, int], list[Point]] = {}
        for point in space.points() if self.keys else ():
            if point.teacher:
                pools.setdefault((point.teacher, point.labels), []).append(point)
            else:
                found.measured.update(self._annotated(point))
        for points in pools.values():
            self._add_pools(found, sorted(points, key=lambda point: point.u))
        logger.info("in the store: %d teachers, %d students", len(found.rows), len(found.measured))
        return found

    def _annotated(self, point: Point) -> Iterator[Candidate]:
        repeat = 0
        while self._has(self._paid(Candidate(point, repeat))["student"][0]):
            yield Candidate(point, repeat)
            repeat += 1

    def _add_pools(self, found: Holdings, points: Sequence[Point]) -> None:
        """Of each repeat of one teacher: its rows, and the students of no more rows than these."""
        repeat = 0
        while self._has(self._paid(Candidate(points[0], repeat))["teacher"][0]):
            largest = self._paid(Candidate(points[-1], repeat))
            shards = [s for s in largest["pseudo_labels"] if isinstance(s, PseudoLabel)]
            there = next((i for i, s in enumerate(shards) if not self._has(s)), len(shards))
            rows = shards[there - 1].stop if there else 0
            found.rows[points[0].teacher, points[0].labels, repeat] = rows
            for point in points:
                if point.u <= rows and self._has(_smaller(largest["student"][0], shards, point)):
                    found.measured.add(Candidate(point, repeat))
            repeat += 1

    def _has(self, stage: Stage) -> bool:
        return stage.key in self.keys

    def _paid(self, candidate: Candidate) -> Mapping[str, tuple[Stage, ...]]:
        cell = self.cells.of(candidate)
        return chain(cell, self.cells.study.plan(cell), self.cells.study).paid()


def _smaller(student: Stage, shards: Sequence[PseudoLabel], point: Point) -> Distill:
    """Another student of the same teacher. Its shards are the same objects: a key that is known is not hashed again."""
    assert isinstance(student, Distill)
    ours = tuple(shard for shard in shards if shard.stop <= point.u)
    return replace(student, shards=ours, steps=point.student_steps)
