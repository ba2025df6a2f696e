"""Reading a cluster file: Ray's launcher YAML (aws, gcp, local) or Kubernetes documents for KubeRay."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from raydoa.doctor.finding import as_list, as_mapping, nested
from raydoa.errors import UserError, did_you_mean

PROVIDERS = ("aws", "gcp", "local")


@dataclass(frozen=True)
class NodeType:
    """One of `available_node_types`; any of its fields may be missing."""

    name: str
    settings: Mapping[str, Any]
    is_head: bool

    @property
    def location(self) -> str:
        """Its path inside the file."""
        return f"available_node_types.{self.name}"

    @property
    def node_config(self) -> Mapping[str, Any]:
        """The cloud's own parameters."""
        return as_mapping(self.settings.get("node_config"))

    @property
    def is_spot(self) -> bool:
        """Whether the cloud may take the machine away."""
        return "spot" in (
            nested(self.node_config, "InstanceMarketOptions", "MarketType"),
            str(nested(self.node_config, "scheduling", "provisioningModel")).lower(),
        )


@dataclass(frozen=True)
class LauncherFile:
    """A file for `ray up`."""

    path: Path
    config: Mapping[str, Any]

    @property
    def provider(self) -> Mapping[str, Any]:
        """The section of that name."""
        return as_mapping(self.config["provider"])

    @property
    def provider_type(self) -> str:
        """One of ``PROVIDERS``."""
        return str(self.provider["type"])

    @property
    def file_mounts(self) -> Mapping[str, Any]:
        """Sources on this machine by their paths on the nodes."""
        return as_mapping(self.config.get("file_mounts"))

    def node_types(self) -> Iterator[NodeType]:
        """Every node type; none with the provider `local`."""
        for name, settings in as_mapping(self.config.get("available_node_types")).items():
            if isinstance(settings, Mapping):
                yield NodeType(name, settings, name == self.config.get("head_node_type"))

    def commands(self, field: str) -> list[str]:
        """The shell commands of a field."""
        return [str(command) for command in as_list(self.config.get(field))]


@dataclass(frozen=True)
class KubernetesFile:
    """A file for `kubectl`."""

    path: Path
    documents: tuple[Mapping[str, Any], ...]

    def of_kind(self, kind: str) -> Iterator[Mapping[str, Any]]:
        """The documents of a kind."""
        return (document for document in self.documents if document["kind"] == kind)


def read_cluster_file(path: Path) -> LauncherFile | KubernetesFile:
    """Read a file of either format. Raises `UserError`: the file is missing, is not YAML, or has neither format."""
    try:
        documents = [
            document
            for document in yaml.safe_load_all(path.read_text("utf-8"))
            if document is not None
        ]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", error)
        raise UserError(f"{path}{line}: not valid YAML: {problem}") from error
    if not documents or not all(isinstance(document, dict) for document in documents):
        raise UserError(f"{path}: expected mappings of fields, as in clusters/*.yaml")
    if all({"apiVersion", "kind"} <= set(document) for document in documents):
        return KubernetesFile(path, tuple(documents))
    provider_type = nested(documents[0], "provider", "type") if len(documents) == 1 else None
    if provider_type not in PROVIDERS:
        hint = did_you_mean(str(provider_type), list(PROVIDERS))
        raise UserError(
            f"{path}: provider.type: found {provider_type!r}; raydoa knows "
            f"{', '.join(PROVIDERS)}{hint}, and Kubernetes documents with apiVersion and kind"
        )
    return LauncherFile(path, documents[0])
