"""Drain this Ray node when its cloud announces that the machine will be preempted.

A node that is being drained takes no new work. Ray Train's watcher sees it and notifies the workers, which save a
checkpoint and exit (`raydoa.on_ray.train_checkpoints`); Ray Data starts no more actors on it, and the shards that it has
written are in the store. The deadline of the notice goes along.
"""

import logging
import time
from typing import Any

import ray

from raydoa.errors import UserError
from raydoa.on_ray import ray_internals
from raydoa.on_ray.preemption_notice import MetadataService, PreemptionNotice

logger = logging.getLogger(__name__)


def drain_on_notice(service: MetadataService, node_id: str | None = None) -> PreemptionNotice:
    """Poll for a preemption notice, drain the node once there is one (by default this process's), and return the notice.

    Raises:
        UserError: Ray does not run on this machine.
    """
    # Connect now and not when seconds are left: that the cluster cannot be reached should be known while it matters little.
    address = ray_internals.cluster_address()
    if address is None:
        raise UserError("drain-on-notice: Ray does not run on this machine; run `ray start` first")
    node_id = node_id or _own_node(address)
    gcs = ray_internals.gcs_client(address)
    logger.info("polling for a preemption notice, to drain node %s", node_id)
    while True:
        try:
            notice = service.notice()
        except OSError as error:
            logger.warning("the metadata service did not answer (%s); retrying", error)
            notice = None
        if notice is not None and _drain(gcs, node_id, notice):
            return notice
        time.sleep(service.poll_seconds)


def _drain(gcs: Any, node_id: str, notice: PreemptionNotice) -> bool:
    """Whether Ray has accepted; where its head did not answer, the caller retries."""
    try:
        accepted, rejection = ray_internals.drain_node(gcs, node_id, notice.reason, notice.deadline)
    except ray.exceptions.RpcError as error:
        logger.warning("the head node did not answer (%s); retrying", error)
        return False
    if not accepted:
        logger.warning("Ray refused to drain node %s (%s); retrying", node_id, rejection)
    return accepted


def _own_node(address: str) -> str:
    """The id of the node that this process runs on."""
    ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    try:
        return str(ray.get_runtime_context().get_node_id())
    finally:
        ray.shutdown()
