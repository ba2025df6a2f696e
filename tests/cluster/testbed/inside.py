"""Open a socket inside another network namespace; it stays there, whoever serves it."""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

_CLONE_NEWNET = 0x40000000

T = TypeVar("T")


def inside(namespace: str, opened: Callable[[], T]) -> T:
    """What ``opened`` returns where it runs in the network namespace of that name.

    A namespace is a thread's, so this takes one of its own, which ends with the call.
    """
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(_enter_and_open, namespace, opened).result()


def _enter_and_open(namespace: str, opened: Callable[[], T]) -> T:
    libc = ctypes.CDLL(None, use_errno=True)  # `os.setns` came with Python 3.12.
    with Path(f"/run/netns/{namespace}").open("rb") as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), namespace)
    return opened()
