"""What the measurements of a search really took, on top of what was in the store before it.

Whoever is first to need an artifact makes it, and with several trials at once that is a matter of luck. The bill
goes to the proposal that was asked first, as its expected cost did: so what was told and what is pending always add up
to what is spent. What was there before the search began, and what another sweep has made since, costs nothing.
"""

from collections.abc import Mapping

from raydoa.artifacts.key import Stage
from raydoa.artifacts.store import Store
from raydoa.cell import Cell
from raydoa.money.ledger import MICRO, Item
from raydoa.search.holdings import Candidate, Holdings
from raydoa.stages import PseudoLabel
from raydoa.study import Study
from raydoa.trial import chain


class Bills:
    """Who pays for which artifact of a search.

    Args:
        study: of the search.
        store: where its artifacts are.
        there: what was there before it began.
    """

    def __init__(self, study: Study, store: Store, there: Holdings) -> None:
        self._study = study
        self._store = store
        self._there = there
        self._payer: dict[str, int] = {}

    def asked(self, number: int, candidate: Candidate, cell: Cell) -> None:
        """A proposal was asked: it pays for what was not there, and nobody before it needs."""
        for item, stages in self._paid(cell).items():
            for stage in stages:
                if not self._was_there(candidate, item, stage):
                    self._payer.setdefault(stage.key, number)

    def _was_there(self, candidate: Candidate, item: str, stage: Stage) -> bool:
        rows = self._there.rows.get(candidate.artifact) if candidate.artifact else None
        if item == "student":
            return candidate in self._there.measured
        return rows is not None and (not isinstance(stage, PseudoLabel) or stage.stop <= rows)

    def bill(self, number: int, cell: Cell, labels: int) -> float:
        """Dollars of a proposal that was measured; ``labels``: how many it was the first to buy."""
        paid = self._paid(cell)
        micro = 0
        for item in self._study.plan(cell).ledger.items:
            quantity = labels
            if item.stage != "labels":
                ours = [stage for stage in paid[item.stage] if self._made_for(number, stage)]
                quantity = _quantity(item, ours, len(paid[item.stage]))
            micro += item.rate.micro_usd(quantity)
        return micro / MICRO

    def _paid(self, cell: Cell) -> Mapping[str, tuple[Stage, ...]]:
        plan = self._study.plan(cell)
        return chain(cell, plan, self._study).paid() if plan.feasible else {}

    def _made_for(self, number: int, stage: Stage) -> bool:
        """Whether this search made it, and for whom."""
        if self._payer.get(stage.key) != number:
            return False
        record = self._store.find(stage.key)
        if record is None:
            return True  # It was made, and is gone.
        made_for = record.provenance.get("made_for")
        return isinstance(made_for, Mapping) and made_for.get("sweep") == self._study.sweep_id


def _quantity(item: Item, ours: list[Stage], stages: int) -> int:
    if len(ours) == stages:
        return item.quantity
    return sum(stage.stop - stage.start for stage in ours if isinstance(stage, PseudoLabel))
