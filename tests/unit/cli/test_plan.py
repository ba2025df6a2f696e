"""`raydoa plan`: quick, light, and a line for every mistake."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.conftest import Measured
from tests.unit.world import World

Refused = Callable[..., str]

PLAN = ("plan", "--n", 100, "--budget", 5)
HEAVY = {"ray", "deepspeed", "torch", "transformers", "pandas", "matplotlib", "pyarrow", "datasets"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("plan",), "--budget: missing; a plan is for one budget, in dollars"),
        (("plan", "--budget", "5", "6"), "--budget: found 5, 6; a plan is for one, run one for each"),
        (("plan", "--budget", "5", "--n", "100", "400"), "--n: found 100, 400; a plan is for one, run one for each"),
        (("plan", "--budget", "five"), "--budgets: found 'five'; expected a number"),
        (("plan", "--budget", "nan"), "budgets.0: found nan; input should be a finite number"),
        (("plan", "--budget", "-5"), "a budget is in dollars and cannot be negative"),
        (("plan", "--budget", "0"), "budget: found $0.00; the cheapest plan (annotate without labels) costs $0.0036"),
        (("plan", "--budget", "0.001"), "the cheapest plan (annotate without labels) costs $0.0036"),
        (("plan", "--config", "paper", "--budget", "5"), "--task: missing; the tasks are wlp, stanceosaurus"),
        ((*PLAN, "--task", "wpl"), "task 'wpl': not one of"),
        ((*PLAN, "--teachers", "nano-x"), "its size is not known, so it cannot be priced either (did you mean"),
        ((*PLAN, "--student", "nano-x"), "its size is not known, so it cannot be priced either (did you mean"),
        ((*PLAN, "--prices", "2026"), "price book: found '2026', which is neither a file nor a shipped book"),
        ((*PLAN, "--task", "wlp", "--prices", "embedded", "--cluster", "9xa100"), "--cluster: found '9xa100'"),
        ((*PLAN, "--prices", "2026-11-09"), "label price of task 'lexicon': not in price book '2026-11-09'"),
        (("plan", "--budget", "5", "--n", "100000"), "n: found 100,000; task lexicon has"),
        (("plan", "--budget", "5", "--n", "0"), "n: found [0]; counts start at 1"),
        ((*PLAN, "--strategies", "distill"), "--strategies: a plan looks at all of them; leave it out"),
        ((*PLAN, "--label-shares", "0.5"), "--label-shares: a plan looks at all of them; leave it out"),
        ((*PLAN, "--what-if", "labels=0.1"), "--what-if: found 'labels'; prices of this plan are label, gpu_hour"),
        ((*PLAN, "--what-if", "label=free"), "--what-if: found 'label=free'; expected NAME=NUMBER"),
        ((*PLAN, "--from", "gone"), "gone: no cells.csv; expected the result dir of a sweep or search that has ended"),
    ],
)  # fmt: skip
def test_mistakes(refused: Refused, arguments: tuple[str, ...], message: str) -> None:
    assert message in refused(*arguments)


def test_a_plan_without_data_or_hub(run: Run) -> None:
    ran = run("plan", "--config", "paper", "--task", "wlp", "--n", 500, "--budget", 300)
    assert ran.code == 0 and ran.err == ""
    assert ran.out.startswith("Nothing of wlp has been measured")
    assert "t5-v1_1-xxl" in ran.out and "a pool of 100,000 rows is assumed (--u)" in ran.out
    assert "on 8 x a100-40gb" in ran.out


def test_the_pool_is_as_large_as_it_is_said_to_be(run: Run) -> None:
    ran = run(*PLAN, "--config", "paper", "--task", "wlp", "--u", 2000, "--json")
    assert max(row["pseudo_labels"] for row in json.loads(ran.out)["plans"]) == 2000


@pytest.mark.parametrize("more", [(), ("--seed", 3, "--set", "shard_rows=50")])
def test_each_command_that_it_names_measures_one_plan(run: Run, more: tuple[str, ...]) -> None:
    """As a dry run: one cell, which is affordable, for the dollars that were said."""
    answer = json.loads(run(*PLAN, *more, "--json").out)
    assert answer["scores_known"] is False and len(answer["measure_first"]) == 3
    for first in answer["measure_first"]:
        raydoa, *command = shlex.split(first["command"])
        assert first["settings"]["seeds"] == [3 if more else 0]
        assert raydoa == "raydoa" and command[0] == "sweep"
        ran = run(*command, "--dry-run")
        assert ran.code == 0 and "1 cells, 1 feasible; 1 different plans" in ran.out, ran
        standalone = re.search(r"standalone: \$([\d.]+)", ran.out)
        assert standalone is not None
        assert float(standalone[1]) == pytest.approx(first["cost_usd"], abs=0.0051)
    lines = run(*PLAN, *more).out
    assert all(first["command"] in lines for first in answer["measure_first"])


def test_what_ifs_by_name(run: Run) -> None:
    ran = run(
        *PLAN,
        "--json",
        "--what-if",
        "label=0.10",
        "gpu_hour=1.5",
        "--what-if",
        "gpu.h100-80gb=3.99",
    )
    names = [row["name"] for row in json.loads(ran.out)["at_prices"]]
    assert names == ["label", "gpu_hour", "gpu.h100-80gb"]


def test_from_a_sweep_that_was_measured(run: Run, measured: Measured, tmp_path: Path) -> None:
    import pandas as pd

    pd.DataFrame([dict(row) for row in measured.rows.values()]).to_csv(
        tmp_path / "cells.csv", index=False
    )
    ran = run(*_of_world(measured.world), "--from", tmp_path, "--json")
    answer = json.loads(ran.out)
    assert (
        "measurements of tiny from" in answer["sources"][0] and "Nothing" not in answer["sentence"]
    )


def test_a_task_of_ones_own(run: Run, world: World) -> None:
    ran = run(*_of_world(world))
    assert ran.code == 0 and "task tiny, N = 8 labels owned" in ran.out


def _of_world(world: World) -> tuple[object, ...]:
    return ("plan", "--task", world.task, "--n", 8, "--teachers", "nano-m", "--budget", 4)


@pytest.mark.parametrize("more", [("--config", "paper", "--task", "wlp"), ()])
def test_nothing_heavy_is_imported(more: tuple[str, ...]) -> None:
    """That is what makes it quick: Ray, torch and pandas take seconds."""
    code = (
        "import sys; from raydoa.cli import main; code = main(sys.argv[1:]);"
        "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr); sys.exit(code)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, *map(str, PLAN), *more],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not set(ran.stderr.split()) & HEAVY
    assert "measure before you buy" in ran.stdout


def test_what_to_measure_first_beside_an_llm(run: Run, tmp_path: Path) -> None:
    """The commands can be run as they stand: a dry run takes them."""
    llm = tmp_path / "llm.yaml"
    price = {"input_usd": 0.1, "output_usd": 0.4, "source": "a test", "date": "2026-11-30"}
    llm.write_text(json.dumps({"name": "small", "model": "m", "base_url": "http://127.0.0.1:9/v1", "price": price}))  # fmt: skip
    ran = run(*PLAN, "--llm", llm, "--shots", 2)
    assert ran.code == 0, ran.err
    commands = re.findall(r": raydoa (sweep .*)", ran.out)
    assert sum("--strategies llm_" in c or "--strategy llm_" in c for c in commands) >= 2
    for command in commands:
        assert ("--limit" in command) == ("llm_" in command)
        again = run(*shlex.split(command), "--dry-run")
        assert again.code == 0, (command, again.err)
