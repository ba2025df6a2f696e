"""What clusters/aws.yaml stands on, made once: bucket, security group, shared folder, roles. Run it again at any time.

    python clusters/aws_setup.py --region us-west-2 --bucket BUCKET --ssh-cidr 203.0.113.7/32 --out my-aws.yaml
    python clusters/aws_setup.py --region us-west-2 --bucket BUCKET --remove

The security group lets its own members talk to each other, and SSH in from the given addresses; nothing else. Roles
come from clusters/aws-iam/*.json. `--remove` leaves the bucket, which has your results.
"""

import argparse
import ipaddress
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

HERE = Path(__file__).parent
NAME = "raydoa"
ROLES = {"raydoa-head": ("head.json", "worker.json"), "raydoa-worker": ("worker.json",)}
TAGS = [{"Key": "project", "Value": NAME}]
# Ubuntu 24.04 with NVIDIA's driver; AWS publishes its newest id under this name.
IMAGE = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"


def main(arguments: list[str] | None = None) -> int:
    """Make everything and write the filled file, or remove it."""
    options = _parser().parse_args(arguments)
    session = boto3.Session(region_name=options.region)
    if options.remove:
        remove(session)
        return 0
    if options.ssh_cidr is None or options.out is None:
        print("aws_setup: --ssh-cidr and --out are needed; --ssh-cidr is who may reach the head by SSH, "
              "such as your own address with /32 (curl https://checkip.amazonaws.com)", file=sys.stderr)  # fmt: skip
        return 2
    filled = make(session, options.bucket, options.ssh_cidr, options.image)
    options.out.write_text(fill((HERE / "aws.yaml").read_text("utf-8"), filled), "utf-8")
    print(options.out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--region", required=True)
    parser.add_argument("--bucket", required=True, help="of the store; made if it is not there")
    parser.add_argument("--ssh-cidr", type=narrow, help="addresses that may reach the head by SSH")
    parser.add_argument("--image", help="an AMI with NVIDIA's driver and Python 3.11 to 3.13")
    parser.add_argument("--out", type=Path, help="where the filled aws.yaml goes")
    parser.add_argument("--remove", action="store_true", help="remove all but the bucket")
    return parser


def narrow(text: str) -> str:
    """A network in CIDR notation, refused where it is open to the world or nearly so."""
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"found {text!r}; {error}") from None
    if network.prefixlen < 16:
        raise argparse.ArgumentTypeError(
            f"found {text!r}, which is {network.num_addresses:,} addresses; give your own, such as 203.0.113.7/32"
        )
    return str(network)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace every <NAME> by its value, and the region."""
    text = text.replace("us-west-2", values["REGION"])
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text


def make(session: Any, bucket: str, ssh_cidr: str, image: str | None) -> dict[str, str]:
    """Make what is missing, and return what the placeholders stand for."""
    _bucket(session, bucket)
    vpc, subnets = _network(session)
    group = _security_group(session, vpc, ssh_cidr)
    values = {
        "REGION": session.region_name,
        "ACCOUNT": session.client("sts").get_caller_identity()["Account"],
        "BUCKET": bucket,
        "SECURITY_GROUP": group,
        "IMAGE": image or session.client("ssm").get_parameter(Name=IMAGE)["Parameter"]["Value"],
        "FILE_SYSTEM": _shared_folder(session, subnets, group),
    }
    for role, policies in ROLES.items():
        _role(session, role, policies, values)
    _spot_role(session)
    return values


def _bucket(session: Any, name: str) -> None:
    s3 = session.client("s3")
    if name not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        place = {"LocationConstraint": session.region_name}
        s3.create_bucket(
            Bucket=name,
            **({} if session.region_name == "us-east-1" else {"CreateBucketConfiguration": place}),
        )
    closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(
        Bucket=name, PublicAccessBlockConfiguration=dict.fromkeys(closed, True)
    )


def _network(session: Any) -> tuple[str, dict[str, str]]:
    """The default VPC, and a subnet in each of its zones."""
    ec2 = session.client("ec2")
    found = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    if not found:
        raise SystemExit(
            f"aws_setup: {session.region_name} has no default VPC; make one: aws ec2 create-default-vpc"
        )
    vpc = found[0]["VpcId"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    return vpc, {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in subnets}


def _security_group(session: Any, vpc: str, ssh_cidr: str) -> str:
    ec2 = session.client("ec2")
    named = [{"Name": "group-name", "Values": [NAME]}, {"Name": "vpc-id", "Values": [vpc]}]
    found = ec2.describe_security_groups(Filters=named)["SecurityGroups"]
    if found:
        group, rules = found[0]["GroupId"], found[0]["IpPermissions"]
    else:
        made = {"ResourceType": "security-group", "Tags": TAGS}
        group = ec2.create_security_group(
            GroupName=NAME,
            Description="nodes of a raydoa cluster",
            VpcId=vpc,
            TagSpecifications=[made],
        )["GroupId"]
        rules = []
    if rules:  # Whatever was allowed before, among it an older address of yours.
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rules)
    inside = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": ssh_cidr}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[inside, ssh])
    return str(group)


def _shared_folder(session: Any, subnets: Mapping[str, str], group: str) -> str:
    """An encrypted EFS with a door in every subnet, open to the security group."""
    efs = session.client("efs")
    systems = efs.describe_file_systems(CreationToken=NAME)["FileSystems"]
    if not systems:
        efs.create_file_system(
            CreationToken=NAME,
            Encrypted=True,
            ThroughputMode="elastic",
            Tags=[*TAGS, {"Key": "Name", "Value": NAME}],
        )
    _wait_for(
        lambda: (
            efs.describe_file_systems(CreationToken=NAME)["FileSystems"][0]["LifeCycleState"]
            == "available"
        )
    )
    system = efs.describe_file_systems(CreationToken=NAME)["FileSystems"][0]["FileSystemId"]
    doors = efs.describe_mount_targets(FileSystemId=system)["MountTargets"]
    for subnet in set(subnets.values()) - {door["SubnetId"] for door in doors}:
        efs.create_mount_target(FileSystemId=system, SubnetId=subnet, SecurityGroups=[group])
    return str(system)


def _role(session: Any, name: str, policies: tuple[str, ...], values: Mapping[str, str]) -> None:
    iam = session.client("iam")
    _unless_there(
        lambda: iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=_policy("trust.json", values), Tags=TAGS
        )
    )
    for policy in policies:
        iam.put_role_policy(
            RoleName=name, PolicyName=Path(policy).stem, PolicyDocument=_policy(policy, values)
        )
    _unless_there(lambda: iam.create_instance_profile(InstanceProfileName=name))
    if not iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]:
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)


def _spot_role(session: Any) -> None:
    """Spot needs a role of AWS's own, once for an account; the head may not make it."""
    iam = session.client("iam")
    if not iam.list_roles(PathPrefix="/aws-service-role/spot.amazonaws.com/")["Roles"]:
        iam.create_service_linked_role(AWSServiceName="spot.amazonaws.com")


