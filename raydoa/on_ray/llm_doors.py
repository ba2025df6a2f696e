"""Where all processes of a run go before they ask an LLM: an actor for each LLM, with its limiter, its key and its count.

A key goes from the driver's environment to the actor by a call, and from there to whoever asks: it is in no runtime
environment, no constructor and no configuration, which Ray keeps and its dashboard shows.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from raydoa.experiment.resolve import Resolved
from raydoa.llm.gate import EndpointGate
from raydoa.llm.limiter import Lease, Limiter, News
from raydoa.llm.spec import Limits, LlmSpec
from raydoa.on_ray.cluster import on_head

_NAMESPACE = "raydoa"
_POLL_SECONDS = 1.0


@dataclass
class Asked:
    """What has been asked of an LLM in a run: calls that are wanted, answers that came, and micro-dollars of those.

    A process has ``at_a_time`` calls under way at most.
    """

    at_a_time: int
    wanted: int = 0
    answered: int = 0
    micro_usd: int = 0


class _Keeper:
    """The actor of an LLM: one thing at a time, so what it counts is not torn."""

    def __init__(self, limits: Limits) -> None:
        self._limiter = Limiter(limits)
        self._key: str | None = None
        self._asked = Asked(limits.in_flight)

    async def lease(self, requests: int, tokens: int) -> Lease:
        return self._limiter.lease(requests, tokens)

    async def told(self, news: News) -> None:
        self._limiter.told(news)

    async def take_key(self, key: str) -> None:
        self._key = key

    async def key(self) -> str | None:
        return self._key

    async def count(self, wanted: int, answered: int, micro_usd: int) -> None:
        self._asked.wanted += wanted
        self._asked.answered += answered
        self._asked.micro_usd += micro_usd

    async def asked(self) -> Asked:
        return self._asked


class _FarLeases:
    """Leases of a limiter in an actor."""

    def __init__(self, keeper: Any) -> None:
        self._keeper = keeper

    async def lease(self, requests: int, tokens: int) -> Lease:
        lease: Lease = await self._keeper.lease.remote(requests, tokens)
        return lease

    async def told(self, news: News) -> None:
        await self._keeper.told.remote(news)


class _Lock:
    """An actor that is there: while it is, no other has its name."""


def _lock(name: str) -> Any:
    """An actor of that name, which Ray ends with the process that made it; None: there is one.

    It is on that process's node: another may be lost while the process lives.
    """
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options = {"name": f"asking {name}", "namespace": _NAMESPACE, "num_cpus": 0}
    try:
        return ray.remote(_Lock).options(scheduling_strategy=here, **options).remote()
    except ValueError:  # Its name is taken.
        return None


class ClusterDoors:
    """See `raydoa.llm.in_use.Doors`; travels to every process of a run."""

    def __init__(self, keepers: Mapping[str, Any]) -> None:
        self._keepers = keepers

    def gate(self, spec: LlmSpec) -> EndpointGate:
        return EndpointGate(_FarLeases(self._keepers[spec.name]), spec.limits.in_flight)

    def key(self, spec: LlmSpec) -> str | None:
        key: str | None = ray.get(self._keepers[spec.name].key.remote())
        return key

    @contextmanager
    def holding(self, name: str) -> Iterator[None]:
        """See `Doors.holding`."""
        while (lock := _lock(name)) is None:
            time.sleep(_POLL_SECONDS)
        try:
            yield
        finally:
            ray.kill(lock)

    @contextmanager
    def trying(self, name: str) -> Iterator[bool]:
        """See `Doors.trying`."""
        lock = _lock(name)
        try:
            yield lock is not None
        finally:
            if lock is not None:
                ray.kill(lock)

    def count(
        self, spec: LlmSpec, *, wanted: int = 0, answered: int = 0, micro_usd: int = 0
    ) -> None:
        self._keepers[spec.name].count.remote(wanted, answered, micro_usd)

    def asked(self) -> dict[str, Asked]:
        """What has been asked of each LLM so far."""
        counts = ray.get([keeper.asked.remote() for keeper in self._keepers.values()])
        return dict(zip(self._keepers, counts, strict=True))


def with_doors(resolved: Resolved) -> Resolved:
    """The same where LLMs are asked through actors, which live as long as this process."""
    llms = resolved.context.llms
    if not llms:
        return resolved
    keepers = {}
    for name, llm in llms.items():
        # On the head: it lacks the key after a restart, and other nodes come and go.
        keeper = on_head(_Keeper).remote(llm.spec.limits)
        variable = llm.spec.api_key_variable
        if variable is not None and (key := os.environ.get(variable)):
            ray.get(keeper.take_key.remote(key))
        keepers[name] = keeper
    return replace(resolved, context=replace(resolved.context, doors=ClusterDoors(keepers)))
