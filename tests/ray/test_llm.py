"""A sweep on Ray that asks an LLM behind a real HTTP endpoint: killed, run again, paid once, and the key is in no file.

The cluster stands already, so that only the driver has the key in its environment.
"""

import asyncio
import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import ray
from aiohttp import web

from raydoa.account.account import Account
from raydoa.account.state import State
from raydoa.experiment.config import Grid
from raydoa.experiment.forecast import forecast
from raydoa.experiment.presets import preset
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.labels.shards import OUTCOMES_FILE
from raydoa.llm.in_use import Doors
from raydoa.llm.journal import Journal
from raydoa.llm.spec import LlmSpec, TokenPrice
from raydoa.llm.tokens import Usage
from raydoa.on_ray.cluster import cluster
from raydoa.on_ray.llm_doors import ClusterDoors, with_doors
from raydoa.report.results import load
from raydoa.store.store import Store
from tests.llm.server import Endpoint, other, serving, status
from tests.ray.rows import numbers, without_ray
from tests.ray.tiny import Tiny
from tests.ray.watching import until, workers

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("standing_cluster")]

_VARIABLE = "TESTED_LLM_KEY"
_ACTOR = "ray::MapWorker(MapBatches(_PoolActor))"
_PRICE = {
    "input_usd": 0.15, "cached_input_usd": 0.075, "output_usd": 0.6, "source": "a test", "date": "2026-11-30",
}  # fmt: skip
_U, _SHARD = 40, 10
_PILOT = 16 - 4
"""Rows: those that are owned and no shots."""
_AXES: dict[str, tuple[Any, ...]] = {
    "strategies": ("annotate", "llm_annotate"), "budgets": (5.0,), "n": (16,), "u": (_U,), "shots": (4,), "seeds": (0,),
    "teachers": ("large",),
}  # fmt: skip
_FIELDS: dict[str, Any] = {
    "student": "small",
    "test_rows": 16,
    "shard_rows": _SHARD,
    "worse_than_chance": True,
}


@dataclass
class Held(Endpoint):
    """An endpoint that can hold calls: the client waits, and there is neither an answer nor a bill."""

    free: threading.Event = field(default_factory=threading.Event)
    holding: int = 0

    async def hold(
        self, endpoint: Endpoint, request: web.Request, body: dict[str, Any]
    ) -> web.StreamResponse:
        """A fault: until `free` is set, or the client is gone."""
        self.holding += 1
        try:
            while not self.free.is_set():
                await asyncio.sleep(0.02)
        finally:
            self.holding -= 1
        return await other()(endpoint, request, body)


def says(content: str) -> str:
    return json.dumps({"label": ("NO", "YES")["acid" in content.rpartition("<row")[2]]})


@pytest.fixture
def key() -> str:
    return f"sk-{secrets.token_urlsafe(24)}"


@pytest.fixture
def endpoint(key: str) -> Iterator[Held]:
    held = Held(answer=says, key=key)
    with serving(held):
        yield held
        held.free.set()


def _llm_yaml(folder: Path, base_url: str, **limits: object) -> Path:
    path = folder / "llm.yaml"
    spec = {
        "name": "tester", "model": "m", "base_url": base_url, "api_key_variable": _VARIABLE, "price": _PRICE,
        "limits": limits,
    }  # fmt: skip
    path.write_text(json.dumps(spec), encoding="utf-8")
    return path


