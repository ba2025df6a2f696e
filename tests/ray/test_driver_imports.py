"""The driver of a sweep imports what it uses: no torch, and no tracker that nobody asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ray.driver import Driver, ray_folders
from tests.ray.tiny import Tiny

pytestmark = pytest.mark.timeout(600)

_CODE = (
    "import sys; from raydoa.cli import sweep_main; code = sweep_main('embedded', sys.argv[1:])\n"
    "print('\\n' + ' '.join(sys.modules)); sys.exit(code)"
)


def test_a_driver_is_light(_own_place: None, tiny: Tiny, tmp_path: Path) -> None:
    """From its first line to its table; mlflow is installed here, and would be imported by Tune to count callbacks."""
    with ray_folders("i") as [folder]:
        driver = Driver(tiny, tmp_path, folder, u=10)
        ran = subprocess.run(
            [sys.executable, "-c", _CODE, *driver.arguments, "--strategies", "annotate"],
            env=os.environ | {"RAY_TMPDIR": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    modules = set(ran.stdout.splitlines()[-1].split())
    assert "ray.tune" in modules
    assert not modules & {"torch", "transformers", "deepspeed", "mlflow", "wandb", "scipy.stats"}
