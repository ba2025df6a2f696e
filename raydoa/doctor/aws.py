"""Checks of a launcher file for AWS: each `node_config` as RunInstances takes it, and closed.

Ray passes `node_config` to EC2's RunInstances as it is, but for `SubnetIds`. botocore knows that call's parameters, so
typos are found offline. It does not check enumerations, and defaults of Ray and EC2 open things: those are checked here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from raydoa.doctor.cluster_file import LauncherFile, NodeType
from raydoa.doctor.finding import Finding, as_list, missing, nested

_READ_BY_RAY = {"SubnetIds"}


def check_aws(file: LauncherFile) -> Iterator[Finding]:
    """Every check of this module."""
    if "security_group" in file.provider:
        yield Finding(
            "provider.security_group",
            "Ray opens SSH of such a group to 0.0.0.0/0",
            "make a group of your own and name it in SecurityGroupIds of every node type",
        )
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


def _run_instances() -> Any:
    try:
        from botocore.session import Session
    except ImportError:
        return None
    return Session().get_service_model("ec2").operation_model("RunInstances").input_shape


def _parameters(node_type: NodeType, shape: Any) -> Iterator[Finding]:
    """What botocore finds, and values outside their enumerations, which it accepts."""
    from botocore.validate import ParamValidator

    location = f"{node_type.location}.node_config"
    parameters = {
        key: value for key, value in node_type.node_config.items() if key not in _READ_BY_RAY
    }
    report = ParamValidator().validate({**parameters, "MinCount": 1, "MaxCount": 1}, shape)
    for line in report.generate_report().splitlines():
        yield Finding(location, line, "EC2's RunInstances would refuse it")
    yield from _enumerations(parameters, shape, location)


def _enumerations(value: Any, shape: Any, location: str) -> Iterator[Finding]:
    if shape.type_name == "structure" and isinstance(value, Mapping):
        for key, member in value.items():
            if key in shape.members:
                yield from _enumerations(member, shape.members[key], f"{location}.{key}")
    elif shape.type_name == "list":
        for index, member in enumerate(as_list(value)):
            yield from _enumerations(member, shape.member, f"{location}[{index}]")
    elif getattr(shape, "enum", None) and value not in shape.enum:
        few = len(shape.enum) < 10
        allowed = f"one of {', '.join(shape.enum)}" if few else "a value that EC2 knows"
        yield Finding(location, f"found {value!r}", f"expected {allowed}")


def _closed(node_type: NodeType) -> Iterator[Finding]:
    """Security group, role, metadata service and disks: where defaults of Ray and EC2 are too open."""
    location, config = f"{node_type.location}.node_config", node_type.node_config
    why = "Ray makes a group with SSH from 0.0.0.0/0"
    yield from missing(config, location, "SecurityGroupIds", "name a group of your own", why)
    why = "Ray gives the head full access to EC2 and S3" if node_type.is_head else ""
    remedy = "name a narrow one, as in clusters/aws-iam"
    yield from missing(config, location, "IamInstanceProfile", remedy, why)
    why, remedy = (
        "the image's disk is small and not encrypted",
        "give its size, and Encrypted: true",
    )
    yield from missing(config, location, "BlockDeviceMappings", remedy, why)
    if nested(config, "MetadataOptions", "HttpTokens") != "required":
        yield Finding(
            f"{location}.MetadataOptions",
            "IMDSv1 is allowed",
            "set MetadataOptions: {HttpTokens: required}",
        )
    for index, disk in enumerate(as_list(config.get("BlockDeviceMappings"))):
        if nested(disk, "Ebs") and nested(disk, "Ebs", "Encrypted") is not True:
            yield Finding(
                f"{location}.BlockDeviceMappings[{index}].Ebs",
                "not encrypted",
                "add Encrypted: true",
            )
