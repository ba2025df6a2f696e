"""Cells that ask for the same plan are one trial; a plan's id is of what it is, and of no price."""

from dataclasses import replace

from raydoa.costs.plan import Plan, plan_from_json
from raydoa.experiment.grid import grid_cells
from tests.unit.world import World, forecast_of


def test_cells_with_one_plan_are_one_trial(world: World) -> None:
    strategies = ("annotate", "distill", "self_distill", "mixed")
    resolved = world.resolved(world.sweep(strategies=strategies, budgets=(1.0, 4.0, 8.0)))
    expected = forecast_of(resolved)
    asked = [cell for trial in expected.trials.values() for cell in trial.cells]
    assert {cell.strategy for cell in asked} == set(strategies)
    assert len(asked) == len(set(asked)) == len(expected.cells) - len(expected.infeasible)
    assert len(expected.trials) < len(asked)
    for plan, trial in expected.trials.items():
        assert all(resolved.study.plan(cell) == plan for cell in trial.cells)


def test_an_id_is_of_rows_models_and_recipes_and_not_of_prices(world: World) -> None:
    study = world.resolved().study
    cells = grid_cells(study.sweep.grid, study.sweep.student)
    plans = {plan for cell in cells if isinstance(plan := study.plan(cell), Plan)}
    ids = {study.plan_id(plan) for plan in plans}
    assert len(ids) == len(plans) and all(len(one) == 12 for one in ids)
    assert {plan_from_json(plan.to_json()) for plan in plans} == plans
    plan = min(plans)
    book = study.unit_costs.book.model_copy(update={"book_id": "another"})
    dearer = replace(study, unit_costs=replace(study.unit_costs, book=book))
    assert dearer.plan_id(plan) == study.plan_id(plan)
    recipe = study.sweep.student_recipe.model_copy(update={"learning_rate": 0.5})
    other = replace(study, sweep=study.sweep.model_copy(update={"student_recipe": recipe}))
    assert other.plan_id(plan) != study.plan_id(plan)
    assert study.plan_id(plan.repeated(1)) != study.plan_id(plan)
