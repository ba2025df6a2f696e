"""Registries, and how plugins fill them."""

from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import pytest

from raydoa import plugins
from raydoa.plugins import Registry


def _installed(monkeypatch: pytest.MonkeyPatch, *register: Any) -> None:
    points = [SimpleNamespace(load=lambda one=one: one) for one in register]
    monkeypatch.setattr(plugins, "_unloaded", lambda: points)


def test_a_plugin_may_look_into_registries_while_it_registers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    things: Registry[EntryPoint] = Registry("thing")
    seen = []

    def register() -> None:
        seen.append(things.names())
        things.register(EntryPoint("mine", "a:b", "group"))

    _installed(monkeypatch, register)
    assert things.names() == ("mine",) and seen == [()]
    assert things.names() == ("mine",), "once"


def test_a_plugin_that_fails_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    things: Registry[EntryPoint] = Registry("thing")
    entry = EntryPoint("mine", "a:b", "group")

    def broken() -> None:
        raise RuntimeError("no such model")

    _installed(monkeypatch, lambda: things.register(entry), broken)
    with pytest.raises(RuntimeError, match="no such model"):
        things.names()
    assert things.names() == ("mine",)


def test_an_entry_stands_before_one_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    things: Registry[EntryPoint] = Registry("thing")
    things.register(EntryPoint("b", "a:b", "group"))
    things.register(EntryPoint("a", "a:b", "group"), before="b")
    _installed(monkeypatch)
    assert things.names() == ("a", "b")
    with pytest.raises(ValueError, match="thing: found 'c' to stand before; known are a, b"):
        things.register(EntryPoint("d", "a:b", "group"), before="c")
