"""`clusters/aws.yaml` in a lab whose machines Ray's launcher and autoscaler start and end through Amazon's API.

The copy that is launched is what `clusters/aws_setup.py` makes, but for the user (hosts know root alone), private
addresses, the set-up commands that want the internet or its file system, and the minutes that a node may idle.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.launched import Job, Launched, give_settings, without
from tests.cluster.testbed.fake_aws import FakeAws
from tests.cluster.testbed.host import HOME, Host
from tests.cluster.testbed.testbed import Testbed

REGION = "us-west-2"
BUCKET = "raydoa-of-a-test"
IMAGE = "ami-0123456789abcdef0"
ADMINISTRATOR = "AKIAADMINISTRATOR"
_LAPTOP = "172.31.200.9"
_ABSENT = ("pip", "sudo")
_IDLE_MINUTES = 0.25
_SETUP = f"clusters/aws_setup.py --region {REGION} --bucket {BUCKET} --image {IMAGE} --ssh-cidr {_LAPTOP}/32".split()
# One student of a fine-tuned teacher. The teacher takes many short steps, and what comes after it few.
_SWEEP = [
    "--set", "cluster_grows=true", "--strategies", "distill", "--budgets", "1", "--n", "64", "--u", "250",
    "--teachers", "nano-m", "--seeds", "0", "--test-rows", "32", "--set", "teacher_recipe.epochs=150",
    "--set", "distill_recipe.epochs=1",
]  # fmt: skip


class Aws(Launched):
    """The account, and who uses it."""

    def __init__(self, testbed: Testbed) -> None:
        self.filled: dict[str, Any] = {}
        """The file that the script has written, before it is copied."""
        super().__init__(testbed, testbed.add("laptop", _LAPTOP, serves_ssh=False), "my-aws.yaml")
        self.amazon = FakeAws(testbed, REGION, self._prepare)
        aws = self._find_amazon(self.laptop)
        keys = f"[default]\naws_access_key_id = {ADMINISTRATOR}\naws_secret_access_key = secret\n"
        (aws / "credentials").write_text(keys, encoding="utf-8")

    def _prepare(self, host: Host) -> None:
        give_settings(host)
        self._find_amazon(host)

    def _find_amazon(self, host: Host) -> Path:
        """Where Amazon's clients look for its address; returns the folder."""
        folder = host.home / ".aws"
        folder.mkdir()
        (folder / "config").write_text(
            f"[default]\nendpoint_url = {self.amazon.endpoint}\n", "utf-8"
        )
        return folder

    def set_up(self) -> None:
        """As the page says."""
        self.launcher("python", *_SETUP, "--out", f"{HOME}/filled.yaml")
        filled = yaml.safe_load((self.laptop.home / "filled.yaml").read_text("utf-8"))
        self.filled = filled
        self.write(
            filled
            | {
                "auth": {"ssh_user": "root"},
                "provider": filled["provider"] | {"use_internal_ips": True},
                "setup_commands": without(_ABSENT, filled["setup_commands"]),
                "idle_timeout_minutes": _IDLE_MINUTES,
            }
        )

    @property
    def head(self) -> Host:
        """The machine that `ray up` has started."""
        return self._started("head")[0]

    @property
    def workers(self) -> list[Host]:
        """The machines that the head has started, as long as they run."""
        return self._started("worker")

    def _started(self, kind: str) -> list[Host]:
        hosts = dict(self.amazon.hosts)
        running = [one for one in self.amazon.instances() if one.id in hosts]
        return [hosts[one.id] for one in running if _kind(one) == kind]

    def tunnel(self) -> AbstractContextManager[None]:
        """The dashboard's port on the laptop, as the page brings it there."""
        return self.through("ray", "dashboard", self.file)

    def down(self) -> None:
        """`ray down`."""
        self.launcher("ray", "down", "-y", self.file)

    def submit(self) -> Job:
        """Submit the sweep."""
        return Job(self, "sweep", _SWEEP, f"s3://{BUCKET}/store")


def _kind(instance: Any) -> str:
    return str({tag["key"]: tag["value"] for tag in instance.get_tags()}["ray-node-type"])
