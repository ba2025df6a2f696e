"""clusters/aws.yaml through Ray's own launcher against moto's EC2, after clusters/aws_setup.py has made what it needs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from raydoa.cli import main
from tests.unit.clusters.conftest import (
    BUCKET,
    CLUSTERS,
    IMAGE,
    REGION,
    SSH_CIDR,
    account,
    filled_by_setup,
    load_script,
    run_instances,
)

KINDS = {
    "head": ("m7i.xlarge", "raydoa-head", 100, False),
    "a10g": ("g5.xlarge", "raydoa-worker", 200, False),
    "l4": ("g6.xlarge", "raydoa-worker", 200, False),
    "a100_40gb": ("p4d.24xlarge", "raydoa-worker", 500, False),
    "a100_80gb": ("p4de.24xlarge", "raydoa-worker", 500, False),
    "h100": ("p5.48xlarge", "raydoa-worker", 500, False),
}
NODE_TYPES = KINDS | {
    f"{name}_spot": (*what[:3], True) for name, what in KINDS.items() if name != "head"
}


def ec2() -> Any:
    return boto3.client("ec2", region_name=REGION)


def own_group() -> dict[str, Any]:
    named = [{"Name": "group-name", "Values": ["raydoa"]}]
    (group,) = ec2().describe_security_groups(Filters=named)["SecurityGroups"]
    return dict(group)


def resolved(path: Path) -> dict[str, Any]:
    """The configuration as `ray up` hands it to the head: checked, with defaults, keys and subnets."""
    from ray.autoscaler._private.aws.config import bootstrap_aws
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(yaml.safe_load(path.read_text("utf-8")))
    validate_config(config)
    return dict(bootstrap_aws(config))


def launch(config: dict[str, Any], name: str) -> Any:
    """Start a node of that type, as `ray up` and the autoscaler do; returns Ray's provider."""
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider

    provider = AWSNodeProvider(config["provider"], config["cluster_name"])
    tags = {"ray-node-type": "head" if name == "head" else "worker", "ray-node-name": f"ray-{name}",
            "ray-user-node-type": name, "ray-launch-config": "0" * 40, "ray-node-status": "uninitialized"}  # fmt: skip
    provider.create_node(config["available_node_types"][name]["node_config"], tags, 1)
    return provider


@dataclass(frozen=True)
class Launched:
    """One node of every type, started in one account: what was asked for, what there is, the account's group."""

    asked: dict[str, dict[str, Any]]
    there: dict[str, dict[str, Any]]
    group: str
    groups: set[str]
    profiles: set[str]


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Launched:
    home = tmp_path_factory.mktemp("home")
    with account(home), run_instances() as calls:
        config = resolved(filled_by_setup(home))
        for name in NODE_TYPES:
            launch(config, name)
        found = [
            one for many in ec2().describe_instances()["Reservations"] for one in many["Instances"]
        ]
        profiles = boto3.client("iam").list_instance_profiles()["InstanceProfiles"]
        return Launched(
            asked=dict(zip(NODE_TYPES, calls, strict=True)),
            there={
                {tag["Key"]: tag["Value"] for tag in one["Tags"]}["ray-user-node-type"]: one
                for one in found
            },
            group=own_group()["GroupId"],
            groups={
                group["GroupName"] for group in ec2().describe_security_groups()["SecurityGroups"]
            },
            profiles={profile["InstanceProfileName"] for profile in profiles},
        )


def test_every_node_type_is_listed(set_up: Path) -> None:
    config = yaml.safe_load(set_up.read_text("utf-8"))
    assert set(config["available_node_types"]) == set(NODE_TYPES)
    assert all(one.get("min_workers", 0) == 0 for one in config["available_node_types"].values())


