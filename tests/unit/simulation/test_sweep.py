"""Sweeps small enough to be scheduled by hand, and what holds for any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.experiment.config import RuntimeConfig
from raydoa.experiment.schedule import SeedTurns, schedule
from raydoa.simulation.dry_run import dry_run_lines
from raydoa.simulation.durations import Startup
from raydoa.simulation.sweep import simulate, simulate_sweep
from tests.unit.simulation.graphs import (
    NO_STARTUP,
    TEACHER,
    Takes,
    annotating,
    cluster,
    distilling,
    placer,
    run,
    tuned,
)
from tests.unit.world import World, forecast_of


def test_one_stage_takes_its_time() -> None:
    done = run([annotating()], cluster(4), Takes(fine_tune=10.0))
    assert done.makespan_seconds == done.bound.seconds(4) == 10.0
    assert done.efficiency == 1.0 and done.idle_gpu_seconds == 30.0


def test_a_chain_takes_the_sum_of_its_stages() -> None:
    """8 s of fine-tuning on two workers, 3 shards of 5 s for two actors, 7 s, and 1 s for each of two evaluations."""
    takes = Takes(fine_tune=8.0, pseudo_label=5.0, distill=7.0, evaluate=1.0)
    done = run([distilling(tuned(TEACHER), 3)], cluster(2, workers=2, actors=2), takes)
    assert done.makespan_seconds == 4.0 + 1.0 + 2 * 5.0 + 7.0 + 1.0
    assert done.bound.critical_path_seconds == 4.0 + 5.0 + 7.0 + 1.0
    assert done.bound.gpu_seconds == 8.0 + 3 * 5.0 + 7.0 + 2 * 1.0
    assert done.held == {
        "fine_tune": 8.0,
        "pseudo_label": 15.0,
        "distill": 7.0,
        "evaluate": 2.0,
        "starting": 0.0,
        "task_data": 0.0,
    }


def test_two_cells_share_a_teacher() -> None:
    """One waits for the other's teacher and shard, then both students train at once."""
    teacher = tuned(TEACHER)
    takes = Takes(fine_tune=10.0, pseudo_label=4.0, distill=6.0)
    chains = [distilling(teacher, 1, steps) for steps in (1, 2)]
    done = run([*chains], cluster(2), takes)
    assert done.makespan_seconds == 10.0 + 4.0 + 6.0
    assert done.held["fine_tune"] == 10.0 and done.held["pseudo_label"] == 4.0
    assert done.operations["published"] == 1 + 1 + 1 + 1 + 2 + 2  # rows, teacher, its score, ...


def test_a_group_waits_for_what_runs_and_not_for_what_comes() -> None:
    """Four students of 10 s for two GPUs, and a group of two: after the first two, or after all four."""
    takes = Takes(fine_tune=10.0)
    chains = [*(annotating(steps) for steps in (1, 2)), distilling(tuned(TEACHER), 1)]
    later = [annotating(steps) for steps in (3, 4)]
    trials = Startup(0.0, 0.0, 0.0, trial=1.0)  # One after the other, so the group comes third.
    groups_first = run([*chains, *later], cluster(2, workers=2), takes, trials)
    assert groups_first.makespan_seconds == 12.0 + 5.0 + 10.0
    as_ray_has_it = run(
        [*chains, *later], cluster(2, workers=2), takes, trials, gang_scheduling=False
    )
    assert as_ray_has_it.makespan_seconds == 22.0 + 5.0
    assert as_ray_has_it.held == groups_first.held


def test_one_trial_at_a_time_makes_one_thing_at_a_time() -> None:
    takes = Takes(fine_tune=10.0)
    chains = [annotating(steps) for steps in (1, 2, 3)]
    assert run([*chains], cluster(3, cells=1), takes).makespan_seconds == 30.0
    assert run([*chains], cluster(3, cells=3), takes).makespan_seconds == 10.0


def test_starting_holds_gpus_and_is_no_work() -> None:
    startup = Startup(worker_group=3.0, label_actor=2.0, task=1.0, trial=0.5)
    takes = Takes(fine_tune=4.0, pseudo_label=5.0, distill=7.0)
    done = run([distilling(tuned(TEACHER), 1)], cluster(2, workers=2), takes, startup)
    # Of tasks: the rows, two evaluations and the student.
    assert done.makespan_seconds == 0.5 + (3.0 + 2.0) + (2.0 + 5.0) + 7.0 + 4 * 1.0
    assert done.held["starting"] == 2 * 3.0 + 2.0 + 3 * 1.0, "reading rows holds no GPU"


def test_a_far_store_is_waited_for() -> None:
    """Looked for: the evaluation, the student, the rows; each again when it is claimed and when it is there."""
    done = run([annotating()], cluster(1), Takes(fine_tune=10.0), Startup(0.0, 0.0, 0.0, 0.0, 1.0))
    reads = done.operations["found"] + done.operations["not found"]
    assert done.makespan_seconds == 10.0 + reads and reads > 3


def test_a_group_larger_than_the_cluster_is_refused() -> None:
    with pytest.raises(ValueError, match="4 GPUs are asked for"):
        run([distilling(tuned(TEACHER), 1)], cluster(2, workers=4), Takes())


