"""Money under threads and processes, on a disk and on S3, and what remains of those that are killed.

This file is also the program that those processes run: ``python THIS_FILE ROLE URL ...``.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from raydoa.account.account import Account
from raydoa.account.purse import open_purse
from raydoa.account.state import Refused, Reservation
from raydoa.llm.answer import Answer
from raydoa.llm.journal import Journal
from raydoa.llm.tokens import Usage
from raydoa.store.store import Store

CEILING = 1_000
QUESTION = "ab" * 32


def store_at(url: str, cache: str) -> Store:
    return Store(url, cache_dir=Path(cache))


def answer(number: int, cost: int) -> Answer:
    return Answer(
        f"key{number}", f"row{number}", "answered", "yes", "", (), Usage(5, 0, 1), cost, number
    )


def grab(account: Account, amounts: list[int]) -> tuple[int, int]:
    """Reserve amounts, settle every second one at half; returns what is spent, and what is still reserved."""
    spent = held = 0
    for number, amount in enumerate(amounts):
        got = account.reserve(amount, f"amount {number}", "")
        if isinstance(got, Reservation) and number % 2:
            account.settle(got, amount // 2)
            spent += amount // 2
        elif isinstance(got, Reservation):
            held += amount
    return spent, held


def spent_in(store: Store) -> Callable[[Reservation], int | None]:
    return lambda one: Journal(store, one.record).spent(one.id)


# The processes


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def reserve(url: str, cache: str, amount: str, times: str) -> None:
    account = Account(store_at(url, cache), "shared")
    tell(json.dumps(grab(account, [int(amount)] * int(times))))
    sys.stdin.read()  # Until its owner has been looked at.


def ask(url: str, cache: str) -> None:
    """Ask ten calls of 10, of which six are answered for 4 each; then wait to be killed."""
    store = store_at(url, cache)
    account, journal = Account(store, "shared"), Journal.of(store, "wlp", QUESTION)
    purse = open_purse(account, 500, "50 rows", journal.folder)
    writer = journal.writer(purse.reservation.id, purse.reservation.whom)
    for number in range(10):
        assert purse.reserve(10)
        writer.asked(f"key{number}", 10)
    for number in range(6):
        writer.keep(answer(number, 4))
        purse.settle(10, 4)
    tell(purse.reservation.id)
    sys.stdin.read()


def crash(url: str, cache: str) -> None:
    """Reserve, ask and settle in children that are killed at each step that others can see; local stores only.

    Forks without threads, hence in a program of its own.
    """
    point = 0
    while True:
        point += 1
        child = os.fork()
        if child == 0:
            kill_at(point)
            spend(store_at(url, cache))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        account = Account(store_at(url, cache), "shared")
        before = account.state()
        freed = account.recover(spent_in(account.store))
        after = account.state()
        assert after == Account(account.store, "shared").state() and not after.open, point
        # What was asked is owed at its highest until its answer was kept, and at its bill since.
        assert after.spent - before.spent == sum(owed for _, owed in freed)
        assert all(owed in (0, 10, 4, 14, 50) for _, owed in freed), (point, freed)
        if not os.WIFSIGNALED(status):
            break
    tell(json.dumps(point))


def spend(store: Store) -> None:
    account, journal = Account(store, "shared"), Journal.of(store, "wlp", QUESTION)
    with (
        open_purse(account, 50, "rows", journal.folder) as purse,
        journal.writer(purse.reservation.id, purse.reservation.whom) as writer,
    ):
        for number in range(2):
            assert purse.reserve(10)
            writer.asked(f"key{number}", 10)
            if number == 0:
                writer.keep(answer(number, 4))
                purse.settle(10, 4)


def kill_at(point: int) -> None:
    """Kill this process at its ``point``-th step: just before or after a call that others can see something of."""
    left = [point]

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            for after in (False, True):
                if after:
                    result = call(*arguments, **options)
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapped

    for name in ("fsync", "replace", "link", "unlink", "write", "mkdir"):
        setattr(os, name, counted(getattr(os, name)))
    fcntl.flock = counted(fcntl.flock)


# The tests


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, __file__, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the process died"
    return line


def test_64_threads_never_pass_the_ceiling(url: str, tmp_path: Path) -> None:
    """Each of four processes' worth of accounts, in the hands of 16 threads that begin together."""
    accounts = [Account(store_at(url, str(tmp_path / "cache")), "shared") for _ in range(4)]
    accounts[0].first_limit(CEILING)
    together = threading.Barrier(64)

    def call(number: int) -> int:
        together.wait()
        got = accounts[number % 4].reserve(31, "rows", "")
        return 0 if isinstance(got, Refused) else 31

    with ThreadPoolExecutor(64) as pool:
        granted = sum(pool.map(call, range(64)))
    assert granted == CEILING // 31 * 31  # All that fits, and no more.
    for account in accounts:
        assert account.state().committed == granted


