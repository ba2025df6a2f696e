"""A sweep of a task whose labels people are to write: what exists is measured, and what awaits labels is no trial."""

import json
from pathlib import Path

import pytest
import yaml

from raydoa.api.configure import Chosen
from raydoa.api.sweep import PricedSweep, priced
from raydoa.experiment.config import RuntimeConfig, Sweep
from raydoa.experiment.configuration import Configuration
from raydoa.experiment.result_row import DRIVER_FILE
from raydoa.report.results import load
from tests.ray.rows import records
from tests.ray.tiny import Tiny

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("standing_cluster")]


@pytest.fixture(scope="module")
def task(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny task, all of whose 60 labelled rows are owned, and 400 without labels."""
    folder = tmp_path_factory.mktemp("people")
    pool = (tiny.folder / "pool.jsonl").read_text(encoding="utf-8").splitlines()
    sources = [json.dumps({"source": json.loads(line)["source"]}) + "\n" for line in pool]
    (folder / "pool.jsonl").write_text("".join(sources), encoding="utf-8")
    places = {part: str(tiny.folder / f"{part}.jsonl") for part in ("train", "test")}
    task = {**yaml.safe_load(tiny.task_yaml.read_text("utf-8")), **places, "labels": "people"}
    (folder / "people.yaml").write_text(yaml.safe_dump(task), encoding="utf-8")
    return folder / "people.yaml"


def planned(sweep: Sweep, runtime: RuntimeConfig) -> PricedSweep:
    configuration = Configuration(sweep=sweep, runtime=runtime)
    return priced(Chosen(configuration, frozenset({"budgets"}), frozenset()), to_run=True)


def test_what_exists_is_measured_and_the_rest_awaits_labels(
    tiny: Tiny, task: Path, tmp_path: Path
) -> None:
    """$0.10 buy no label at $0.50, and $5 buy nine; a second run changes nothing."""
    axes = {"tasks": (str(task),), "strategies": ("annotate",), "budgets": (0.1, 5.0)}
    sweep, runtime = tiny.sweep(**axes), tiny.runtime(tmp_path)
    result_dir = planned(sweep, runtime).run()
    rows = load(result_dir).set_index("budget")
    assert set(rows["n"]) == {60} and rows["feasible"].all()
    measured, awaiting = rows.loc[0.1], rows.loc[5.0]
    assert awaiting["status"] == "awaiting_labels" and awaiting["labels"] >= 9
    assert awaiting["infeasible_reason"] == f"{awaiting['labels']} labels must be bought first"
    assert measured["status"] == "measured" and measured["score"] >= 0
    assert measured["labels"] == 0 and awaiting["cost_total"] >= 4.5
    [line] = (result_dir / DRIVER_FILE).read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["plan"] == awaiting["plan"]
    assert not list(result_dir.glob(f"*{awaiting['plan']}*")), "no trial was begun"
    before, files = records(runtime), sorted(result_dir.glob("**/result.json"))
    assert planned(sweep, runtime).run() == result_dir
    assert load(result_dir).set_index("budget").equals(rows)
    assert records(runtime) == before and sorted(result_dir.glob("**/result.json")) == files


def test_a_sweep_of_nothing_else_ends_well(tiny: Tiny, task: Path, tmp_path: Path) -> None:
    """Without a trial, so without Ray."""
    sweep = tiny.sweep(tasks=(str(task),), strategies=("annotate",))
    rows = load(planned(sweep, tiny.runtime(tmp_path)).run())
    assert rows["status"].tolist() == ["awaiting_labels"]