def _policy(file: str, values: Mapping[str, str]) -> str:
    text = (HERE / "aws-iam" / file).read_text("utf-8")
    return json.dumps(json.loads(fill(text, values)))


def remove(session: Any) -> None:
    """Remove roles, shared folder and security group; nodes must be gone."""
    iam, efs, ec2 = (session.client(name) for name in ("iam", "efs", "ec2"))
    for name, policies in ROLES.items():
        _if_there(
            lambda name=name: iam.remove_role_from_instance_profile(
                InstanceProfileName=name, RoleName=name
            )
        )
        _if_there(lambda name=name: iam.delete_instance_profile(InstanceProfileName=name))
        for policy in policies:
            _if_there(
                lambda name=name, policy=policy: iam.delete_role_policy(
                    RoleName=name, PolicyName=Path(policy).stem
                )
            )
        _if_there(lambda name=name: iam.delete_role(RoleName=name))
    for system in efs.describe_file_systems(CreationToken=NAME)["FileSystems"]:
        identity = system["FileSystemId"]
        for door in efs.describe_mount_targets(FileSystemId=identity)["MountTargets"]:
            efs.delete_mount_target(MountTargetId=door["MountTargetId"])
        _wait_for(
            lambda identity=identity: (
                not efs.describe_mount_targets(FileSystemId=identity)["MountTargets"]
            )
        )
        efs.delete_file_system(FileSystemId=identity)
    for group in ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [NAME]}])[
        "SecurityGroups"
    ]:
        ec2.delete_security_group(GroupId=group["GroupId"])


def _unless_there(make_it: Callable[[], Any], code: str = "EntityAlreadyExists") -> None:
    try:
        make_it()
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            raise


def _if_there(remove_it: Callable[[], Any]) -> None:
    _unless_there(remove_it, "NoSuchEntity")


def _wait_for(holds: Callable[[], bool]) -> None:
    for _ in range(120):
        if holds():
            return
        time.sleep(5)
    raise SystemExit("aws_setup: EFS took more than ten minutes; run the same command again")


if __name__ == "__main__":
    sys.exit(main())
