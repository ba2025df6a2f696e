"""Packages that only these tests need, pinned by sha256 and unpacked into a temporary folder."""

import subprocess
import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def installed(folder: Path, *requirements: str) -> Path:
    """``folder`` with the packages of requirements files beside this one.

    Where they cannot be had, the tests are skipped and say why; packages of other bytes are a failure.
    """
    files = [word for name in requirements for word in ("--requirement", str(_HERE / name))]
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps",
        "--only-binary", ":all:", "--require-hashes", "--target", str(folder), *files,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip()
        assert "DO NOT MATCH THE HASHES" not in said, said
        pytest.skip(f"packages cannot be had: {said.splitlines()[-1] if said else 'no reason'}")
    return folder
