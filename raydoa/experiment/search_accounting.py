"""What the plans of a search need not pay, and what they really took.

The rules are those of `raydoa.experiment.accounting`; here they meet a store. What it has before the first proposal is
looked up once and kept in the search's log: a search that is restored must price its proposals as it did before, and by
then the store has what the search itself has made.
"""

import logging
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from datetime import datetime
from itertools import takewhile

from raydoa.costs.items import ITEMS
from raydoa.costs.plan import Plan
from raydoa.costs.stage_graph import StageGraph
from raydoa.costs.tariffs import MICRO
from raydoa.experiment.accounting import (
    ExistingUnits,
    micro_usd_of,
    units_made,
    units_of,
    units_usd,
)
from raydoa.experiment.study import Study
from raydoa.store.key import Stage
from raydoa.store.record import DamagedArtifact, Record
from raydoa.store.store import Store

logger = logging.getLogger(__name__)


def existing_units(plans: Iterable[Plan], study: Study, store: Store) -> list[ExistingUnits]:
    """What a store has already of plans and of their repeats; what is bought, such as labels, is never in a store."""
    # Listed once: a place that is far away answers a question in milliseconds, and there are thousands.
    keys = frozenset(store.keys())
    existing: dict[Hashable, ExistingUnits] = {}
    repeated = list(plans) if keys else []
    while repeated:
        held = _held(repeated, study.graph, keys)
        # What does not depend on the repeat, such as rows that rules have labelled, is held by every one; the first look
        # saw all plans, and the most of it.
        new = held.keys() - existing.keys()
        existing = held | existing
        repeated = [p.repeated(p.repeat + 1) for p in repeated if not new.isdisjoint(_things(p))]
    logger.info("in the store already: units of %d teachers, pools and students", len(existing))
    return list(existing.values())


def _held(
    plans: Collection[Plan], graph_of: Callable[[Plan], StageGraph], keys: Collection[str]
) -> dict[Hashable, ExistingUnits]:
    """Of each thing that plans share, and of their students: the units that exist, from the first to one that is gone.

    An item counts only for plans that have everything before it: a student without its shards has to wait for them.
    """
    held: dict[Hashable, ExistingUnits] = {}
    complete = list(plans)
    for item in ITEMS:
        having = [plan for plan in complete if plan.quantity(item.name)]
        most: dict[Hashable, Plan] = {}
        for plan in sorted(having, key=lambda plan: plan.quantity(item.name)):
            most[item.shared_as(plan)[0]] = plan
        bought = True
        for thing, plan in most.items():
            stages = graph_of(plan).paid.get(item.name)
            if stages is not None:
                bought = False
                there = list(takewhile(lambda stage: stage.key in keys, stages))
                units = units_of(there, stages, plan.quantity(item.name))
                if there:
                    held[thing] = ExistingUnits(plan, {item.name: units})
        if not bought:
            missing = {plan for plan in having if not _complete(item.name, plan, held)}
            complete = [plan for plan in complete if plan not in missing]
    return held


def _complete(item: str, plan: Plan, held: Mapping[Hashable, ExistingUnits]) -> bool:
    existing = held.get(ITEMS.get(item).shared_as(plan)[0])
    return existing is not None and existing.units[item] >= plan.quantity(item)


def _things(plan: Plan) -> list[Hashable]:
    return [ITEMS.get(item).shared_as(plan)[0] for item, _ in plan.quantities]


class IncurredCosts:
    """What the measurements of a search really took, on top of what was in the store before it.

    Whoever is first to need an artifact makes it, and with several trials at once that is a matter of luck. The proposal
    that was asked first pays, as it did for the expected cost: so what was told and what is pending always add up to
    what is spent. What was there before the search began, and what another sweep has made since, costs nothing.

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

    def asked(self, number: int, plan: Plan) -> None:
        """A proposal was asked: it pays for what nobody before it needs."""
        graph = self._study.graph(plan)
        for stages in (graph.pilots, *graph.paid.values()):
            for stage in stages:
                self._askers.setdefault(stage.key, []).append(number)

    def failed(self, number: int) -> None:
        """A proposal has failed, and was told at its price: what it did not make, the next one pays."""
        for key, askers in self._askers.items():
            if number in askers and not self._find(key):
                askers.remove(number)

    def usd(self, number: int, plan: Plan, purchased: Mapping[str, int]) -> float:
        """Dollars of a proposal that was measured; ``purchased``: of what is bought, units that it was the first to buy."""
        graph = self._study.graph(plan)
        stages = [stage for stages in graph.paid.values() for stage in stages]
        made = {stage.key for stage in stages if self._made_for(number, stage)}
        units = units_made(graph, purchased, made)
        asked = [
            i for i, of_item in graph.paid.items() if any(map(self._study.asked_micro_usd, of_item))
        ]
        settled = [stage for item in asked for stage in graph.paid[item]] + list(graph.pilots)
        spent = sum(self._spent(stage) for stage in settled if self._made_for(number, stage))
        priced = {item: count for item, count in units.items() if item not in asked}
        return units_usd(self._study.ledger(plan), priced) + spent / MICRO

    def _spent(self, stage: Stage) -> int:
        """Micro-dollars that asking took while a stage was made."""
        record = self._find(stage.key)
        return micro_usd_of(record, "spent_micro_usd") if record is not None else 0

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
