"""Trials with Tune in a result dir that others can write: nothing of theirs is run, and one process at a time works there."""

import errno
import fcntl
import json
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.search import BasicVariantGenerator

from raydoa.errors import UserError
from raydoa.experiment.cell import Cell
from raydoa.on_ray.error_causes import failure_of_cells
from raydoa.on_ray.run_trials import alone_in, run_trials

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("two_cpus")]


class Harmful:
    """Runs code where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._mark,)


class Plants(tune.Callback):
    """Puts pickles wherever Tune keeps some, at the last moment before it might read them."""

    def __init__(self, result_dir: Path, mark: Path) -> None:
        self._result_dir = result_dir
        self._pickled = pickle.dumps(Harmful(mark))

    def plant(self) -> None:
        encoded = {"_type": "CLOUDPICKLE_FALLBACK", "value": self._pickled.hex()}
        for path in self._result_dir.iterdir():
            if path.is_dir():
                (path / "error.pkl").write_bytes(self._pickled)
        for name in ("tuner.pkl", "trainable.pkl", "searcher-state-2999-01-01_00-00-00.pkl"):
            (self._result_dir / name).write_bytes(self._pickled)
        for name in ("experiment_state", "basic-variant-state", "search_gen_state"):
            path = self._result_dir / f"{name}-2999-01-01_00-00-00.json"
            path.write_text(json.dumps({"trial_data": [encoded], "runner_data": encoded}))

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        self.plant()


def _point(name: str) -> dict[str, Any]:
    cell = Cell("tiny", name, 1.0, 16, None, None, "small", 0)
    return {"trial": {"id": "0" * 12, "cells": json.dumps([asdict(cell)])}}


def _trainable(config: dict[str, Any]) -> None:
    if "mistake" in config["trial"]["cells"]:
        raise UserError("a mistake of the user's")
    tune.report({"schema": 4})


def test_nothing_in_a_result_dir_is_unpickled(tmp_path: Path) -> None:
    result_dir, mark = tmp_path / "results", tmp_path / "mark"
    (result_dir / "earlier-000000000000-1").mkdir(parents=True)
    plants = Plants(result_dir, mark)
    plants.plant()
    points = [_point("well"), _point("mistake")]
    for _ in range(2):  # It goes on in what the first has left.
        searcher = BasicVariantGenerator(points, 2)
        done, failed = run_trials(_trainable, result_dir, searcher, 2, [plants], ["id", "cells"])
        assert done == 1
        failure = failure_of_cells(failed, "one failed")
        assert isinstance(failure, UserError)
        assert str(failure) == "one failed: a mistake of the user's"
    assert not mark.exists()
    assert len(list(result_dir.glob("*/error.pkl"))) == 5, "each was there to be read"


def test_a_run_that_ends_before_its_first_trial_unpickles_nothing(tmp_path: Path) -> None:
    result_dir, mark = tmp_path / "results", tmp_path / "mark"
    result_dir.mkdir()

    class Finished(tune.search.Searcher):
        def suggest(self, trial_id: str) -> str:
            return str(self.FINISHED)

        def save(self, checkpoint_path: str) -> None:
            Path(checkpoint_path).touch()

    plants = Plants(result_dir, mark)
    assert run_trials(_trainable, result_dir, Finished(), -1, [plants]) == (0, [])
    assert not mark.exists() and (result_dir / "tuner.pkl").exists()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    results, cache = tmp_path / "results", tmp_path / "cache"
    with alone_in(results, cache):
        expected = "results: another process is running this; wait for it or stop it"
        with pytest.raises(UserError, match=expected), alone_in(results, cache):
            pass
    with alone_in(results, cache):
        assert list(results.iterdir()) == [results / "running.lock"]


def test_one_process_at_a_time_where_a_file_system_has_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, cache, flock = tmp_path / "results", tmp_path / "cache", fcntl.flock

    def refuse(descriptor: int, how: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().is_relative_to(results):
            raise OSError(errno.ENOSYS, "Function not implemented")
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        alone_in(results, cache),
        pytest.raises(UserError, match="another process is running this"),
        alone_in(results, cache),
    ):
        pass
