"""A plan: the identity of an experiment.

What is learnt from how much of what, and nothing of what it costs: no budget and no price is part of it. Its stages and
its ledger follow from choices and quantities alone. A cell is a budget that asked for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

Choices = tuple[tuple[str, str], ...]
"""What is chosen by name, such as ``(("teacher", "nano-l"),)``, sorted."""
Quantities = tuple[tuple[str, int], ...]
"""How much of each cost item, sorted by its name; what a plan has none of is not listed."""


@dataclass(frozen=True, order=True)
class Plan:
    """An experiment.

    Attributes:
        task: the task's name.
        n: labelled examples owned at the start.
        student: the model that is shipped.
        seed: decides the order of the rows and the randomness of all training.
        repeat: counts trainings on the same rows with another randomness, from 0.
        choices: see `Choices`.
        quantities: see `Quantities`.
    """

    task: str
    n: int
    student: str
    seed: int
    repeat: int
    choices: Choices
    quantities: Quantities

    def __hash__(self) -> int:
        # A search asks for the hash of each of its thousands of plans again and again.
        return self._hash

    def __getstate__(self) -> dict[str, Any]:
        # Without what is cached: strings hash differently in another process.
        return {name: value for name, value in vars(self).items() if name != "_hash"}

    @cached_property
    def _hash(self) -> int:
        owned = (self.task, self.n, self.student, self.seed, self.repeat)
        return hash((owned, self.choices, self.quantities))

    def quantity(self, item: str) -> int:
        """How much of a cost item the plan has."""
        # A plan has a handful of items, and most plans of a search are asked once or twice: no dictionary pays off.
        for name, quantity in self.quantities:
            if name == item:
                return quantity
        return 0

    def choice(self, name: str) -> str | None:
        """What is chosen under ``name``, if anything is."""
        for chosen, value in self.choices:
            if chosen == name:
                return value
        return None

    def with_quantities(self, **quantities: int) -> "Plan":
        """The same plan with other quantities of some items; 0 takes an item out."""
        merged = {**dict(self.quantities), **quantities}
        return replace(self, quantities=tuple(sorted((i, q) for i, q in merged.items() if q)))

    def repeated(self, repeat: int) -> "Plan":
        """The same plan, trained with another randomness."""
        return self if repeat == self.repeat else replace(self, repeat=repeat)

    def to_json(self) -> dict[str, Any]:
        """The plan as plain values; `plan_from_json` reads them."""
        return {
            "task": self.task,
            "n": self.n,
            "student": self.student,
            "seed": self.seed,
            "repeat": self.repeat,
            "choices": dict(self.choices),
            "quantities": dict(self.quantities),
        }


def plan_from_json(values: Mapping[str, Any]) -> Plan:
    """The plan that `Plan.to_json` made plain values of."""
    return Plan(
        task=values["task"],
        n=values["n"],
        student=values["student"],
        seed=values["seed"],
        repeat=values["repeat"],
        choices=tuple(sorted(values["choices"].items())),
        quantities=tuple(sorted(values["quantities"].items())),
    )


@dataclass(frozen=True)
class Infeasible:
    """Why a budget buys nothing: a line that says how much is missing, if money helps."""

    reason: str
