"""Notices, asked of a real server that speaks the clouds' protocols."""

import time
from collections.abc import Iterator
from urllib.error import HTTPError

import pytest

from raydoa.on_ray.preemption_notice import ComputeEngineMetadata, Ec2Metadata
from tests.metadata import Metadata, serving


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metadata]:
    with serving() as service:
        for name, value in service.environment().items():
            monkeypatch.setenv(name, value)
        yield service


def test_amazon_has_none_until_it_has_one(metadata: Metadata) -> None:
    cloud = Ec2Metadata()
    assert cloud.notice() is None
    metadata.interrupt(seconds=120)
    notice = cloud.notice()
    assert notice is not None and metadata.deadline is not None
    assert notice.deadline == metadata.deadline.timestamp()
    assert "terminate" in notice.reason
    assert [method for method, _ in metadata.asked] == ["PUT", "GET", "GET"], "one token serves"


def test_amazon_s_token_is_renewed_when_it_has_run_out(metadata: Metadata) -> None:
    cloud = Ec2Metadata()
    assert cloud.notice() is None
    metadata.token = "token-2"
    metadata.interrupt()
    assert cloud.notice() is not None
    assert [method for method, _ in metadata.asked] == ["PUT", "GET", "GET", "PUT", "GET"]


def test_a_service_that_refuses_is_an_error_and_no_endless_loop(metadata: Metadata) -> None:
    cloud = Ec2Metadata()
    assert cloud.notice() is None
    metadata.refuses = True
    with pytest.raises(HTTPError, match="401"):
        cloud.notice()


def test_google_has_none_until_it_has_one(metadata: Metadata) -> None:
    cloud = ComputeEngineMetadata()
    assert cloud.notice() is None
    metadata.interrupt()
    notice = cloud.notice()
    assert notice is not None
    assert 25 < notice.deadline - time.time() <= 30


@pytest.mark.parametrize("cloud", [Ec2Metadata, ComputeEngineMetadata])
def test_no_answer_is_an_oserror(
    cloud: type[Ec2Metadata] | type[ComputeEngineMetadata],
    metadata: Metadata,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:9")
    with pytest.raises(OSError):
        cloud().notice()
