"""Kubernetes' own objects (pod templates, claims, network policies) against the models of its Python client.

The client is generated from Kubernetes' OpenAPI schema: each model says its fields, their types and which are needed.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from raydoa.doctor.finding import Finding, unknown_keys

_LIST, _DICT = re.compile(r"list\[(.+)\]"), re.compile(r"dict[\[(]str, (.+)[\])]")
_PLAIN: Mapping[str, tuple[type, ...]] = {
    # Quantities and "int or string" are `str` and `object` in the client.
    "str": (str, int, float),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
}


def client_is_there() -> bool:
    """Whether Kubernetes' client is installed."""
    return find_spec("kubernetes") is not None


def conforms(value: Any, kind: str, place: str) -> Iterator[Finding]:
    """Unknown fields, wrong types and missing ones in ``value``, which is to be a ``kind`` (`V1PodTemplateSpec`)."""
    many, named = _LIST.fullmatch(kind), _DICT.fullmatch(kind)
    if many:
        if isinstance(value, list):
            for index, inside in enumerate(value):
                yield from conforms(inside, many[1], f"{place}[{index}]")
        else:
            yield Finding(place, f"found {value!r}", "expected a list")
    elif named:
        if isinstance(value, Mapping):
            for key, inside in value.items():
                yield from conforms(inside, named[1], f"{place}.{key}")
        else:
            yield Finding(place, f"found {value!r}", "expected a mapping")
    elif kind in _PLAIN:
        if not isinstance(value, _PLAIN[kind]) or (isinstance(value, bool) and kind != "bool"):
            yield Finding(place, f"found {value!r}", f"expected a {kind}")
    else:
        yield from _object(value, kind, place)


def _object(value: Any, kind: str, place: str) -> Iterator[Finding]:
    import kubernetes.client

    model = getattr(kubernetes.client, kind, None)
    if model is None:
        return  # `object` and `datetime`: whatever stands there.
    if not isinstance(value, Mapping):
        yield Finding(place, f"found {value!r}", "expected a mapping")
        return
    fields = {written: field for field, written in model.attribute_map.items()}
    yield from unknown_keys(value, fields, place)
    try:
        model(**{fields[key]: inside for key, inside in value.items() if key in fields})
    except ValueError as error:
        yield Finding(place, str(error), "Kubernetes would refuse it")
    for key, inside in value.items():
        if key in fields:
            yield from conforms(inside, model.openapi_types[fields[key]], f"{place}.{key}")
