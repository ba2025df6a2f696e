"""First answers first: the table and the page of the seeds that are done, while the sweep goes on."""

import re
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest
from ray.tune import Experiment
from ray.tune.registry import register_trainable

from raydoa.experiment.config import RuntimeConfig, Sweep
from raydoa.experiment.forecast import Forecast, forecast
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.experiment.schedule import SeedTurns, schedule
from raydoa.on_ray.plan_trial import trial_config, trial_plan
from raydoa.on_ray.seed_searcher import SeedSearcher
from raydoa.on_ray.seed_tables import SeedTables
from raydoa.on_ray.sweep import run_sweep
from raydoa.report import answers
from raydoa.report.results import load
from tests.ray.tiny import Tiny

pytestmark = pytest.mark.timeout(600)

_DONE = re.compile(
    r"seed (\d) is done \((\d) of (\d)\): all (\d) plans are measured; table so far:"
)


def _planned(sweep: Sweep, runtime: RuntimeConfig) -> tuple[Resolved, Forecast]:
    resolved = resolve(sweep, runtime)
    return resolved, forecast(resolved.study, resolved.study.cells())


@pytest.mark.usefixtures("standing_cluster")
def test_the_first_seeds_table_comes_before_the_second_is_done(
    tiny: Tiny,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once, of that seed alone, and before the other one's last trial has ended."""
    pages = []
    write = answers.write_sweep_page

    def noted(*args: object) -> Path:
        pages.append(write(*args).read_text(encoding="utf-8"))
        return write(*args)

    monkeypatch.setattr(answers, "write_sweep_page", noted)
    sweep = tiny.sweep(seeds=(1, 0), u=(10,))
    runtime = tiny.runtime(tmp_path, concurrent_trials=1)
    resolved, expected = _planned(sweep, runtime)
    result_dir = run_sweep(resolved, runtime, expected)
    rows = load(result_dir)
    said = capsys.readouterr().err
    [done] = _DONE.finditer(said)
    assert done.groups() == ("1", "1", "2", "2")
    before, after = said[: done.start()], said[done.end() :]
    assert "seed 1 (1 of 2); running" in before
    assert "4/4 trials" not in before and "4/4 trials; seed 0 (2 of 2); " in after
    of_seed = rows[rows["seed"] == 1]
    assert f"standalone ${of_seed['cost_total'].sum():,.2f}, incurred" in after
    assert "one seed: no intervals over seeds" in after
    assert str(result_dir / "report.html") in after.splitlines()
    first, last = pages
    assert "these are seeds 1, 1 of 2" in first and "(one seed)" in first
    assert "the sweep goes on" not in last and "seed0" not in first and "seed0" in last
    assert (result_dir / "report.html").read_text(encoding="utf-8") == last
    begun = [path.name for path in sorted(result_dir.glob("*-seed*-*"), key=_number)]
    assert ["seed1" in name for name in begun] == [True, True, False, False]
    assert not caplog.records


def _number(folder: Path) -> str:
    return folder.name.rpartition("_")[2]


def _trials(tiny: Tiny, folder: Path) -> tuple[Resolved, Forecast, list[SimpleNamespace]]:
    """Trials of three seeds in their order, two a seed, as Tune has them when they have ended."""
    resolved, expected = _planned(tiny.sweep(seeds=(0, 1, 2), u=(10,)), tiny.runtime(folder))
    trials = [
        SimpleNamespace(
            config=trial_config(plan, expected.trials[plan].cells, {}, resolved.study),
            last_result={"schema": 1},
            local_experiment_path=str(folder / "tune"),
        )
        for plan in schedule(expected, RuntimeConfig()).plans
    ]
    return resolved, expected, trials


def _tables(
    resolved: Resolved, expected: Forecast, folder: Path, finished: Iterable[SimpleNamespace] = ()
) -> SeedTables:
    done = [trial_plan(trial.config) for trial in finished]
    order = schedule(expected, RuntimeConfig())
    return SeedTables(order, done, resolved.study, folder / "results")


def test_a_table_that_cannot_be_had_is_a_warning(
    tiny: Tiny, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Here there are no rows. A plan that failed is counted, one that was stopped is not done, and the last seed is the end."""
    resolved, expected, trials = _trials(tiny, tmp_path)
    tables = _tables(resolved, expected, tmp_path)
    tables.on_trial_error(0, [], trials[0])
    trials[1].last_result = {}
    tables.on_trial_complete(0, [], trials[1])
    tables.on_experiment_end([])
    assert not caplog.records
    trials[1].last_result = {"schema": 1}
    for trial in trials[1:]:
        tables.on_trial_complete(0, [], trial)
    tables.on_experiment_end([])
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith(
        "seed 0 is done (1 of 3): 1 of 2 plans are measured, 1 failed; table so far: no table of it, "
    )
    assert second.startswith("seed 1 is done (2 of 3): all 2 plans are measured; ")
    assert "no finished cells" in first and "the sweep goes on" in first


def test_a_seed_that_an_earlier_run_has_finished_is_not_said_again(
    tiny: Tiny, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    resolved, expected, trials = _trials(tiny, tmp_path)
    tables = _tables(resolved, expected, tmp_path, trials[:3])
    for trial in trials[3:]:
        tables.on_trial_complete(0, [], trial)
    tables.on_experiment_end([])
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith("seed 1 is done (2 of 3): all 2 plans are measured; ")


def test_the_searcher_gives_trials_in_order_and_seeds_their_turns(
    tiny: Tiny, tmp_path: Path
) -> None:
    """However a trial of the first seed ends, the next one's begin when it has."""
    _, _, trials = _trials(tiny, tmp_path)
    points = [trial.config for trial in trials[:4]]
    searcher = SeedSearcher(points, 10, SeedTurns(1))
    register_trainable("nothing", lambda config: None)
    spec = {
        "run": "nothing",
        "config": {"trial": dict.fromkeys(points[0]["trial"])},
        "num_samples": 4,
    }
    searcher.add_configurations([Experiment("given", **spec)])
    given = [searcher.next_trial() for _ in range(2)]
    assert searcher.next_trial() is None and not searcher.is_finished()
    searcher.on_trial_complete(given[0].trial_id, error=True)
    searcher.on_trial_complete(given[0].trial_id)
    assert searcher.next_trial() is None
    searcher.on_trial_complete(given[1].trial_id)
    given += [searcher.next_trial() for _ in range(2)]
    assert [trial.config for trial in given] == points
    assert searcher.next_trial() is None and searcher.is_finished()
