"""Checks of a launcher file for AWS: the provider's keys, and each `node_config` as RunInstances would take it.

Ray hands `node_config` to EC2's RunInstances as it is, but for `SubnetIds`. botocore knows that call's parameters, so
typos are found offline; it does not check enumerations and Ray adds defaults that open things, so the rest is here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from raydoa.doctor.cluster_file import LauncherFile, NodeType
from raydoa.doctor.finding import Finding, inside, listed, unknown_keys

# Every key of `provider` that Ray 2.60 reads (ray.autoscaler._private.aws and the autoscaler itself).
_PROVIDER_KEYS = {
    "type", "region", "availability_zone", "cache_stopped_nodes", "use_internal_ips", "key_pair", "security_group",
    "aws_credentials", "cloudwatch", "disable_node_updaters", "disable_launch_config_check", "foreground_node_launch",
    "worker_liveness_check", "use_external_head_ip",
}  # fmt: skip
_BY_RAY = {"SubnetIds"}


def check_aws(file: LauncherFile) -> Iterator[Finding]:
    """Every check of this room."""
    yield from _provider(file.provider)
    shape = _run_instances()
    if shape is None:
        yield Finding(
            "node_config",
            "cannot be checked without boto3",
            "pip install 'raydoa[aws]', which `ray up` needs as well",
        )
    for node_type in file.node_types():
        if shape is not None:
            yield from _parameters(node_type, shape)
        yield from _closed(node_type)
        yield from _spot(node_type)


def _provider(provider: Mapping[str, Any]) -> Iterator[Finding]:
    yield from unknown_keys(provider, _PROVIDER_KEYS, "provider")
    if not provider.get("region"):
        yield Finding("provider.region", "missing", "name it, such as us-west-2")
    if provider.get("cache_stopped_nodes", True) is not False:
        yield Finding(
            "provider.cache_stopped_nodes",
            "nodes are only stopped, and their disks stay billed",
            "set cache_stopped_nodes: false",
        )
    for key in ("security_group", "aws_credentials"):
        if key in provider:
            why = {
                "security_group": "Ray opens SSH of such a group to 0.0.0.0/0",
                "aws_credentials": "a secret in the file",
            }[key]
            remedy = {
                "security_group": "make a group of your own and name it in SecurityGroupIds of every node type",
                "aws_credentials": "take it out: a profile or a role in the environment serves",
            }[key]
            yield Finding(f"provider.{key}", why, remedy)


def _run_instances() -> Any:
    try:
        from botocore.session import Session
    except ImportError:
        return None
    return Session().get_service_model("ec2").operation_model("RunInstances").input_shape


def _parameters(node_type: NodeType, shape: Any) -> Iterator[Finding]:
    """What botocore finds, and values outside their enumerations, which it lets through."""
    from botocore.validate import ParamValidator

    place = f"{node_type.place}.node_config"
    given = {key: value for key, value in node_type.node_config.items() if key not in _BY_RAY}
    report = ParamValidator().validate({**given, "MinCount": 1, "MaxCount": 1}, shape)
    for line in report.generate_report().splitlines():
        yield Finding(place, line, "EC2's RunInstances would refuse it")
    yield from _outside(given, shape, place)


def _outside(value: Any, shape: Any, place: str) -> Iterator[Finding]:
    if shape.type_name == "structure" and isinstance(value, Mapping):
        for key, inside in value.items():
            if key in shape.members:
                yield from _outside(inside, shape.members[key], f"{place}.{key}")
    elif shape.type_name == "list" and isinstance(value, list):
        for index, inside in enumerate(value):
            yield from _outside(inside, shape.member, f"{place}[{index}]")
    elif getattr(shape, "enum", None) and value not in shape.enum:
        few = (
            f"one of {', '.join(shape.enum)}" if len(shape.enum) < 10 else "a value that EC2 knows"
        )
        yield Finding(place, f"found {value!r}", f"expected {few}")


def _closed(node_type: NodeType) -> Iterator[Finding]:
    """Security group, role, metadata service and disks: where Ray's and EC2's defaults are too open."""
    place, config = f"{node_type.place}.node_config", node_type.node_config
    if not config.get("SecurityGroupIds"):
        yield Finding(
            f"{place}.SecurityGroupIds",
            "missing: Ray makes a group with SSH from 0.0.0.0/0",
            "name a group of your own",
        )
    if not config.get("IamInstanceProfile"):
        why = (
            "missing: Ray gives the head full access to EC2 and S3"
            if node_type.is_head
            else "missing"
        )
        yield Finding(
            f"{place}.IamInstanceProfile", why, "name a narrow one, as in clusters/aws-iam"
        )
    if inside(config, "MetadataOptions", "HttpTokens") != "required":
        yield Finding(
            f"{place}.MetadataOptions",
            "IMDSv1 is allowed",
            "set MetadataOptions: {HttpTokens: required}",
        )
    disks = listed(config.get("BlockDeviceMappings"))
    if not disks:
        yield Finding(
            f"{place}.BlockDeviceMappings",
            "missing: the image's disk is small and not encrypted",
            "give its size, and Encrypted: true",
        )
    for index, disk in enumerate(disks):
        if inside(disk, "Ebs") and inside(disk, "Ebs", "Encrypted") is not True:
            yield Finding(
                f"{place}.BlockDeviceMappings[{index}].Ebs", "not encrypted", "add Encrypted: true"
            )


def _spot(node_type: NodeType) -> Iterator[Finding]:
    if node_type.is_head and inside(node_type.node_config, "InstanceMarketOptions", "MarketType"):
        yield Finding(
            f"{node_type.place}.node_config.InstanceMarketOptions",
            "the head is a spot machine, and the cluster ends with it",
            "rent the head on demand",
        )
