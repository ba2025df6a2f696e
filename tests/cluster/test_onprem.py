"""`ray up clusters/onprem.yaml` on three hosts: a sweep there, strangers at its ports, and machines that are lost.

One cluster serves all of it, in the order of this file: a sweep that nobody disturbs, one whose machine is cut off, one
whose head is killed. The tests are about what comes out; how long anything takes decides nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from raydoa.report.results import load
from raydoa.store.record import Record
from raydoa.store.store import Store
from tests.cluster.doors import REFUSALS, WRONG, Door, doors, knocks, listening
from tests.cluster.launched import Job
from tests.cluster.onprem import SHIPPED, OnPrem
from tests.cluster.testbed.host import Host
from tests.cluster.testbed.testbed import SHARED, Testbed
from tests.ray.rows import numbers
from tests.ray.watching import until

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Finished:
    """What a sweep has left: its rows by cell, and the records of its store by key."""

    rows: dict[str, dict[str, Any]]
    records: dict[str, Record]


def _finished(job: Job) -> Finished:
    rows = load(job.wait()).to_dict("records")
    return Finished({row["cell"]: row for row in rows}, _records(job))


def _records(job: Job) -> dict[str, Record]:
    store = Store(str(job.folder / "store"))
    found = {key: store.find(key) for key in store.keys()}
    return {key: record for key, record in found.items() if record is not None}


@pytest.fixture(scope="module")
def cluster(testbed: Testbed) -> Iterator[OnPrem]:
    made = OnPrem(testbed)
    made.make_token()
    made.up()
    with made.tunnel():
        made.wait_for_all()
        yield made


@pytest.fixture(scope="module")
def undisturbed(cluster: OnPrem) -> tuple[Finished, list[Door]]:
    """A sweep to its end, and what strangers were told while a teacher was being fine-tuned."""
    job = cluster.submit("undisturbed")
    until("a fine-tuning", lambda: any(_trains(host) for host in cluster.workers), seconds=300)
    at_work = next(host for host in cluster.workers if _trains(host))
    found = [
        door
        for host in (cluster.head, at_work)
        for door in doors(host, cluster.laptop, cluster.token)
    ]
    return _finished(job), found


def _trains(host: Host) -> bool:
    return any(line.startswith("ray::RayTrainWorker") for line in host.processes().values())


def test_stages_run_on_several_machines(
    cluster: OnPrem, undisturbed: tuple[Finished, list[Door]]
) -> None:
    finished, _ = undisturbed
    assert len(finished.rows) == 2 and all(row["feasible"] for row in finished.rows.values())
    where = {str(record.provenance["address"]) for record in finished.records.values()}
    assert where == {worker.address for worker in cluster.workers}, "both, and never the head"


def test_the_token_is_its_owners_alone(cluster: OnPrem) -> None:
    for host in (cluster.laptop, *cluster.hosts):
        modes = host.run(["stat", "--format=%a", ".ray", ".ray/auth_token"]).stdout.split()
        assert modes[1] == "600", host.name
        assert host is cluster.laptop or modes[0] == "700"


def test_strangers_are_refused_at_every_port(undisturbed: tuple[Finished, list[Door]]) -> None:
    """All that is open beyond loopback asks for the token, but for what `doors` leaves alone."""
    _, found = undisturbed
    owners = {door.owner for door in found}
    assert {"gcs_server", "raylet", "ray::DashboardA", "ray::RuntimeEnv", "ray::BuildRegis", "ray::RayTrainWo"} <= owners  # fmt: skip
    for door in found:
        assert {door.answers["none"], door.answers["wrong"]} <= REFUSALS, door
    let_in = {door.owner for door in found if door.answers["right"] not in REFUSALS}
    assert {"gcs_server", "raylet", "ray::BuildRegis", "ray::RayTrainWo"} <= let_in


def test_clients_of_ray_are_refused(cluster: OnPrem) -> None:
    gcs = f"--address={cluster.head.address}:6379"
    jobs = {"RAY_API_SERVER_ADDRESS": "http://127.0.0.1:8265"}
    without = {"RAY_AUTH_MODE": "disabled"}
    wrong = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": WRONG}
    for who in (without, wrong):
        for command in (["ray", "status", gcs], ["ray", "job", "list"], ["ray", "start", gcs]):
            said = cluster.launcher(*command, check=False, **who, **jobs)
            assert re.search("(?i)unauthenticated|authentication|invalid token", said), said
            assert "Node status" not in said and "Ray runtime started" not in said
    assert len(cluster.alive()) == 3
    right = {"RAY_AUTH_MODE": "token"}
    assert "Node status" in cluster.launcher("ray", "status", gcs, **right)


def test_the_firewall_leaves_ssh_alone_open_to_others(cluster: OnPrem, testbed: Testbed) -> None:
    stranger = testbed.add("stranger", "10.203.0.99", serves_ssh=False)
    rules = SHIPPED.with_suffix(".nft").read_text(encoding="utf-8")
    for number, host in enumerate(cluster.hosts):
        rules = rules.replace(f"192.0.2.{10 + number}", host.address)
    (testbed.shared / "onprem.nft").write_text(rules, encoding="utf-8")
    for host in cluster.hosts:
        host.run(["nft", "-f", f"{SHARED}/onprem.nft"])
    try:
        for host in cluster.hosts:
            answers = knocks(stranger, host.address, listening(host), {"none": None})
            opened = {port for port, answer in answers.items() if answer["none"] != "closed"}
            assert opened == {22} and len(answers) > 5
        within = knocks(cluster.workers[0], cluster.head.address, [6379], {"none": None})
        assert within[6379]["none"] == "UNAUTHENTICATED"
    finally:
        for host in cluster.hosts:
            host.run(["nft", "delete", "table", "inet", "raydoa"])


def _same_table(disturbed: Finished, undisturbed: Finished) -> None:
    """Row for row: all but what was measured with a clock, and which of two cells was first to make a stage."""
    assert disturbed.rows.keys() == undisturbed.rows.keys()
    for cell, row in disturbed.rows.items():
        other = undisturbed.rows[cell]
        assert numbers(row) == pytest.approx(numbers(other), rel=1e-6)
        assert _words(row) == _words(other)
    assert disturbed.records.keys() == undisturbed.records.keys()


def _words(row: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in row.items() if isinstance(value, str)}


def _nothing_twice(
    cluster: OnPrem, job: Job, before: dict[str, Record], after: dict[str, Record]
) -> None:
    """What was finished is as it was, to the time of its making, and nobody has made it again in vain.

    Logs are those of all sweeps of this file, whose keys are the same; a store is a sweep's own.
    """
    assert before.items() <= after.items()
    told = "".join(
        path.read_text(encoding="utf-8", errors="replace")
        for host in cluster.hosts
        for path in host.folder.glob("tmp/ray/session_2*/logs/worker-*.err")
    )
    assert ":task_name:_build_stage" in told, "the logs of those who make stages"
    again = set(re.findall(rf"{job.store}: \w+ ([0-9a-f]{{64}}) was made twice", told))
    assert not again & before.keys()


def test_a_machine_is_cut_off_in_the_middle(
    cluster: OnPrem, testbed: Testbed, undisturbed: tuple[Finished, list[Door]]
) -> None:
    """It is not killed: it runs on, and nobody hears of it."""
    job = cluster.submit("cut")
    until("a finished model, and a stage", lambda: _in_the_middle(cluster, job), seconds=300)
    lost, before = cluster.at_work()[0], _records(job)
    testbed.cut(lost)
    try:
        until("its being missed", lambda: cluster.alive() == _others(cluster, lost), seconds=300)
        finished = _finished(job)
    finally:
        testbed.heal(lost)
    _same_table(finished, undisturbed[0])
    _nothing_twice(cluster, job, before, finished.records)


def _others(cluster: OnPrem, lost: Host) -> set[str]:
    return {host.address for host in cluster.hosts} - {lost.address}


def _in_the_middle(cluster: OnPrem, job: Job) -> bool:
    """A model is made, and something is in the making."""
    kinds = {record.kind for record in _records(job).values()}
    assert "distill" not in kinds, "too late"
    return "fine_tune" in kinds and bool(cluster.at_work())


def test_the_head_is_killed_and_started_again(
    cluster: OnPrem, undisturbed: tuple[Finished, list[Door]]
) -> None:
    job = cluster.submit("headless")
    until("a finished model, and a stage", lambda: _in_the_middle(cluster, job), seconds=300)
    head = cluster.head.processes()
    cluster.head.kill(next(pid for pid, line in head.items() if "gcs_server" in line))
    before = _records(job)
    job.lost()
    cluster.up()
    cluster.wait_for_all()
    finished = _finished(cluster.submit("headless"))
    _same_table(finished, undisturbed[0])
    _nothing_twice(cluster, job, before, finished.records)


def test_down_leaves_no_ray_anywhere(cluster: OnPrem) -> None:
    """The launcher does not know where Ray lies; machines are stopped one by one."""
    cluster.down()
    for host in cluster.hosts:
        until(lambda host=host: f"the end of {_ray(host)}", lambda host=host: not _ray(host))


def _ray(host: Host) -> list[str]:
    lines = host.processes().values()
    return [line for line in lines if re.search("raylet|gcs_server|ray::", line)]
