"""A sweep of one distillation, for tests of what becomes of its artifacts."""

import pytest

from raydoa.costs.plan import Plan
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.pipeline.stages import Distill
from tests.unit.world import World, forecast_of


@pytest.fixture
def resolved(world: World) -> Resolved:
    return resolve(
        world.sweep(strategies=("distill",), n=(8,), u=(20,), budgets=(1.0,)), world.runtime()
    )


def distillation(resolved: Resolved) -> tuple[Plan, Distill]:
    [plan] = forecast_of(resolved).trials
    trained = resolved.study.graph(plan).student
    assert isinstance(trained, Distill)
    return plan, trained
