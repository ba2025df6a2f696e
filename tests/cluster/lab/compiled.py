"""What DeepSpeed compiles before its first step on CPUs: a minute's work, which each new host would do again."""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.cluster.lab.host import Host

_COMPILE = """
import os
from deepspeed.comm.torch import build_shm_op
from torch.utils.cpp_extension import get_default_build_root
build_shm_op()
print(os.environ.get("TORCH_EXTENSIONS_DIR") or get_default_build_root())
"""


@cache
def compiled() -> Path:
    """The folder in which this machine keeps it; compiled now, if no test before has had it done."""
    done = subprocess.run(
        [sys.executable, "-c", _COMPILE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1])


def give_compiled(host: Host) -> None:
    """A copy for a host's root: who loads it locks its folder, and a host that is killed would leave it locked."""
    if compiled().exists():  # Without a compiler there is nothing, and DeepSpeed does without.
        to = host.home / ".cache/torch_extensions"
        shutil.copytree(compiled(), to, ignore=shutil.ignore_patterns("lock"))
