"""What is refused before Ray starts, in one line; and who may read the token."""

import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import ray

from raydoa.errors import RunFailed, UserError
from raydoa.on_ray.cluster import cluster
from raydoa.on_ray.preflight import check_address, check_temp_folder, protect_token


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_token_is_made_for_its_owner_alone(home: Path) -> None:
    protect_token()
    token = home / ".ray" / "auth_token"
    written = token.read_text()
    assert len(written) == 64 and _mode(token) == 0o600 and _mode(token.parent) == 0o700
    assert [path.name for path in token.parent.iterdir()] == ["auth_token"]
    protect_token()
    assert token.read_text() == written


def test_a_token_that_others_may_read_is_closed(home: Path) -> None:
    token = home / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("a token")
    token.chmod(0o644)
    protect_token()
    assert token.read_text() == "a token" and _mode(token) == 0o600


def test_a_token_that_is_not_where_the_variable_says(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(home / "nowhere"))
    with pytest.raises(UserError, match=r"^RAY_AUTH_TOKEN_PATH: \S+/nowhere does not exist; unset"):
        protect_token()
    assert not list(home.iterdir())


def test_no_token_is_made_where_none_is_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    protect_token()
    assert not list(home.iterdir())


def test_an_address_where_nothing_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for named in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
        monkeypatch.setenv("RAY_ADDRESS", named)
        with pytest.raises(
            RunFailed,
            match=rf"^RAY_ADDRESS={named}: no Ray answers at \S+ \(.+\); nothing has begun, .*; name",
        ):
            check_address(named)


@pytest.mark.parametrize("named", ["nonsense", "host:port", ":1", "host:99999999"])
def test_what_is_no_address(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", named)
    with pytest.raises(
        UserError, match=rf"^RAY_ADDRESS={named}: [^\n]+; name a running cluster, or unset"
    ):
        check_address(named)


def test_a_temporary_folder_that_is_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/tmp/" + "x" * 20)
    check_temp_folder()
    monkeypatch.setenv("RAY_TMPDIR", "/tmp/" + "\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 20)
    with pytest.raises(
        RunFailed, match=r"has 49 bytes, and its sockets leave room for 4\d; .*; set RAY_TMPDIR"
    ):
        check_temp_folder()


def test_a_part_that_dies_while_ray_starts_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ray waits 30 s for its raylet, and then raises `Exception` itself; another class of error is a defect of ours."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(
        ray, "init", _raising(Exception("The current node timed out during startup."))
    )
    with (
        pytest.raises(
            RunFailed, match=r"^Ray could not be started: The current node timed out .*run the same"
        ),
        cluster("here", store=str(tmp_path)),
    ):
        pass
    monkeypatch.setattr(ray, "init", _raising(KeyError("x")))
    with pytest.raises(KeyError), cluster("here", store=str(tmp_path)):
        pass


def _raising(error: Exception) -> Callable[..., None]:
    def raises(**_options: object) -> None:
        raise error

    return raises