@pytest.mark.parametrize("name", NODE_TYPES)
def test_what_the_launcher_asks_for(launched: Launched, name: str) -> None:
    machine, role, disk, spot = NODE_TYPES[name]
    asked, there = launched.asked[name], launched.there[name]
    assert asked["InstanceType"] == machine and asked["ImageId"] == IMAGE
    assert asked["SecurityGroupIds"] == [launched.group]
    assert asked["IamInstanceProfile"] == {"Name": role}
    assert asked["MetadataOptions"]["HttpTokens"] == "required"
    assert asked["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    (volume,) = asked["BlockDeviceMappings"]
    assert volume["Ebs"] == {
        "VolumeSize": disk,
        "VolumeType": "gp3",
        "Encrypted": True,
        "DeleteOnTermination": True,
    }
    market = asked.get("InstanceMarketOptions", {})
    assert market.get("MarketType") == ("spot" if spot else None)
    assert not spot or market["SpotOptions"]["InstanceInterruptionBehavior"] == "terminate"
    tags = {
        spec["ResourceType"]: {tag["Key"]: tag["Value"] for tag in spec["Tags"]}
        for spec in asked["TagSpecifications"]
    }
    # The policies of clusters/aws-iam hang on the first of these.
    assert (
        tags["instance"]["ray-cluster-name"] == "raydoa" and tags["instance"]["project"] == "raydoa"
    )
    assert tags["volume"] == {"project": "raydoa"}
    assert (
        asked["KeyName"].startswith("ray-autoscaler")
        and asked["MinCount"] == asked["MaxCount"] == 1
    )
    assert there["InstanceType"] == machine and ("InstanceLifecycle" in there) == spot


def test_ray_adds_no_group_and_no_role_of_its_own(launched: Launched) -> None:
    assert launched.groups == {"default", "raydoa"}
    assert launched.profiles == {"raydoa-head", "raydoa-worker"}


def test_a_node_that_ends_takes_its_disk_along(set_up: Path) -> None:
    provider = launch(resolved(set_up), "a10g_spot")
    provider.terminate_nodes(provider.non_terminated_nodes({}))
    found = [
        one for many in ec2().describe_instances()["Reservations"] for one in many["Instances"]
    ]
    assert [one["State"]["Name"] for one in found] == ["terminated"]
    assert ec2().describe_volumes()["Volumes"] == []


def test_the_security_group_lets_in_its_members_and_ssh_from_one_network(set_up: Path) -> None:
    group = own_group()
    by_protocol = {rule["IpProtocol"]: rule for rule in group["IpPermissions"]}
    assert set(by_protocol) == {"-1", "tcp"} and len(group["IpPermissions"]) == 2
    inside, ssh = by_protocol["-1"], by_protocol["tcp"]
    assert [pair["GroupId"] for pair in inside["UserIdGroupPairs"]] == [group["GroupId"]]
    assert (
        inside["IpRanges"]
        == inside["Ipv6Ranges"]
        == ssh["UserIdGroupPairs"]
        == ssh["Ipv6Ranges"]
        == []
    )
    assert (ssh["FromPort"], ssh["ToPort"], ssh["IpRanges"]) == (22, 22, [{"CidrIp": SSH_CIDR}])


def test_the_filled_file_is_well(
    set_up: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = Path.home() / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("secret")
    token.chmod(0o600)
    monkeypatch.chdir(CLUSTERS.parent)
    assert main(["doctor", str(set_up)]) == 0, capsys.readouterr().out
    text = set_up.read_text("utf-8")
    system = boto3.client("efs", region_name=REGION).describe_file_systems()["FileSystems"][0]
    assert system["Encrypted"] and f"{system['FileSystemId']}.efs.{REGION}.amazonaws.com:/" in text


def test_set_up_again_with_another_address(set_up: Path, tmp_path: Path) -> None:
    """The old address is closed; nothing is made twice."""
    script = load_script("aws_setup")
    again = [
        "--region",
        REGION,
        "--bucket",
        BUCKET,
        "--image",
        IMAGE,
        "--out",
        str(tmp_path / "again.yaml"),
    ]
    assert script.main([*again, "--ssh-cidr", "198.51.100.0/24"]) == 0
    assert (tmp_path / "again.yaml").read_text() == set_up.read_text()
    ssh = next(rule for rule in own_group()["IpPermissions"] if rule["IpProtocol"] == "tcp")
    assert ssh["IpRanges"] == [{"CidrIp": "198.51.100.0/24"}]
    assert len(boto3.client("efs", region_name=REGION).describe_file_systems()["FileSystems"]) == 1


def test_removed_but_for_the_bucket(set_up: Path) -> None:
    assert load_script("aws_setup").main(["--region", REGION, "--bucket", BUCKET, "--remove"]) == 0
    iam = boto3.client("iam")
    assert not [role for role in iam.list_roles()["Roles"] if role["RoleName"].startswith("raydoa")]
    assert iam.list_instance_profiles()["InstanceProfiles"] == []
    assert boto3.client("efs", region_name=REGION).describe_file_systems()["FileSystems"] == []
    assert {group["GroupName"] for group in ec2().describe_security_groups()["SecurityGroups"]} == {
        "default"
    }
    s3 = boto3.client("s3")
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [BUCKET]
    assert all(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "10.0.0.0/8", "everyone", "203.0.113.7/24"])
def test_an_open_network_is_refused(
    aws: None, capsys: pytest.CaptureFixture[str], tmp_path: Path, cidr: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        load_script("aws_setup").main(
            [
                "--region",
                REGION,
                "--bucket",
                BUCKET,
                "--ssh-cidr",
                cidr,
                "--out",
                str(tmp_path / "out"),
            ]
        )
    assert ended.value.code == 2 and f"found {cidr!r}" in capsys.readouterr().err


def test_no_network_is_an_error(
    aws: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "out.yaml"
    assert (
        load_script("aws_setup").main(["--region", REGION, "--bucket", BUCKET, "--out", str(out)])
        == 2
    )
    assert "--ssh-cidr is who may reach the head by SSH" in capsys.readouterr().err
    assert not out.exists() and boto3.client("s3").list_buckets()["Buckets"] == []


def policy(role: str, name: str) -> list[dict[str, Any]]:
    document = boto3.client("iam").get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    return list(document["Statement"])


def test_the_roles_are_narrow(set_up: Path) -> None:
    head = policy("raydoa-head", "head")
    iam = boto3.client("iam")
    assert iam.list_role_policies(RoleName="raydoa-worker")["PolicyNames"] == ["worker"]
    statements = [*head, *policy("raydoa-head", "worker"), *policy("raydoa-worker", "worker")]
    assert "<" not in json.dumps(statements)
    for statement in statements:
        actions = (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
        assert not any("*" in action for action in actions), statement
        if statement["Resource"] == "*":
            assert all(action.startswith("ec2:Describe") for action in actions)
        if actions[0].startswith("s3:"):
            assert statement["Resource"] in (f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*")
    by_id = {statement["Sid"]: statement for statement in head}
    passing = by_id["HandTheWorkersRoleToWorkers"]
    assert passing["Resource"] == "arn:aws:iam::123456789012:role/raydoa-worker"
    starting = by_id["StartNodesOfThisClusterOnly"]["Condition"]["StringEquals"]
    workers = {machine for name, (machine, *_) in NODE_TYPES.items() if name != "head"}
    assert set(starting["ec2:InstanceType"]) == workers
    assert starting["aws:RequestTag/ray-cluster-name"] == "raydoa"
    ending = by_id["EndAndTagNodesOfThisClusterOnly"]["Condition"]["StringEquals"]
    assert ending == {"aws:ResourceTag/ray-cluster-name": "raydoa"}
    groups = by_id["InTheClustersSecurityGroupOnly"]["Resource"]
    assert f"arn:aws:ec2:{REGION}:123456789012:security-group/{own_group()['GroupId']}" in groups
