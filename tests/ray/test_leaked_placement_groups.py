"""Placement groups whose creators are gone are removed, and no others."""

import threading
import time

import pytest
import ray
from ray.util.placement_group import placement_group, remove_placement_group

from raydoa.on_ray.leaked_placement_groups import remove_leaked_placement_groups
from tests.ray.watching import groups, until

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("two_cpus")]


@ray.remote(num_cpus=0, max_concurrency=2)
class _Creator:
    """Asks for groups, one of them or without end."""

    def ask(self) -> str:
        return str(placement_group([{"CPU": 0.001}]).id.hex())

    def ask_on(self) -> None:
        threading.Thread(target=self._ask_on, daemon=True).start()

    def _ask_on(self) -> None:
        while True:
            placement_group([{"CPU": 0.001}])


def test_only_orphans_are_removed() -> None:
    lives, dies = _Creator.remote(), _Creator.remote()
    of_driver = placement_group([{"CPU": 0.001}])
    kept = {ray.get(lives.ask.remote()), of_driver.id.hex()}
    orphan = ray.get(dies.ask.remote())
    assert kept | {orphan} == set(groups())
    ray.kill(dies)

    def orphan_gone() -> bool:
        remove_leaked_placement_groups()
        return orphan not in groups()

    until("the end of the orphan", orphan_gone)
    assert set(groups()) == kept
    remove_placement_group(of_driver)
    ray.kill(lives)
    until("the end of the other", lambda: remove_leaked_placement_groups() or not groups())


def test_those_asked_for_in_the_last_moment_too() -> None:
    """Ray notes a death on the groups that the dying had asked for by then; some come after that."""
    for _ in range(10):
        creator = _Creator.remote()
        ray.get(creator.ask_on.remote())
        until("a few groups", lambda: len(groups()) >= 3)
        ray.kill(creator)
        time.sleep(0.5)
        until("the end of all groups", lambda: remove_leaked_placement_groups() or not groups())