def _start(tiny: Tiny, folder: Path, llm: Path, key: str) -> subprocess.Popen[str]:
    """The command, which alone has the key."""
    places = tiny.runtime(folder)
    flags = {"task": (tiny.task_yaml,), **_AXES, "llms": (llm,), "store": (places.store,), "results": (places.results,),
             **{name: () if value is True else (value,) for name, value in _FIELDS.items()}, "label-actors": (1, 1), "limit": (1,)}  # fmt: skip
    words = [w for name, values in flags.items() for w in (f"--{name.replace('_', '-')}", *values)]
    for name in ("small", "large"):
        words += ["--model", f"{name}={tiny.model(name)}"]
    return subprocess.Popen(
        [sys.executable, "sweeps/main_grid.py", "--config", "nano", *map(str, words)],
        env=os.environ | {_VARIABLE: key},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _resolved(tiny: Tiny, folder: Path, llm: Path) -> Resolved:
    """What the command line says."""
    grid = Grid.model_validate({**_AXES, "tasks": (str(tiny.task_yaml),), "llms": (str(llm),)})
    sweep = preset("nano").sweep.model_copy(update={**_FIELDS, "grid": grid})
    return resolve(sweep, tiny.runtime(folder))


def test_killed_and_paid_once(
    tiny: Tiny, tmp_path: Path, endpoint: Held, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver dies, and with it its labelling actor, in the second shard; errors echo the key."""
    llm, faults = _llm_yaml(tmp_path, endpoint.base_url), endpoint.faults["*"]
    echo = f"it failed for {key}, Authorization: Bearer {key}"
    faults += [
        *[other()] * _PILOT,
        status(500, echo),
        status(400, echo),
        *[other()] * (_SHARD - 1 + 5),
    ]
    faults += [endpoint.hold] * 5
    first = _start(tiny, tmp_path, llm, key)
    until("calls", lambda: endpoint.holding == 5 or first.poll() is not None)
    assert first.poll() is None, first.communicate()
    os.killpg(first.pid, signal.SIGKILL)
    said = [*first.communicate()]
    until("the end of its actors", lambda: not workers(_ACTOR))
    until("the end of its calls", lambda: not endpoint.holding)
    second = _start(tiny, tmp_path, llm, key)
    said += [*second.communicate()]
    assert second.returncode == 0, said[-1]

    rows = _PILOT + _U
    assert len(endpoint.received) == rows
    twice = sorted(endpoint.received.values(), reverse=True)[: 1 + 5]
    assert set(twice) == {2} and endpoint.received.total() == rows + len(twice), (
        "in flight, and the 500"
    )
    assert len(endpoint.completed) == endpoint.completed.total() == rows - 1
    refused = (endpoint.received.keys() - endpoint.completed.keys()).pop()
    places = [tmp_path, Path(os.environ["RAY_TMPDIR"])]
    _check_is_nowhere(key, places, said)

    store = Store(tiny.runtime(tmp_path).store)
    state = Account(store, "default").state()
    _check_books(state, store, endpoint, lost=5)
    monkeypatch.setenv(_VARIABLE, key)
    endpoint.faults[refused].append(status(400, echo))
    rows_of_both = load(Path(said[-2].splitlines()[-1]))
    _check_rows(rows_of_both, _resolved(tiny, tmp_path / "alone", llm), state.spent)


def _check_is_nowhere(key: str, places: list[Path], said: list[str]) -> None:
    """Neither whole, nor most of it, nor encoded, in any file or line."""
    encoded = base64.b64encode(key.encode()).decode()
    marks = [mark.encode() for mark in (key[3:15], key[-12:], encoded[4:20])]
    texts = {
        path: path.read_bytes() for place in places for path in place.rglob("*") if path.is_file()
    }
    for path in [path for path in texts if path.name == OUTCOMES_FILE]:
        texts[path] = repr(pq.read_table(path).to_pylist()).encode()  # It is compressed.
    texts |= {Path(f"said {place}"): text.encode() for place, text in enumerate(said)}
    assert any(b"[redacted]" in text for text in texts.values()), "where an error was kept"
    assert any("session" in str(path) for path in texts)
    assert [path for path, text in texts.items() if any(mark in text for mark in marks)] == []


def _check_books(state: State, store: Store, endpoint: Endpoint, lost: int) -> None:
    """What the account holds for spent is what the endpoint billed, and calls that were lost at their highest."""
    rates = TokenPrice.model_validate(_PRICE).rates
    bodies = {body["messages"][-1]["content"]: body for body in endpoint.bodies}
    usages = [endpoint.completion(bodies[content])["usage"] for content in endpoint.completed]
    cached = [usage["prompt_tokens_details"]["cached_tokens"] for usage in usages]
    bills = [
        rates.micro_usd(Usage(u["prompt_tokens"] - c, c, u["completion_tokens"]))
        for u, c in zip(usages, cached, strict=True)
    ]
    [folder] = Path(store.url).glob("answers/*/*")
    journal = Journal(store, str(folder.relative_to(store.url)))
    owed = [one.micro_usd for one in journal.unanswered()]
    assert len(owed) == lost
    assert not state.open and state.spent == sum(bills) + sum(owed)
    assert sum(answer.micro_usd for answer in journal.answers().values()) == sum(bills)


def _check_rows(rows: Any, alone: Resolved, spent: int) -> None:
    """They are those of one process in which nobody was killed."""
    expected = forecast(alone.study, alone.study.cells())
    Account(alone.context.store, "default").first_limit(10**6)
    wanted = without_ray(alone, expected)
    assert len(rows) == len(wanted) == 2
    for row in rows.to_dict("records"):
        assert numbers(row) == pytest.approx(numbers(wanted[row["cell"]]), rel=1e-6)
        assert row["key_evaluation"] == wanted[row["cell"]]["key_evaluation"]
    [asked] = rows[rows["strategy"] == "llm_annotate"].to_dict("records")
    assert asked["llm_labels"] == _U and asked["llm_refused"] == 1 / _U
    # With the pilot; what was spent by the processes that died is in the account alone.
    incurred = asked["cost_incurred"] - (asked["cost_total"] - asked["cost_llm_labels"])
    assert 0 < incurred * 10**6 < spent


def test_processes_of_a_run_share_a_limiter_a_key_and_a_count(
    tiny: Tiny, tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(_VARIABLE, key)
    llm = _llm_yaml(tmp_path, "http://127.0.0.1:9/v1", requests_per_minute=1)
    resolved = _resolved(tiny, tmp_path, llm)
    spec = resolved.context.llms["tester"].spec
    with cluster("tests"):
        doors = with_doors(resolved).context.doors
        assert isinstance(doors, ClusterDoors)
        process, there = ray.get(ray.remote(_ask).remote(doors, spec))
        assert process != os.getpid() and there == key
        assert not asyncio.run(_may_start(doors, spec)), "a call a minute, and it has gone"
        assert doors.asked()["tester"].wanted == 1


def _ask(doors: Doors, spec: LlmSpec) -> tuple[int, str | None]:
    """In a process that has no key: which one, and the key that it is given."""
    assert _VARIABLE not in os.environ
    doors.count(spec, wanted=1)
    assert asyncio.run(_may_start(doors, spec))
    return os.getpid(), doors.key(spec)


async def _may_start(doors: Doors, spec: LlmSpec) -> bool:
    """Whether a call may, within a moment."""
    try:
        async with asyncio.timeout(1):
            await doors.gate(spec).enter(1)
    except TimeoutError:
        return False
    return True


def test_one_process_of_a_cluster_asks_about_a_block_at_a_time(tmp_path: Path) -> None:
    """Also where no file system is shared; what a process held is free when it is gone."""
    holds, notes = tmp_path / "holds", tmp_path / "notes"
    with cluster("tests"):
        hold = ray.remote(max_retries=0)(_hold)
        first = hold.remote(holds, notes)
        until("its lock", holds.exists)
        second = hold.options(name="waits").remote(holds, notes)
        ready, _ = ray.wait([second], timeout=3)
        with ClusterDoors({}).trying("a block") as free:
            assert not free
        with ClusterDoors({}).trying("another") as free:
            assert free
        assert not ready and len(notes.read_text().splitlines()) == 1
        os.kill(int(notes.read_text()), signal.SIGKILL)
        with pytest.raises(ray.exceptions.WorkerCrashedError):
            ray.get(first)
        ray.get(second)
        assert len(notes.read_text().splitlines()) == 2


def _hold(holds: Path, notes: Path) -> None:
    """The first holds for as long as it lives, the next for a moment."""
    with ClusterDoors({}).holding("a block"):
        with notes.open("a") as file:
            file.write(f"{os.getpid()}\n")
        if not holds.exists():
            holds.touch()
            threading.Event().wait()