_SECONDS = st.floats(0.0, 1000.0)
_CELL = st.one_of(
    st.builds(annotating, st.integers(1, 4)),
    st.builds(
        lambda teacher, shards, steps: distilling(tuned(TEACHER, teacher), shards, steps),
        st.integers(1, 3),
        st.integers(1, 4),
        st.integers(1, 3),
    ),
)


@given(
    chains=st.lists(_CELL, max_size=8),
    takes=st.builds(Takes, _SECONDS, _SECONDS, _SECONDS, _SECONDS),
    gpus=st.integers(2, 6),
    actors=st.integers(1, 3),
    cells=st.integers(1, 8),
    gang_scheduling=st.booleans(),
    sharing=st.integers(1, 7),
)
def test_no_schedule_beats_the_bound(
    chains: list,
    takes: Takes,
    gpus: int,
    actors: int,
    cells: int,
    gang_scheduling: bool,
    sharing: int,
) -> None:
    running = cluster(gpus, workers=2, actors=actors, cells=cells)
    running = running.model_copy(update={"students_per_gpu": sharing})
    done = run(chains, running, takes, gang_scheduling=gang_scheduling)
    assert done.bound.seconds(gpus) <= done.makespan_seconds * (1 + 1e-9)
    assert sum(done.held.values()) == pytest.approx(done.bound.gpu_seconds)
    assert done.bound.gpu_seconds <= gpus * done.makespan_seconds * (1 + 1e-9)


def test_students_that_share_a_gpu_train_side_by_side() -> None:
    """Four students, three to a GPU: the fourth begins on the other one, and a group waits for a whole one."""
    takes = Takes(fine_tune=10.0, evaluate=3.0)
    sharing = cluster(2).model_copy(update={"students_per_gpu": 3})
    done = run([annotating(steps) for steps in (1, 2, 3, 4)], sharing, takes)
    assert done.makespan_seconds == 13.0
    assert done.held["fine_tune"] == pytest.approx(4 * 10.0 / 3)
    assert done.bound.gpu_seconds == pytest.approx(4 * 13.0 / 3)
    alone = run([distilling(tuned(TEACHER), 1)], sharing, Takes(fine_tune=10.0, pseudo_label=5.0))
    assert alone.held["fine_tune"] == 10.0 and alone.held["pseudo_label"] == 5.0


def test_a_real_sweep_makes_what_its_forecast_names(world: World) -> None:
    resolved = world.resolved(gpus_per_worker=1, gpus_per_label_actor=1, cluster_gpus=2)
    expected = forecast_of(resolved)
    running = world.runtime(gpus_per_worker=1, gpus_per_label_actor=1, cluster_gpus=2)
    done = simulate_sweep(resolved.study, running, expected)
    # The shipped nano weights are no part of this world, so every stage is made once.
    assert done.operations["published"] == len(expected.stages)
    assert done.bound.gpu_seconds > expected.gpu_seconds, (
        "evaluations are not priced, but take time"
    )


def test_the_longest_chain_begins_first(world: World) -> None:
    expected = forecast_of(world.resolved())
    order = expected.longest_first()
    assert sorted(order) == sorted(expected.trials)
    assert order[0].quantity("pseudo_labels") == 40 and order[0].choice("teacher") == "nano-m"
    assert all(plan.quantity("teacher") for plan in order[:2])


def test_the_next_seeds_teacher_waits_for_this_seeds_student() -> None:
    """One GPU, and room for both trials: without turns the teachers are made first."""
    takes = Takes(fine_tune=10.0, pseudo_label=4.0, distill=6.0)
    trials = [distilling(tuned(TEACHER, seed), 1) for seed in (1, 2)]

    def ended(turns: SeedTurns | None) -> tuple[float, ...]:
        return simulate(
            trials, placer(cluster(1)), takes.gpu_seconds, NO_STARTUP, seeds=(1, 2), turns=turns
        ).ended

    assert ended(SeedTurns(1)) == (20.0, 40.0)
    assert ended(None)[0] > 20.0


def test_a_sweep_on_one_gpu_has_its_first_seed_early(world: World) -> None:
    """All of the first before the second, in the same time as in any order; and the dry run says when."""
    resolved = world.resolved(world.sweep(seeds=(0, 1)), gpus_per_worker=1, cluster_gpus=1)
    expected = forecast_of(resolved)

    def running(gpus: int) -> RuntimeConfig:
        return world.runtime(gpus_per_worker=1, gpus_per_label_actor=1, cluster_gpus=gpus)

    order = schedule(expected, running(1))
    done = simulate_sweep(resolved.study, running(1), expected)
    ended = dict(zip(order.plans, done.ended, strict=True))
    first = max(end for plan, end in ended.items() if plan.seed == 0)
    assert all(end > first for plan, end in ended.items() if plan.seed == 1)
    assert done.makespan_seconds == max(done.ended) and first < 0.6 * done.makespan_seconds
    said = "\n".join(dry_run_lines(resolved.study, running(1), expected))
    assert f"the first seed's table after about {first / 3600:,.2f} h; GPUs work" in said
    many = "\n".join(dry_run_lines(resolved.study, running(9), expected))
    assert "simulated: about" in many and "the first seed's table" not in many
