"""Plans of a plugin's strategy, which pay for a cost item that no law knows, go through every search."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from raydoa.costs.items import ITEMS
from raydoa.costs.items.item import gold_rows
from raydoa.costs.items.labels import Labels, where_owned
from raydoa.costs.items.teacher import teacher_of
from raydoa.costs.plan import Choices, Infeasible, Plan
from raydoa.costs.question import Prices, Question
from raydoa.costs.tariffs import Tariff
from raydoa.planning.measurements import data_of
from raydoa.search.ask_tell import Search
from raydoa.search.cost_aware import CostAware
from raydoa.search.samplers import SAMPLERS, sampler_named
from raydoa.search.setup import cell_of
from raydoa.search.space import Space
from raydoa.search.surrogate.posterior import Effort
from raydoa.strategies import STRATEGIES
from raydoa.strategies.annotate import annotated
from raydoa.strategies.ladders import Ladders
from raydoa.strategies.strategy import Axes, Strategy, TableRow
from tests.contract.searching import BUDGET, question, score, through_json

_EFFORT = Effort(draws=200, kept=32, moves=15)


class Rules(Labels):
    """Rules that somebody writes: a second thing to buy."""

    name = "rules"
    title = "rules"
    unit = "rule"
    priced_by = "rules"
    column = "quantity_rules"
    brings = None
    in_laws = False

    def limits(self, question: Question, plan: Plan) -> tuple[int, int]:
        return 0, 20

    def shared_as(self, plan: Plan) -> tuple[str, int, int]:
        return "rules", 0, plan.quantity("rules")


class WriteRules(Strategy):
    """Some rules, and the student on all labels that are owned."""

    name = "write_rules"

    def axes(self, grid: Axes, student: str) -> Mapping[str, Sequence[Any]]:
        return {}

    def plan(self, question: Question, budget_usd: float) -> Plan | Infeasible:
        plans = list(self.proposals(Ladders(question, budget_usd)))
        return plans[-1] if plans else Infeasible("the budget pays for no rule")

    def proposals(self, ladders: Ladders) -> Iterator[Plan]:
        for rules in (1, 2, 5, 10, 20):
            plan = annotated(ladders.question, 0).with_quantities(rules=rules)
            if ladders.affordable(plan):
                yield plan

    def order(self, row: TableRow) -> str:
        return f"write {row['quantity_rules']} rules"

    def noun(self, row: TableRow) -> str:
        return "writing rules"

    def bought(self, row: TableRow) -> str:
        return f"{row['quantity_rules']} rules"


class WithRules:
    """A rule costs 40 cents."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices

    def tariff(self, item: str, choices: Choices) -> Tariff:
        if item == "rules":
            return Tariff(item, "rule", None, 0.4)
        return self._prices.tariff(item, choices)


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch) -> Space:
    """The simulated task with rules for sale."""
    for registry, entry in ((ITEMS, Rules()), (STRATEGIES, WriteRules())):
        monkeypatch.setattr(registry, "_entries", {**registry._entries, entry.name: entry})
    asked = question()
    return Space(replace(asked, prices=WithRules(asked.prices)), BUDGET)


def _score(plan: Plan) -> float:
    """Ten rules are worth more than anything else that the budget buys."""
    return score(plan) + 0.1 * math.log1p(plan.quantity("rules"))


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "optuna:gp"])
def test_it_measures_and_recommends_them(space: Space, name: str) -> None:
    sampler = sampler_named(name)
    if name == "cost_aware":
        sampler = CostAware(effort=_EFFORT)
    search = Search(space, sampler, 3 * BUDGET, seed=1)
    for _ in range(14):
        proposal = search.ask()
        if proposal is None:
            break
        search.tell(proposal.number, _score(proposal.plan))
    if name == "cost_aware":
        assert search.recommend().quantity("rules") == 20
    written = [o.plan for o in search.observations if o.plan.quantity("rules")]
    assert written or name != "cost_aware"
    again = Search(space, sampler, 3 * BUDGET, seed=1)
    again.restore(through_json(search.to_json()))
    assert again.state == search.state


def test_its_cells_and_what_is_shared(space: Space) -> None:
    plans = [plan for plan in space.plans() if plan.quantity("rules")]
    assert {space.strategy_of(plan) for plan in plans} == {"write_rules"}
    assert len({cell_of(plan, space).name for plan in plans}) == len(plans) == 5
    search = Search(space, CostAware(effort=_EFFORT), 3 * BUDGET)
    few, many = sorted(plans, key=lambda plan: plan.quantity("rules"))[-2:]
    search.tell(search.propose(few, "by hand").number, None)
    assert search.state.purchases.marginal(many)["rules"] == 10, "what failed has bought rules"


class Crowd(Rules):
    """Gold rows of another kind, which are not the next ones of the seed's order."""

    name = "crowd"
    column = "quantity_crowd"
    brings = "gold"


def test_other_gold_rows_are_not_taken_for_bought_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ITEMS, "_entries", {"crowd": Crowd(), **ITEMS._entries})
    asked = question()
    bought, by_crowd = (
        asked.plan({"teacher": "large"}, teacher=10, **{item: 50}) for item in ("labels", "crowd")
    )
    assert gold_rows(bought) == gold_rows(by_crowd)
    assert teacher_of(bought) != teacher_of(by_crowd)
    assert where_owned(by_crowd, by_crowd.n) == by_crowd
    assert data_of(by_crowd)["crowd"] == 50 and data_of(by_crowd)["labels"] == by_crowd.n
