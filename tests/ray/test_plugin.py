"""One file of somebody else's, installed beside raydoa, goes through everything with no other change.

It brings a strategy, a cost item, a model family and a label source, by an entry point: in the command's own process and
in every worker of Ray.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

from benchmarks.reporting.browser import ABSENT, browser, chromium
from tests.unit.world import write_task

pytestmark = pytest.mark.timeout(900)

_ROOT = Path(__file__).parents[2]
_MAIN = "from raydoa.cli import main; raise SystemExit(main())"


class Commands:
    """raydoa's commands where the plugin is installed, for one sweep."""

    def __init__(self, folder: Path, ray_folder: Path) -> None:
        self.folder = folder
        site = folder / "site"
        metadata = site / "raydoa_rules-0.1.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: raydoa-rules\nVersion: 0.1\n"
        )
        (metadata / "entry_points.txt").write_text(
            "[raydoa.plugins]\nrules = tests.plugins.example_plugin:register\n"
        )
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(site), str(_ROOT)]),
            "RAY_TMPDIR": str(ray_folder),
        }
        task = write_task(folder / "task", pool="pool.jsonl")
        self.sweep = folder / "sweep.yaml"
        training = {"learning_rate": 0.05, "batch_size": 8, "epochs": 4}
        self.sweep.write_text(
            yaml.safe_dump(
                {
                    "preset": "nano",
                    "sweep": {
                        "name": "rules",
                        "grid": {
                            "tasks": [str(task)],
                            "strategies": ["annotate", "rules"],
                            "budgets": [2.0],
                            "n": [8],
                            "u": [20],
                            "teachers": ["bag"],
                            "seeds": [0, 1],
                            "choices": {"rule_rows": [20, 40]},
                        },
                        "student": "bag",
                        "student_recipe": training,
                        "distill_recipe": training,
                        "shard_rows": 20,
                    },
                    "runtime": {
                        "store": str(folder / "store"),
                        "results": str(folder / "results"),
                    },
                }
            )
        )

    def run(self, *command: str) -> str:
        """The output of a command that ends well."""
        return self.run_script(_MAIN, *command)

    def run_script(self, script: str, *arguments: str) -> str:
        """The output of a script that ends well."""
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env=self._environment, cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory, _own_place: None) -> Commands:
    ray_folder = Path(os.environ["RAY_TMPDIR"]) / "p"
    ray_folder.mkdir(exist_ok=True)
    return Commands(tmp_path_factory.mktemp("plugin"), ray_folder)


@pytest.fixture(scope="module")
def result_dir(commands: Commands) -> Path:
    """A finished sweep on a Ray of its own."""
    out = commands.run("sweep", str(commands.sweep))
    assert "rules" in out
    return Path(out.splitlines()[-1])


def test_it_is_priced(commands: Commands) -> None:
    out = commands.run("sweep", str(commands.sweep), "--dry-run")
    assert "6 cells, 6 feasible" in out and "pseudo_label" in out


def test_it_is_measured(result_dir: Path) -> None:
    cells = pd.read_csv(result_dir / "cells.csv")
    rules = cells[cells["strategy"] == "rules"]
    assert sorted(rules["quantity_rule_labels"]) == [20, 20, 40, 40]
    assert (rules["cost_rule_labels"] == 0.01 * rules["quantity_rule_labels"]).all()
    assert (cells["student"] == "bag").all() and rules["score"].notna().all()
    assert rules["cost_total"].le(2.0).all() and rules["teacher"].isna().all()
    # 20 rows are among 40, of each seed.
    incurred = rules["cost_incurred"].sum() - rules["cost_student"].sum()
    assert incurred == pytest.approx(2 * 0.40)


def test_it_is_reported(commands: Commands, result_dir: Path) -> None:
    out = commands.run("report", str(result_dir), "--price", "rule_labels=0.02")
    [(rows, usd)] = set(re.findall(r"(20|40) rows by rules \$([0-9.]+)", out))
    assert float(usd) == pytest.approx(0.02 * int(rows), abs=0.01)


@pytest.fixture
def page(commands: Commands, result_dir: Path) -> Iterator[object]:
    path = chromium()
    if path is None:
        pytest.skip(ABSENT)
    commands.run("report", str(result_dir))
    with browser(path) as started:
        shown = started.new_page()
        shown.goto((result_dir / "report.html").as_uri())
        yield shown


def test_its_slider_moves_the_totals(page, result_dir: Path) -> None:
    cells = pd.read_csv(result_dir / "cells.csv")
    answer = page.locator("#answer").inner_text()
    page.fill("#rule_labels-usd-exact", "0.5")
    page.wait_for_function(
        "before => document.querySelector('#answer').innerText !== before", arg=answer
    )
    assert page.locator("#moved").inner_text().count("$0.50") == 1
    with page.expect_download() as download:
        page.click("#download")
    moved = pd.read_csv(download.value.path()).set_index("cell").loc[cells["cell"]].reset_index()
    rows = cells["quantity_rule_labels"]
    assert rows.max() == 40 and (moved["cost_rule_labels"] == 0.5 * rows).all()
    added = moved["cost_total"] - cells["cost_total"]
    assert added.to_numpy() == pytest.approx((0.49 * rows).to_numpy(), abs=1e-6)


def test_it_is_planned(commands: Commands, result_dir: Path) -> None:
    asked = ("plan", str(commands.sweep), "--budget", "2", "--seed", "0")
    answer = json.loads(commands.run(*asked, "--from", str(result_dir), "--json"))
    [rules] = [plan for plan in answer["plans"] if plan["strategy"] == "rules"]
    assert rules["cost_rule_labels"] == pytest.approx(0.01 * rules["quantity_rule_labels"])
    assert 0 <= rules["score_low"] <= rules["score"] <= rules["score_high"] <= 1


def test_it_is_searched(commands: Commands, result_dir: Path) -> None:
    """Until nothing is left that is worth the limit: its plans are proposed, measured on Ray, and booked."""
    limits = ("--n", "2", "--budget", "0.25", "--limit", "0.5", "--seed", "0")
    out = commands.run("search", str(commands.sweep), *limits, "--searcher", "random").splitlines()
    cells = pd.read_csv(Path(out[-1]) / "cells.csv")
    rules = cells[cells["strategy"] == "rules"]
    assert set(rules["quantity_rule_labels"]) == {20} and rules["score"].notna().all()
    assert {"annotate", "rules"} <= set(cells["strategy"]) and len(rules) > 1
    # The sweep has paid for the rows that rules have labelled: what is left to pay are the students.
    assert result_dir.is_dir() and rules["cost_incurred"].sum() < 0.001
