"""Reading a cluster file: Ray's launcher YAML (aws, gcp, local) or KubeRay's Kubernetes documents."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from raydoa.errors import UserError, did_you_mean

PROVIDERS = ("aws", "gcp", "local")


@dataclass(frozen=True)
class NodeType:
    """One of `available_node_types`, whatever is missing in it."""

    name: str
    settings: Mapping[str, Any]
    is_head: bool

    @property
    def place(self) -> str:
        """Where it stands in the file."""
        return f"available_node_types.{self.name}"

    @property
    def node_config(self) -> Mapping[str, Any]:
        """What goes to the cloud."""
        config = self.settings.get("node_config")
        return config if isinstance(config, Mapping) else {}


@dataclass(frozen=True)
class LauncherFile:
    """A file for `ray up`."""

    path: Path
    config: Mapping[str, Any]

    @property
    def provider(self) -> Mapping[str, Any]:
        """The section of that name."""
        found: Mapping[str, Any] = self.config["provider"]
        return found

    def node_types(self) -> Iterator[NodeType]:
        """Every node type; none where the provider has none (local)."""
        types = self.config.get("available_node_types")
        for name, settings in (types if isinstance(types, Mapping) else {}).items():
            if isinstance(settings, Mapping):
                yield NodeType(name, settings, name == self.config.get("head_node_type"))

    def commands(self, field: str) -> list[str]:
        """The shell commands of a field."""
        found = self.config.get(field)
        return [str(command) for command in found] if isinstance(found, list) else []


@dataclass(frozen=True)
class KubernetesFile:
    """A file for `kubectl apply`."""

    path: Path
    documents: tuple[Mapping[str, Any], ...]

    def of_kind(self, kind: str) -> Iterator[Mapping[str, Any]]:
        """The documents of a kind."""
        return (document for document in self.documents if document["kind"] == kind)


def read_cluster_file(path: Path) -> LauncherFile | KubernetesFile:
    """Read and tell apart.

    Raises:
        UserError: the file is missing, is not YAML, or is neither.
    """
    try:
        documents = [
            found for found in yaml.safe_load_all(path.read_text("utf-8")) if found is not None
        ]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise UserError(
            f"{path}{line}: not valid YAML: {getattr(error, 'problem', error)}"
        ) from error
    if not documents or not all(isinstance(found, dict) for found in documents):
        raise UserError(f"{path}: expected mappings of fields, as in clusters/*.yaml")
    if all({"apiVersion", "kind"} <= set(found) for found in documents):
        return KubernetesFile(path, tuple(documents))
    (config,) = documents if len(documents) == 1 else (None,)
    kind = (config or {}).get("provider")
    kind = kind.get("type") if isinstance(kind, dict) else None
    if config is None or kind not in PROVIDERS:
        near = did_you_mean(str(kind), list(PROVIDERS))
        raise UserError(
            f"{path}: provider.type: found {kind!r}; raydoa knows {', '.join(PROVIDERS)}{near}, and "
            "Kubernetes documents with apiVersion and kind"
        )
    return LauncherFile(path, config)
