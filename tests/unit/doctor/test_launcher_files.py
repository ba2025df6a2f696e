"""The offline doctor on launcher files: the shipped ones are well, and every check finds its broken one."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from raydoa.cli import main
from tests.unit.doctor.conftest import CLUSTERS, Examine, filled, merged

WELL = ["no problems found"]
HEAD = "available_node_types|head"
SPOT = "available_node_types|a10g_spot"
SPOT_L4 = "available_node_types|l4_spot"


@pytest.mark.parametrize("name", ["aws", "gcp", "kuberay", "onprem"])
def test_a_filled_file_is_well(examine: Examine, name: str) -> None:
    assert examine(name) == (0, WELL)


@pytest.mark.parametrize("name", ["aws", "gcp", "kuberay"])
def test_a_shipped_file_is_refused_until_it_is_filled(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(CLUSTERS / f"{name}.yaml")]) == 1
    lines = [
        line for line in capsys.readouterr().out.splitlines() if line.startswith(str(CLUSTERS))
    ]
    assert lines and all("the placeholder <" in line and " is left" in line for line in lines)


def start(field: str, old: str, new: str, name: str = "aws") -> dict[str, Any]:
    """The start commands of a field with ``old`` replaced."""
    commands = yaml.safe_load(filled(name))[field]
    assert any(old in command for command in commands)
    return {field: [command.replace(old, new) for command in commands]}


AT_HEAD, AT_WORKER = "head_start_ray_commands", "worker_start_ray_commands"
ANY_PROVIDER = {
    # Ray's own schema.
    "idle_timout_minutes": ({"idle_timout_minutes": 5}, "'idle_timout_minutes' was unexpected"),
    "node type key": ({f"{SPOT}|min_worker": 0}, "'min_worker' was unexpected"),
    "resources of words": ({f"{SPOT}|resources": {"GPU": "one"}}, "'one' is not of type 'integer'"),
    "head_node_type": ({"head_node_type": "haed"}, "`head_node_type` must be one of"),
    # What nothing else finds.
    "min above max": (
        {f"{SPOT}|min_workers": 3, f"{SPOT}|max_workers": 2},
        "available_node_types.a10g_spot.min_workers: 3, more than max_workers, 2; lower the one",
    ),
    "nodes that idle": (
        {f"{SPOT}|min_workers": 1},
        "a10g_spot.min_workers: 1 nodes run, and are billed, while idle; set 0",
    ),
    "no auth": ({"auth": None}, "auth.ssh_user: missing; name the SSH user"),
    "no ssh_user": ({"auth": {"ssh_private_key": "~/.ssh/id_ed25519"}}, "auth.ssh_user: missing"),
    "no such key": (
        {"auth|ssh_private_key": "~/.ssh/other"}, "auth.ssh_private_key: ~/.ssh/other: no such file",
    ),
    "no such mount": (
        {"file_mounts|~/data": "/nowhere/data"}, "file_mounts.~/data: /nowhere/data: no such file; make it",
    ),
    "no token": (
        {"file_mounts": {"~/raydoa": "."}}, "file_mounts: nothing brings ~/.ray/auth_token to the nodes; add",
    ),
    "token left open": (
        {"setup_commands": ["true"]}, "setup_commands: the token file stays readable for others; add `chmod 600",
    ),
    "a set-up command of Ray's own": (
        {"head_setup_commands": None}, "head_setup_commands: missing: Ray's default runs pip in the system's Python",
    ),
    "open network": (
        {"auth|ssh_proxy_command": "nc 0.0.0.0/0"}, "is open to the world; name the addresses that may come in",
    ),
    "access key": (
        {"setup_commands": ["chmod 600 ~/.ray/auth_token", "export AWS_ACCESS_KEY_ID=AKIAABCDEFGHIJKLMNOP"]},
        "setup_commands[1]: a secret in the file; remove it",
    ),
    "token in a command": (
        start(AT_HEAD, "RAY_AUTH_MODE=token", "RAY_AUTH_MODE=token RAY_AUTH_TOKEN=abc"),
        "head_start_ray_commands[1]: a secret in the file",
    ),
    "placeholder": ({"cluster_name": "<NAME>"}, "cluster_name: the placeholder <NAME> is left; clusters/aws_setup.py"),
    # Start commands.
    "flag": (
        start(AT_HEAD, "--dashboard-host", "--dashbord-host"),
        "`ray start` has no flag --dashbord-host (did you mean '--dashboard-host'?)",
    ),
    "flag of a worker": (
        start(AT_WORKER, "--object-manager-port", "--objectmanager-port"), "has no flag --objectmanager-port",
    ),
    "no token mode": (
        start(AT_WORKER, " RAY_AUTH_MODE=token", ""), "worker_start_ray_commands: no RAY_AUTH_MODE=token; put",
    ),
    "no autoscaling": (
        start(AT_HEAD, "--autoscaling-config=~/ray_bootstrap_config.yaml", ""),
        "no --autoscaling-config: no worker would ever start; add",
    ),
    "open dashboard": (
        start(AT_HEAD, "127.0.0.1", "0.0.0.0"),
        "--dashboard-host=0.0.0.0: the dashboard listens on every network; use --dashboard-host=127.0.0.1",
    ),
    "no head": (start(AT_HEAD, "--head ", ""), "head_start_ray_commands: no --head; add it"),
    "two heads": (
        start(AT_WORKER, "--address=$RAY_HEAD_IP:6379", "--head"), "--head starts another cluster; remove it",
    ),
    "another address": (
        start(AT_WORKER, "$RAY_HEAD_IP", "10.0.0.1"), "--address does not name the head; use --address=$RAY_HEAD_IP",
    ),
    "no start": ({AT_WORKER: ["ray stop"]}, "worker_start_ray_commands: 0 commands with `ray start`; give exactly"),
    "an open quote": (start(AT_WORKER, "ray start", "ray start '"), "0 commands with `ray start`"),
    # Nodes.
    "no price": (
        {f"{SPOT}|node_config|InstanceType": "g5.2xlarge"},
        "machine 'g5.2xlarge': no price in '2026-11-22'",
    ),
    "another cloud": (
        {f"{SPOT}|node_config|InstanceType": "g2-standard-4"}, "g2-standard-4 is a machine of gcp; choose one of aws",
    ),
    "GPUs that are not there": (
        {f"{SPOT}|resources|GPU": 8}, "a10g_spot.resources.GPU: found 8, and g5.xlarge has 1; set it to 1",
    ),
    "two kinds of GPU": (
        {f"{SPOT_L4}|max_workers": 1}, "max_workers: A10G and L4 may both start, and a task asks for either",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ANY_PROVIDER)
def test_every_check_of_any_provider(examine: Examine, case: str) -> None:
    changes, expected = ANY_PROVIDER[case]
    code, lines = examine("aws", merged(changes))
    assert code == 1 and any(expected in line for line in lines), lines


CONFIG = f"{SPOT}|node_config"
AWS = {
    "key": ({f"{CONFIG}|EbsOptimised": True}, 'Unknown parameter in input: "EbsOptimised"'),
    "inner key": ({f"{CONFIG}|IamInstanceProfile": {"Nam": "x"}}, 'Unknown parameter in IamInstanceProfile: "Nam"'),
    "type": ({f"{CONFIG}|SecurityGroupIds": "sg-1"}, "Invalid type for parameter SecurityGroupIds"),
    "market": (
        {f"{CONFIG}|InstanceMarketOptions|MarketType": "spott"},
        "InstanceMarketOptions.MarketType: found 'spott'; expected one of spot, ",
    ),
    "instance type": ({f"{CONFIG}|InstanceType": "g5.xlrge"}, "InstanceType: found 'g5.xlrge'; expected a value that EC2"),
    "IMDSv1": ({f"{CONFIG}|MetadataOptions": None}, "MetadataOptions: IMDSv1 is allowed; set MetadataOptions"),
    "group": ({f"{CONFIG}|SecurityGroupIds": None}, "SecurityGroupIds: missing: Ray makes a group with SSH from"),
    "role of the head": (
        {f"{HEAD}|node_config|IamInstanceProfile": None}, "missing: Ray gives the head full access to EC2 and S3; name",
    ),
    "role": ({f"{CONFIG}|IamInstanceProfile": None}, "a10g_spot.node_config.IamInstanceProfile: missing; name a narrow"),
    "disk": ({f"{CONFIG}|BlockDeviceMappings": None}, "BlockDeviceMappings: missing: the image's disk is small"),
    "open disk": (
        {f"{CONFIG}|BlockDeviceMappings|0|Ebs|Encrypted": False}, "BlockDeviceMappings[0].Ebs: not encrypted; add",
    ),
    "spot head": (
        {f"{HEAD}|node_config|InstanceMarketOptions": {"MarketType": "spot"}}, "the head is a spot machine, and",
    ),
    "stopped nodes": ({"provider|cache_stopped_nodes": None}, "nodes are only stopped, and their disks stay billed; set"),
    "region": ({"provider|region": None}, "provider.region: missing; name it"),
    "Ray's group": ({"provider|security_group": {"GroupName": "x"}}, "Ray opens SSH of such a group to 0.0.0.0/0; make"),
    "credentials": (
        {"provider|aws_credentials": {"aws_secret_access_key": "x"}}, "provider.aws_credentials: a secret in the file",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", AWS)
def test_every_check_of_aws(examine: Examine, case: str) -> None:
    changes, expected = AWS[case]
    code, lines = examine("aws", merged(changes))
    assert code == 1 and any(expected in line for line in lines), lines


GCP_CONFIG = f"{SPOT_L4}|node_config"
GCP = {
    "key": ({f"{GCP_CONFIG}|machinType": "x"}, "l4_spot.node_config: Additional properties are not allowed ('machinType' was"),
    "inner key": (
        {f"{GCP_CONFIG}|disks|0|initializeParams|diskSizeGB": 1}, "disks[0].initializeParams: Additional properties are not allowed ('diskSizeGB'",
    ),
    "type": ({f"{GCP_CONFIG}|disks|0|boot": "yes"}, "disks[0].boot: 'yes' is not of type 'boolean'; Compute Engine would refuse"),
    "no list": ({f"{GCP_CONFIG}|disks": {}}, "node_config.disks: {} is not of type 'array'"),
    "no mapping": ({f"{GCP_CONFIG}|scheduling": "SPOT"}, "scheduling: 'SPOT' is not of type 'object'"),
    "market": (
        {f"{GCP_CONFIG}|scheduling|provisioningModel": "SPOTT"}, "provisioningModel: 'SPOTT' is not one of ['FLEX_START', ",
    ),
    "network": ({f"{GCP_CONFIG}|networkInterfaces": None}, "missing: the default network lets SSH in from 0.0.0.0/0"),
    "account of the head": (
        {f"{HEAD}|node_config|serviceAccounts": None}, "missing: Ray gives the head an account that may change all",
    ),
    "account": ({f"{GCP_CONFIG}|serviceAccounts": None}, "l4_spot.node_config.serviceAccounts: missing; name a narrow"),
    "spot head": (
        {f"{HEAD}|node_config|scheduling": {"provisioningModel": "SPOT"}}, "the head is a spot machine, and",
    ),
    "stopped nodes": ({"provider|cache_stopped_nodes": True}, "nodes are only stopped, and their disks stay billed"),
    "project": ({"provider|project_id": None}, "provider.project_id: missing; name it"),
    "credentials": (
        {"provider|gcp_credentials": {"type": "service_account"}}, "provider.gcp_credentials: a secret in the file",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", GCP)
def test_every_check_of_gcp(examine: Examine, case: str) -> None:
    changes, expected = GCP[case]
    code, lines = examine("gcp", merged(changes))
    assert code == 1 and any(expected in line for line in lines), lines


LOCAL = {
    "address of an example": (
        {"provider|worker_ips": ["192.0.2.11"]}, "192.0.2.11 is an address for examples; replace it with your host's",
    ),
    "no head": ({"provider|head_ip": None}, "provider.head_ip: missing; name the host"),
    "no workers": ({"provider|worker_ips": []}, "provider.worker_ips: no workers; list their hosts"),
    "twice": ({"provider|worker_ips": ["10.0.0.1"]}, "10.0.0.1 is listed twice; name each host once"),
    "no key": ({"auth|ssh_private_key": None}, "auth.ssh_private_key: missing; name the key file"),
    "newer autoscaler": (
        start(AT_HEAD, " RAY_enable_autoscaler_v2=0", "", "onprem"), "starts one worker too few; put `export RAY_enable",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LOCAL)
def test_every_check_of_machines_of_ones_own(examine: Examine, case: str) -> None:
    changes, expected = LOCAL[case]
    code, lines = examine("onprem", merged(changes))
    assert code == 1 and any(expected in line for line in lines), lines


def test_files_that_others_may_read(examine: Examine, tmp_path: Path) -> None:
    (tmp_path / ".ray" / "auth_token").chmod(0o644)
    (tmp_path / ".ssh" / "id_ed25519").chmod(0o640)
    code, lines = examine("onprem")
    assert code == 1 and len(lines) == 2
    assert "chmod 600 ~/.ssh/id_ed25519" in lines[0]
    assert lines[1].endswith(f"others may read it; chmod 600 {tmp_path}/.ray/auth_token")
    (tmp_path / ".ray" / "auth_token").unlink()
    assert "ray get-auth-token --generate" in " ".join(examine("aws")[1])


NEEDED = {"google/t5-v1_1-xl": 56.9, "Qwen/Qwen3-4B": 76.2}
"""GB of the one GPU, for those that have too little in 24."""


@pytest.mark.parametrize(
    ("teacher", "code"),
    [
        ("google/t5-v1_1-large", 0),
        ("google/t5-v1_1-xl", 1),
        ("Qwen/Qwen3-0.6B", 0),
        ("Qwen/Qwen3-4B", 1),
        ("Qwen/Qwen3-4B[layers=0,1,2]", 0),
    ],
)
def test_the_teacher_fits_the_node(examine: Examine, teacher: str, code: int) -> None:
    got, lines = examine("aws", None, "--teacher", teacher)
    assert got == code
    if code:
        assert lines == [
            f"a10g_spot: {teacher} needs {NEEDED[teacher]} GB on each of 1 x A10G (24.0 GB each); "
            "let larger nodes start, or choose a smaller teacher"
        ]


def test_a_larger_node_has_room_for_the_teacher(examine: Examine) -> None:
    larger = merged({f"{SPOT}|max_workers": 0, "available_node_types|a100_40gb|max_workers": 1})
    assert examine("aws", larger, "--teacher", "google/t5-v1_1-xxl") == (0, WELL)


def test_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Dollars per hour of machine and disk, the counts, and where each price comes from."""
    path = tmp_path / "aws.yaml"
    path.write_text(filled("aws"))
    assert main(["doctor", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "head  m7i.xlarge  on demand  $0.213/h  1 to 1"
    assert lines[1].startswith(
        "a10g_spot  g5.xlarge  spot  at most $1.028/h  0 to 4  1 x A10G (24.0 GB each)"
    )
    a100 = next(line for line in lines if line.startswith("a100_40gb  "))
    assert "on demand  $22.012/h  0 to 0" in a100 and a100.endswith(
        "trains up to Qwen/Qwen3-14B, google/t5-v1_1-xxl, microsoft/deberta-v3-large"
    )
    total = next(
        at for at, line in enumerate(lines) if line.startswith("idle $0.213/h, at most $4.32/h")
    )
    assert any("p4d.24xlarge" in line and "(2026-11-09)" in line for line in lines[total:])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("provider: [", "not valid YAML"),
        ("- a", "expected mappings of fields"),
        ("provider: {type: azur}", "provider.type: found 'azur'; raydoa knows aws, gcp, local"),
        ("cluster_name: x", "provider.type: found None"),
    ],
)
def test_what_is_no_cluster_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    assert main(["doctor", str(path)]) == 2
    error = capsys.readouterr().err
    assert expected in error and error.count("\n") == 1


def test_mistakes_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "nowhere.yaml"]) == 2
    assert "nowhere.yaml: cannot be read (No such file" in capsys.readouterr().err
    assert main(["doctor", "x.yaml", "--store", "s"]) == 2
    assert "they are checked on a running cluster" in capsys.readouterr().err
    for mistyped, meant in (
        ("google/t5-v1_1-xx", "google/t5-v1_1-xxl"),
        ("Qwen/Qwen3-8", "Qwen/Qwen3-8B"),
    ):
        assert main(["doctor", "x.yaml", "--teacher", mistyped]) == 2
        assert f"did you mean '{meant}'?" in capsys.readouterr().err
