"""Where the real rows are, on machines that have them; and what tests of batches share."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from raydoa.llm.client import Connection
from raydoa.store.local_storage import LocalStorage
from raydoa.store.remote_storage import RemoteStorage
from raydoa.store.store import Store
from tests.llm.asking import spec
from tests.llm.batch_desk import BatchDesk
from tests.llm.batching import Killed, Steps, World
from tests.llm.server import Endpoint, serving


@pytest.fixture
def repository() -> Path:
    return Path(__file__).parents[3]


@pytest.fixture
def desk() -> BatchDesk:
    return BatchDesk()


@pytest.fixture
def endpoint(desk: BatchDesk) -> Iterator[Endpoint]:
    with serving(Endpoint(desk=desk)) as serves:
        yield serves


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    steps = Steps()

    def counted(kind: type, name: str) -> None:
        does = getattr(kind, name)

        def step(*arguments: Any, **named: Any) -> Any:
            last = steps.kills()
            if last and not steps.done:
                raise Killed
            came = does(*arguments, **named)
            if last:
                raise Killed
            return came

        async def far_step(*arguments: Any, **named: Any) -> Any:
            last = steps.kills()
            if last and not steps.done:
                raise Killed
            came = await does(*arguments, **named)
            if last:
                raise Killed
            return came

        monkeypatch.setattr(kind, name, far_step if asyncio.iscoroutinefunction(does) else step)

    for kind in (LocalStorage, RemoteStorage):
        for name in ("create", "write", "remove"):
            counted(kind, name)
    counted(Connection, "_send")
    return steps


@pytest.fixture
def world(tmp_path: Path, endpoint: Endpoint) -> World:
    return World(Store(str(tmp_path / "store"), cache_dir=tmp_path / "cache"), spec(endpoint.base_url))  # fmt: skip