def test_processes_never_pass_the_ceiling(shared_url: str, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    account = Account(store_at(shared_url, cache), "shared")
    account.first_limit(CEILING)
    with (
        started("reserve", shared_url, cache, "57", "8") as first,
        started("reserve", shared_url, cache, "73", "8") as second,
        started("reserve", shared_url, cache, "91", "8") as third,
    ):
        mine = grab(account, [61] * 8)
        told = [mine, *(json.loads(line_of(process)) for process in (first, second, third))]
        state = account.state()
        assert state.spent == sum(spent for spent, _ in told)
        assert state.reserved == sum(held for _, held in told)
        assert state.committed <= CEILING < 4 * (57 + 73 + 91 + 61)  # of the amounts that are kept
        assert {account.owner(one) for one in state.open.values()} == {"alive"}
    # They are killed. Nothing tells what they spent, so all that they held is owed.
    assert sum(spent for _, spent in account.recover(lambda one: 0)) == state.reserved - mine[1]
    after = Account(store_at(shared_url, cache), "shared").state()
    assert (after.reserved, after.committed) == (mine[1], state.committed)


def test_kill_9_in_the_middle_of_asking(shared_url: str, tmp_path: Path) -> None:
    store = store_at(shared_url, str(tmp_path / "cache"))
    account, journal = Account(store, "shared"), Journal.of(store, "wlp", QUESTION)
    account.first_limit(CEILING)

    spent = spent_in(store)
    with started("ask", shared_url, str(tmp_path / "cache")) as process:
        id = line_of(process).strip()
        assert account.recover(spent) == [] and account.state().reserved == 500
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = journal.answers()
    assert kept == {f"key{n}": answer(n, 4) for n in range(6)}
    assert [(one.key, one.writer, one.micro_usd) for one in journal.unanswered()] == [
        (f"key{n}", id, 10) for n in range(6, 10)
    ]
    # From a machine that sees the store and not the process, nobody can tell; nobody is robbed either.
    if not shared_url.startswith("/"):
        elsewhere = Account(store_at(shared_url, str(tmp_path / "elsewhere")), "shared")
        assert elsewhere.recover(spent) == []
        assert elsewhere.owner(elsewhere.state().open[id]) == "unknown"
    ((reservation, owed),) = account.recover(spent)
    assert (reservation.id, owed) == (id, 6 * 4 + 4 * 10)
    state = account.state()
    assert (state.spent, state.reserved, state.committed) == (64, 0, 64)
    assert account.recover(spent) == [] and account.owner(reservation) == "unknown"


def test_by_hand_from_elsewhere(s3_bucket: str, tmp_path: Path) -> None:
    url = f"s3://{s3_bucket}/by-hand"
    Account(store_at(url, str(tmp_path / "cache")), "shared").first_limit(CEILING)
    with started("ask", url, str(tmp_path / "cache")) as process:
        id = line_of(process).strip()
    store = store_at(url, str(tmp_path / "elsewhere"))
    account = Account(store, "shared")
    _, owed = account.release(id, spent_in(store))
    assert owed == account.state().committed == 64


def test_many_recover_at_once(shared_url: str, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    store = store_at(shared_url, cache)
    Account(store, "shared").first_limit(CEILING)
    with started("ask", shared_url, cache) as process:
        line_of(process)
    together = threading.Barrier(3)

    def recover(number: int) -> None:
        account = Account(store_at(shared_url, cache), "shared")
        together.wait()
        account.recover(spent_in(store))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(recover, range(3)))
    assert Account(store, "shared").state().committed == 64


def test_kill_at_every_step(tmp_path: Path) -> None:
    url, cache = str(tmp_path / "store"), str(tmp_path / "cache")
    Account(store_at(url, cache), "shared").first_limit(1_000_000)
    with started("crash", url, cache) as process:
        assert int(line_of(process)) > 60


if __name__ == "__main__":
    {"reserve": reserve, "ask": ask, "crash": crash}[sys.argv[1]](*sys.argv[2:])
