"""Checks of a launcher file for Google Cloud: each `node_config` as Compute Engine takes it, and closed.

Ray passes `node_config` to `instances.insert`. Its schema is `Instance` of Compute Engine's discovery document, which
google-api-python-client ships; `ray up` needs that package anyway.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from raydoa.doctor.cluster_file import LauncherFile, NodeType
from raydoa.doctor.finding import Finding, missing

_READ_BY_RAY = {"sourceInstanceTemplate"}


def check_gcp(file: LauncherFile) -> Iterator[Finding]:
    """Every check of this module."""
    validator = _instance_validator()
    if validator is None:
        yield Finding(
            "node_config",
            "cannot be checked without google-api-python-client",
            "pip install 'raydoa[gcp]', which `ray up` needs as well",
        )
    for node_type in file.node_types():
        location, config = f"{node_type.location}.node_config", node_type.node_config
        instance = {key: value for key, value in config.items() if key not in _READ_BY_RAY}
        for error in validator.iter_errors(instance) if validator is not None else ():
            field = error.json_path.removeprefix("$")
            yield Finding(f"{location}{field}", error.message, "Compute Engine would refuse it")
        yield from _closed(node_type, location)


@cache
def _instance_validator() -> Any:
    """A validator of `Instance`; None without the client."""
    try:
        from googleapiclient.discovery_cache import get_static_doc
    except ImportError:
        return None
    from jsonschema import Draft3Validator
    from referencing import Registry
    from referencing.jsonschema import DRAFT3

    document = json.loads(get_static_doc("compute", "v1"), object_hook=_strict)
    schemas = (
        (name, DRAFT3.create_resource(schema)) for name, schema in document["schemas"].items()
    )
    return Draft3Validator({"$ref": "Instance"}, registry=Registry().with_resources(schemas))


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """Refuse unknown keys, and accept integers with and without quotes, as Google's JSON does."""
    if schema.get("type") == "object" and "properties" in schema:
        return {"additionalProperties": False, **schema}
    if "int" in str(schema.get("format")):
        return {**schema, "type": ["string", "integer"]}
    return schema


def _closed(node_type: NodeType, location: str) -> Iterator[Finding]:
    """Network and account: where defaults of Ray and Google are too open."""
    why = "the default network lets SSH in from 0.0.0.0/0"
    remedy = "name a subnetwork of your own, as clusters/gcp_setup.sh makes it"
    yield from missing(node_type.node_config, location, "networkInterfaces", remedy, why)
    why = "Ray gives the head an account that may change all of Compute Engine"
    why, remedy = why if node_type.is_head else "", "name a narrow account of your own"
    yield from missing(node_type.node_config, location, "serviceAccounts", remedy, why)
