"""The public API on a real cluster: a sweep is run, read back, and run again for nothing."""

from pathlib import Path

import raydoa
from tests.ray.rows import records
from tests.ray.tiny import Tiny


def test_a_sweep_is_run_and_loaded(tiny: Tiny, tmp_path: Path, standing_cluster: None) -> None:
    sweep, runtime = tiny.sweep(strategies=("annotate",)), tiny.runtime(tmp_path)
    result_dir = raydoa.run(sweep, runtime, budgets=[1, 2])
    cells = raydoa.load(result_dir)
    assert cells["budget"].tolist() == [1.0, 2.0] and cells["score"].notna().all()
    assert cells["labels"].tolist() == [1, 3]
    before = records(runtime)
    assert raydoa.run(sweep, runtime, budgets=[1, 2]) == result_dir
    assert records(runtime) == before
