"""A disk that can be full: a small file system in memory, and a file that takes the rest of it."""

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_SIZE = "192m"
_BALLAST = "ballast"


@dataclass(frozen=True)
class SmallDisk:
    """Mounted at a folder, which only root may do."""

    folder: Path

    @staticmethod
    def allowed() -> bool:
        """Whether this process may mount one."""
        return os.geteuid() == 0

    def mount(self) -> None:
        """Make the folder a disk of its own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "raydoa-chaos", str(self.folder)]
        subprocess.run(command, check=True, capture_output=True)

    def fill(self) -> None:
        """Leave not one byte."""
        with suppress(OSError), (self.folder / _BALLAST).open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(2**16))

    def free(self) -> None:
        """Make room again."""
        (self.folder / _BALLAST).unlink(missing_ok=True)

    def unmount(self) -> None:
        """Give it back, with all that is on it; who still holds a file there keeps it until they end."""
        command = ["umount", "--lazy", str(self.folder)]
        subprocess.run(command, check=True, capture_output=True)
