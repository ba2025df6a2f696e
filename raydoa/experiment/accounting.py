"""What is shared, and who pays: the one place that answers it.

Standalone cost is a plan's ledger, every item in full. Incurred cost counts units that nobody had before: what two plans
share is paid by the first of them. `Purchases` tells which units those are, from what each cost item says that it shares
(`CostItem.shared_as`), before anything runs: a forecast and a search reckon with it. What really was made, and for which
plan, stands in the artifacts' records (`incurred_units`), so a sweep that is run again comes to the same numbers.
"""

import math
from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from raydoa.costs.items import ITEMS
from raydoa.costs.ledger import Ledger
from raydoa.costs.plan import Plan
from raydoa.costs.question import Question
from raydoa.costs.stage_graph import StageGraph
from raydoa.costs.tariffs import MICRO
from raydoa.pipeline.stages import PseudoLabel
from raydoa.store.key import Stage
from raydoa.store.record import Record


@dataclass(frozen=True)
class ExistingUnits:
    """Units of a plan's cost items that exist: of each as many, from its first on."""

    plan: Plan
    units: Mapping[str, int]


@dataclass
class Purchases:
    """Units that exist, or are on their way; each is paid once.

    Attributes:
        units: the units that exist of each thing, as ranges from one up to but without another, which do not touch.
    """

    units: dict[Hashable, tuple[tuple[int, int], ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, existing: Iterable[ExistingUnits]) -> "Purchases":
        """With what exists already."""
        purchases = cls()
        for held in existing:
            for item, count in held.units.items():
                if count:
                    thing, start, _ = ITEMS.get(item).shared_as(held.plan)
                    purchases.hold(thing, start, start + count)
        return purchases

    def copy(self) -> "Purchases":
        """The same, to go on from."""
        return Purchases(dict(self.units))

    def marginal(self, plan: Plan) -> dict[str, int]:
        """Units of each cost item that a plan adds to what exists."""
        added = {}
        for item, quantity in plan.quantities:
            thing, start, stop = ITEMS.get(item).shared_as(plan)
            held = self.units.get(thing, ())
            added[item] = quantity - sum(
                max(0, min(stop, high) - max(start, low)) for low, high in held
            )
        return added

    def marginal_micro_usd(self, plan: Plan, question: Question) -> int:
        """What a plan costs on top of what exists, in whole micro-dollars, each item rounded up."""
        return sum(
            question.tariff(item, plan.choices).micro_usd(units)
            for item, units in self.marginal(plan).items()
        )

    def add(self, plan: Plan) -> dict[str, int]:
        """Note that a plan is made, and return the units that it adds."""
        added = self.marginal(plan)
        self.hold_items(plan, added)
        return added

    def hold_items(self, plan: Plan, items: Iterable[str]) -> None:
        """Note that a plan has some of its items."""
        for item in items:
            self.hold(*ITEMS.get(item).shared_as(plan))

    def hold(self, thing: Hashable, start: int, stop: int) -> None:
        """Note that units exist."""
        held = self.units.get(thing, ())
        touching = [(low, high) for low, high in held if low <= stop and start <= high]
        apart = [one for one in held if one not in touching]
        whole = (
            min([start, *(low for low, _ in touching)]),
            max([stop, *(high for _, high in touching)]),
        )
        self.units[thing] = tuple(sorted([*apart, whole]))


def bought_items(plan: Plan, question: Question) -> list[str]:
    """The items of a plan that are bought as they are planned, such as labels; a failed training does not lose them.

    Rows that others label are none of these: they are there when their shards are.
    """
    return [
        item
        for item, _ in plan.quantities
        if ITEMS.get(item).brings != "pool"
        and question.tariff(item, plan.choices).unit_gpu_seconds is None
    ]


def units_usd(ledger: Ledger, units: Mapping[str, int]) -> float:
    """Dollars of some units of a ledger's lines."""
    micro = sum(line.tariff.micro_usd(units.get(line.item, 0)) for line in ledger.lines)
    return micro / MICRO


def made_for(sweep_id: str, plan_id: str) -> dict[str, str]:
    """What is written into the provenance of an artifact that is made for a plan of a sweep."""
    return {"sweep": sweep_id, "plan": plan_id}


Records = Mapping[str, Sequence[Record | None]]
"""Of the stages of `StageGraph.paid`, by item and in their order; None for one that is not in the store any more, since
whatever was made from it was there already."""


def settled_micro_usd(records: Records) -> dict[str, int]:
    """What items were settled for whose stages know it, in full, whoever asked first: an LLM's labels."""
    return {
        item: sum(micro_usd_of(record, "micro_usd") for record in of_item if record is not None)
        for item, of_item in records.items()
        if of_item and all(r is not None and "micro_usd" in r.facts for r in of_item)
    }


def spent_micro_usd(records: Iterable[Record | None], owner: Mapping[str, str]) -> int:
    """Real money that was spent while some artifacts were made for a plan; what others had asked before costs nothing."""
    return sum(
        micro_usd_of(record, "spent_micro_usd")
        for record in records
        if record is not None and record.provenance.get("made_for") == owner
    )


def micro_usd_of(record: Record, name: str) -> int:
    """Micro-dollars that a record tells under a name; 0 where it tells none."""
    value = record.facts.get(name, 0)
    assert isinstance(value, int), f"{record.key}: {name} {value!r}"
    return value


def incurred_units(
    graph: StageGraph, records: Records, purchased: Mapping[str, int], owner: Mapping[str, str]
) -> dict[str, int]:
    """Units of each item that were made for a plan.

    Args:
        graph: the plan's stages.
        records: of those that are paid for.
        purchased: units of what is bought and not made, such as labels, that no plan before it has bought.
        owner: what the provenance of artifacts that were made for this plan says.
    """
    made = {
        stage.key
        for item, stages in graph.paid.items()
        for stage, record in zip(stages, records[item], strict=True)
        if record is not None and record.provenance.get("made_for") == owner
    }
    return units_made(graph, purchased, made)


def units_made(
    graph: StageGraph, purchased: Mapping[str, int], made: Container[str]
) -> dict[str, int]:
    """Units of each item: of what is computed those whose stages have these keys, else what was purchased."""
    units = {}
    for item, quantity in graph.plan.quantities:
        stages = graph.paid.get(item)
        if stages is None:
            units[item] = purchased.get(item, 0)
        else:
            ours = [stage for stage in stages if stage.key in made]
            units[item] = units_of(ours, stages, quantity)
    return units


def units_of(some: Iterable[Stage], stages: Sequence[Stage], quantity: int) -> int:
    """Units that some of an item's stages stand for: pool rows by the shard, everything else whole or not at all."""
    some = list(some)
    shards = all(isinstance(stage, PseudoLabel) for stage in stages)
    assert shards or len(stages) == 1, "an item pays for one stage, or for shards"
    if len(some) == len(stages):
        return quantity
    return sum(stage.stop - stage.start for stage in some if isinstance(stage, PseudoLabel))


def units_of_each(stages: Sequence[Stage], quantity: int) -> list[int]:
    """The same for each of an item's stages alone."""
    if len(stages) == 1:
        return [quantity]
    shards = [stage for stage in stages if isinstance(stage, PseudoLabel)]
    assert len(shards) == len(stages), "an item pays for one stage, or for shards"
    return [shard.stop - shard.start for shard in shards]


def measured_gpu_seconds(records: Sequence[Record | None] | None) -> float | None:
    """GPU-seconds (CPU worker-seconds on a machine without) that stages took when they were made.

    None where a plan has no such stages, or a record is gone.
    """
    if not records:
        return None
    seconds = [_gpu_seconds(record) for record in records if record is not None]
    return math.fsum(seconds) if len(seconds) == len(records) else None


def _gpu_seconds(record: Record) -> float:
    """What an artifact took to make; whoever made it has noted that."""
    seconds = record.provenance["gpu_seconds"]
    assert isinstance(seconds, int | float), f"{record.key}: gpu_seconds {seconds!r}"
    return float(seconds)
