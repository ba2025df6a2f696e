"""Simulated time: blocking code, one process at a time, and an end for those that wait for each other."""

import pytest

from raydoa.simulation.clock import Clock, Stuck


def test_processes_share_one_time() -> None:
    clock, seen = Clock(), list[tuple[str, float]]()

    def waits(name: str, *naps: float) -> None:
        for nap in naps:
            clock.sleep(nap)
            seen.append((name, clock.now))

    clock.start(lambda: waits("a", 1.0, 2.0))
    clock.start(lambda: waits("b", 2.0, 1.0))
    assert clock.run() == 3.0
    assert seen == [("a", 1.0), ("b", 2.0), ("a", 3.0), ("b", 3.0)]


def test_an_event_wakes_those_who_wait_in_their_order() -> None:
    clock, seen = Clock(), list[tuple[int, float]]()
    event = clock.event()

    def waits(number: int) -> None:
        event.wait()
        seen.append((number, clock.now))

    def happens() -> None:
        clock.sleep(5.0)
        event.set()
        event.wait()  # It has happened: nobody waits.

    for number in range(3):
        clock.start(lambda number=number: waits(number))
    clock.start(happens)
    assert clock.run() == 5.0
    assert seen == [(0, 5.0), (1, 5.0), (2, 5.0)]


def test_what_waits_for_nothing_is_told() -> None:
    clock = Clock()
    clock.start(clock.event().wait)
    with pytest.raises(Stuck, match="1 processes"):
        clock.run()


def test_an_error_in_a_process_ends_the_simulation() -> None:
    clock = Clock()
    clock.start(clock.event().wait)
    clock.start([].pop)
    with pytest.raises(IndexError):
        clock.run()
