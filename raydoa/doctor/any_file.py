"""Checks that both formats share: placeholders, open networks, secrets, and nodes that run while idle."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from raydoa.doctor.finding import Finding, leaves

_PLACEHOLDER = re.compile(r"<[A-Z][A-Z_]*>")
_OPEN_NETWORKS = ("0.0.0.0/0", "::/0")
_SETUP = {"aws": "clusters/aws_setup.py fills it", "gcp": "clusters/gcp_setup.sh fills it"}
_SECRET_KEYS = re.compile(
    r"(aws_)?(secret_access_key|session_token)|password|(auth_)?token|api_key|credentials"
)
_SECRET_VALUE = re.compile(
    r"\bAKIA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bRAY_AUTH_TOKEN=\S+"
)


def check_values(config: Mapping[str, Any], provider_type: str | None = None) -> Iterator[Finding]:
    """Placeholders, networks that are open to the world, and secrets, anywhere in ``config``."""
    placeholders: dict[str, list[str]] = {}
    for location, value in leaves(config):
        text = str(value)
        for placeholder in _PLACEHOLDER.findall(text):
            placeholders.setdefault(placeholder, []).append(location)
        if any(network in text for network in _OPEN_NETWORKS):
            yield Finding(
                location,
                f"{text!r} is open to the world",
                "name the addresses that may come in, such as 203.0.113.7/32",
            )
        if _SECRET_VALUE.search(text) or _SECRET_KEYS.fullmatch(location.rsplit(".", 1)[-1]):
            yield Finding(
                location,
                "a secret in the file",
                "remove it: use roles, key files and the mounted token file",
            )
    for placeholder, locations in placeholders.items():
        others = f", and in {len(locations) - 1} other fields" if len(locations) > 1 else ""
        yield Finding(
            locations[0],
            f"the placeholder {placeholder} is left{others}",
            _SETUP.get(provider_type or "", "replace it with your own value"),
        )


def check_counts(
    location: str, field: str, minimum: Any, maximum: Any, *, unit: str
) -> Iterator[Finding]:
    """Whether fewest and most workers (`min{field}`, `max{field}`) make sense, and none runs while idle."""
    if not isinstance(minimum, int):
        return  # The schema's owner refuses it.
    if isinstance(maximum, int) and minimum > maximum:
        yield Finding(
            f"{location}.min{field}",
            f"{minimum}, more than max{field}, {maximum}",
            "lower the one or raise the other",
        )
    if minimum > 0:
        yield Finding(
            f"{location}.min{field}",
            f"{minimum} {unit} run, and are billed, while idle",
            "set 0: the autoscaler starts them",
        )
