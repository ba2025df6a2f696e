"""Checks of a launcher file for Google Cloud: the provider's keys, and each `node_config` as Compute Engine takes it.

Ray hands `node_config` to `instances.insert`. Its schema is the `Instance` of Compute Engine's discovery document,
which google-api-python-client brings along; `ray up` needs that package anyway.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from raydoa.doctor.cluster_file import LauncherFile, NodeType
from raydoa.doctor.finding import Finding, inside, unknown_keys

# Every key of `provider` that Ray 2.60 reads (ray.autoscaler._private.gcp and the autoscaler itself).
_PROVIDER_KEYS = {
    "type", "region", "availability_zone", "project_id", "cache_stopped_nodes", "use_internal_ips", "gcp_credentials",
    "disable_node_updaters", "disable_launch_config_check", "foreground_node_launch", "worker_liveness_check",
    "use_external_head_ip",
}  # fmt: skip
_BY_RAY = {"sourceInstanceTemplate"}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int, str),
    "number": (int, float),
    "any": (object,),
}


def check_gcp(file: LauncherFile) -> Iterator[Finding]:
    """Every check of this room."""
    yield from unknown_keys(file.provider, _PROVIDER_KEYS, "provider")
    for key in ("region", "availability_zone", "project_id"):
        if not file.provider.get(key):
            yield Finding(f"provider.{key}", "missing", "name it")
    if file.provider.get("cache_stopped_nodes"):
        yield Finding(
            "provider.cache_stopped_nodes",
            "nodes are only stopped, and their disks stay billed",
            "set cache_stopped_nodes: false",
        )
    if "gcp_credentials" in file.provider:
        yield Finding(
            "provider.gcp_credentials",
            "a secret in the file",
            "take it out: gcloud auth application-default login",
        )
    schemas = _schemas()
    if schemas is None:
        yield Finding(
            "node_config",
            "cannot be checked without google-api-python-client",
            "pip install 'raydoa[gcp]', which `ray up` needs as well",
        )
    for node_type in file.node_types():
        place = f"{node_type.place}.node_config"
        if schemas is not None:
            given = {key: at for key, at in node_type.node_config.items() if key not in _BY_RAY}
            yield from _conforms(given, {"$ref": "Instance"}, schemas, place)
        yield from _closed(node_type, place)


@cache
def _schemas() -> Mapping[str, Any] | None:
    spec = find_spec("googleapiclient")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0])
    document = folder / "discovery_cache" / "documents" / "compute.v1.json"
    found: Mapping[str, Any] = json.loads(document.read_text("utf-8"))["schemas"]
    return found


def _conforms(
    value: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any], place: str
) -> Iterator[Finding]:
    """Unknown keys, wrong types and values outside their enumerations, at any depth."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"]]
    kind = schema.get("type", "any")
    if kind == "object":
        if not isinstance(value, Mapping):
            yield Finding(place, f"found {value!r}", "expected a mapping")
            return
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties")
        if others is None:
            yield from unknown_keys(value, properties, place)
        for key, inside in value.items():
            of_key = properties.get(key, others)
            if of_key is not None:
                yield from _conforms(inside, of_key, schemas, f"{place}.{key}")
    elif kind == "array":
        if not isinstance(value, list):
            yield Finding(place, f"found {value!r}", "expected a list")
            return
        for index, inside in enumerate(value):
            yield from _conforms(inside, schema["items"], schemas, f"{place}[{index}]")
    elif "int64" in schema.get("format", "") and isinstance(value, int):
        return  # JSON has them in quotes, and numbers are taken as well.
    elif not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield Finding(place, f"found {value!r}", f"expected a {kind}")
    elif schema.get("enum") and value not in schema["enum"]:
        yield Finding(place, f"found {value!r}", f"expected one of {', '.join(schema['enum'])}")


def _closed(node_type: NodeType, place: str) -> Iterator[Finding]:
    config = node_type.node_config
    if not config.get("networkInterfaces"):
        yield Finding(
            f"{place}.networkInterfaces",
            "missing: the default network lets SSH in from 0.0.0.0/0",
            "name a subnetwork of your own, as clusters/gcp_setup.sh makes it",
        )
    if not config.get("serviceAccounts"):
        why = "missing: Ray gives the head an account that may change all of Compute Engine"
        yield Finding(
            f"{place}.serviceAccounts",
            why if node_type.is_head else "missing",
            "name a narrow account of your own",
        )
    if node_type.is_head and inside(config, "scheduling", "provisioningModel") == "SPOT":
        yield Finding(
            f"{place}.scheduling",
            "the head is a spot machine, and the cluster ends with it",
            "rent the head on demand",
        )
