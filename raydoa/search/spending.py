"""What the measurements of a search really took, on top of what was in the store before it.

Whoever is first to need an artifact makes it, and with several trials at once that is a matter of luck. The bill
goes to the proposal that was asked first, as its expected cost did: so what was told and what is pending always add up
to what is spent. What was there before the search began, and what another sweep has made since, costs nothing.
"""

from collections.abc import Mapping
from datetime import datetime

from raydoa.costs.ledger import MICRO, Item
from raydoa.experiment.cell import Cell
from raydoa.experiment.study import Study
from raydoa.experiment.trial import chain
from raydoa.pipeline.stages import PseudoLabel
from raydoa.store.key import Stage
from raydoa.store.record import DamagedArtifact, Record
from raydoa.store.store import Store


class Bills:
    """Who pays for which artifact of a search.

    Args:
        study: of the search.
        store: where its artifacts are.
        began: when the search did. What is older costs nothing, and what it had to make again does.
    """

    def __init__(self, study: Study, store: Store, began: datetime) -> None:
        self._study = study
        self._store = store
        self._began = began
        self._askers: dict[str, list[int]] = {}

    def asked(self, number: int, cell: Cell) -> None:
        """A proposal was asked: it pays for what nobody before it needs."""
        for stages in self._paid(cell).values():
            for stage in stages:
                self._askers.setdefault(stage.key, []).append(number)

    def failed(self, number: int) -> None:
        """A proposal has failed, and was told at its price: what it did not make, the next one pays."""
        for key, askers in self._askers.items():
            if number in askers and not self._find(key):
                askers.remove(number)

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
        if self._askers[stage.key][:1] != [number]:
            return False
        record = self._find(stage.key)
        if record is None:
            return True  # It was made, and is gone.
        made_for = record.provenance.get("made_for")
        ours = isinstance(made_for, Mapping) and made_for.get("sweep") == self._study.sweep_id
        return ours and datetime.fromisoformat(record.created_at) >= self._began

    def _find(self, key: str) -> Record | None:
        try:
            return self._store.find(key)
        except DamagedArtifact:
            return None  # It was made; whoever needs it makes it again.


def _quantity(item: Item, ours: list[Stage], stages: int) -> int:
    if len(ours) == stages:
        return item.quantity
    return sum(stage.stop - stage.start for stage in ours if isinstance(stage, PseudoLabel))
