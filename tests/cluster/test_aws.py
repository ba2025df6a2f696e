"""`ray up clusters/aws.yaml` where Amazon is a look-alike: nodes from 0 to 1, one taken away with notice, and to 0 again.

One cluster and one sweep serve all of it, in the order of this file. How long anything takes decides nothing.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from raydoa.report.results import load
from tests.cluster.aws import ADMINISTRATOR, BUCKET, IMAGE, Aws
from tests.cluster.launched import Job
from tests.cluster.testbed.fake_aws import NETWORK, key_of
from tests.cluster.testbed.host import Host
from tests.cluster.testbed.needs import require_lab
from tests.cluster.testbed.testbed import PROJECT, Testbed
from tests.ray.watching import until

pytestmark = pytest.mark.timeout(1800)

_DISK = "BlockDeviceMapping.1.Ebs"


@pytest.fixture(scope="module")
def testbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    require_lab()
    made = Testbed(tmp_path_factory.mktemp("lab"), NETWORK)
    yield made
    made.close()


@pytest.fixture(scope="module")
def cluster(testbed: Testbed) -> Iterator[Aws]:
    made = Aws(testbed)
    try:
        made.set_up()
        made.make_token()
        made.up()
        with made.tunnel():
            yield made
    finally:
        made.amazon.close()


@dataclass(frozen=True)
class Told:
    """A sweep whose only node is taken away in the middle of a fine-tuning.

    Attributes:
        lost: that node.
        watcher: what the watcher of notices has said on it.
        rows: the sweep's.
        records: of the store, by the kind of the stage.
    """

    lost: Host
    watcher: str
    rows: list[dict[Any, Any]]
    records: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def told(cluster: Aws) -> Told:
    amazon = cluster.amazon
    job = cluster.submit()
    until("a fine-tuning", lambda: _steps_done(job) > 0, seconds=600)
    node = next(host for host in cluster.workers if _training(host))
    watcher = node.folder / "tmp/raydoa-notices.log"
    with node.held(_training(node)[0]):
        amazon.interrupt(node)
        until("its being drained", lambda: "drained" in watcher.read_text("utf-8"))
    until("its end", lambda: node.name not in amazon.hosts, seconds=600)
    rows = load(job.wait()).to_dict("records")
    found = [
        json.loads(text)
        for name, text in amazon.objects(BUCKET).items()
        if name.startswith("store/records/")
    ]
    records = {record["kind"]: record for record in found}
    return Told(node, watcher.read_text("utf-8"), rows, records)


def _steps_done(job: Job) -> int:
    """Steps that the fine-tuning is known to have done."""
    found = list(job.folder.glob("results/*/train/*/progress.json"))
    return int(json.loads(found[0].read_text("utf-8"))["steps"]) if found else 0


def _training(host: Host) -> list[int]:
    return [pid for pid, line in host.processes().items() if line.startswith("ray::RayTrainWorker")]


def _tags(asked: dict[str, str]) -> dict[str, dict[str, str]]:
    """Tags by the type of what is tagged."""
    found: dict[str, dict[str, str]] = {}
    for name, value in asked.items():
        if name.startswith("TagSpecification") and name.endswith(".Key"):
            which = name.split(".")[1]
            kind = asked[f"TagSpecification.{which}.ResourceType"]
            found.setdefault(kind, {})[value] = asked[f"{name[:-3]}Value"]
    return found


def _as_intended(cluster: Aws, asked: dict[str, str]) -> None:
    """What every machine has, whatever it is for."""
    assert asked["ImageId"] == IMAGE and asked["MinCount"] == asked["MaxCount"] == "1"
    groups = [value for name, value in asked.items() if name.startswith("SecurityGroupId.")]
    assert groups == [cluster.filled["available_node_types"]["head"]["node_config"]["SecurityGroupIds"][0]]  # fmt: skip
    assert asked["MetadataOptions.HttpTokens"] == "required"
    assert asked["MetadataOptions.HttpPutResponseHopLimit"] == "1"
    assert asked[f"{_DISK}.Encrypted"] == asked[f"{_DISK}.DeleteOnTermination"] == "true"
    tags = _tags(asked)
    assert tags["volume"] == {"project": "raydoa"} and tags["instance"]["project"] == "raydoa"
    assert tags["instance"]["ray-cluster-name"] == "raydoa"


def test_up_starts_the_head_and_nothing_else(cluster: Aws) -> None:
    (call,) = cluster.amazon.named("RunInstances")
    assert call.key == ADMINISTRATOR
    _as_intended(cluster, call.parameters)
    asked = call.parameters
    assert asked["InstanceType"] == "m7i.xlarge" and asked[f"{_DISK}.VolumeSize"] == "100"
    assert asked["IamInstanceProfile.Name"] == "raydoa-head"
    assert not any(name.startswith("InstanceMarketOptions") for name in asked)
    assert _tags(asked)["instance"]["ray-node-type"] == "head"
    assert cluster.alive() == {cluster.head.address}


def test_a_sweep_has_spot_nodes_started_with_the_head_s_own_keys(cluster: Aws, told: Told) -> None:
    _, *calls = cluster.amazon.named("RunInstances")
    # On a busy machine one that takes long to come up is replaced as well.
    assert len(calls) >= 2, "the node, and the one that replaces it"
    for call in calls:
        assert call.key == key_of("raydoa-head")
        _as_intended(cluster, call.parameters)
        asked = call.parameters
        assert asked["InstanceType"] == "g5.xlarge" and asked[f"{_DISK}.VolumeSize"] == "200"
        assert asked["IamInstanceProfile.Name"] == "raydoa-worker"
        assert asked["InstanceMarketOptions.MarketType"] == "spot"
        spot = "InstanceMarketOptions.SpotOptions"
        assert asked[f"{spot}.SpotInstanceType"] == "one-time"
        assert asked[f"{spot}.InstanceInterruptionBehavior"] == "terminate"
        tags = _tags(asked)["instance"]
        assert (tags["ray-node-type"], tags["ray-user-node-type"]) == ("worker", "a10g_spot")


def test_the_node_is_drained_on_the_notice_and_the_sweep_goes_on_elsewhere(told: Told) -> None:
    assert "drained: EC2 will terminate this spot instance" in told.watcher
    (row,) = told.rows
    assert row["feasible"] and row["strategy"] == "distill"
    kinds = ("fine_tune", "pseudo_label", "distill", "evaluate")
    where = {told.records[kind]["provenance"]["address"] for kind in kinds}
    assert len(where) == 1 and told.lost.address not in where


def test_no_step_is_lost_where_there_is_a_notice(told: Told) -> None:
    facts = told.records["fine_tune"]["facts"]
    assert facts["first_step"] > 0, "a second group went on where the first had left"
    assert facts["steps_repeated"] == 0
    assert len(facts["losses"]) == told.rows[0]["teacher_steps"]


def test_no_node_stays_when_there_is_nothing_to_do(cluster: Aws, told: Told) -> None:
    until("the last node's end", lambda: not cluster.workers, seconds=600)
    assert [one.id for one in cluster.amazon.instances("running")] == [cluster.head.name]


def test_the_head_s_role_allows_all_that_it_has_called(cluster: Aws, told: Told) -> None:
    head = {call.action for call in cluster.amazon.calls if call.service == "ec2" and call.key == key_of("raydoa-head")}  # fmt: skip
    assert {"DescribeInstances", "RunInstances", "CreateTags", "TerminateInstances"} <= head
    statements = json.loads((PROJECT / "clusters/aws-iam/head.json").read_text("utf-8"))["Statement"]  # fmt: skip
    allowed = {action for one in statements for action in _listed(one["Action"])}
    assert {f"ec2:{action}" for action in head} <= allowed
    others = {call.service for call in cluster.amazon.calls if call.key.startswith("ASIA")}
    assert others == {"ec2", "s3"}


def _listed(actions: str | list[str]) -> list[str]:
    return [actions] if isinstance(actions, str) else actions


def test_down_ends_every_machine(cluster: Aws, told: Told) -> None:
    cluster.down()
    assert {one._state.name for one in cluster.amazon.instances()} == {"terminated"}
    assert cluster.amazon.hosts == {} and cluster.amazon.named("StopInstances") == []
