"""Chains that are shared between cells are the chains that each cell has alone."""

from raydoa.experiment.grid import grid_cells
from raydoa.experiment.trial import Chains, chain
from tests.unit.world import World


def test_a_shared_chain_is_the_cells_own(world: World) -> None:
    strategies = ("annotate", "distill", "self_distill", "mixed")
    study = world.resolved(world.sweep(strategies=strategies, budgets=(1.0, 4.0, 8.0))).study
    chains = Chains(study)
    plans = {c: study.plan(c) for c in grid_cells(study.sweep.grid, study.sweep.student)}
    feasible = {cell: plan for cell, plan in plans.items() if plan.feasible}
    shared = {cell: chains.of(cell, plan) for cell, plan in feasible.items()}
    assert shared == {cell: chain(cell, plan, study) for cell, plan in feasible.items()}
    assert {cell.strategy for cell in shared} == set(strategies)
    different = {made.student.key for made in shared.values()}
    assert len({id(made) for made in shared.values()}) < len(shared), "some are one object"
    assert len(different) < len(shared)
