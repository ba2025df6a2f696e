"""Drain this Ray node when its cloud says that the machine will be taken away.

A node that is being drained takes no new work. Ray Train's watcher sees it and tells the workers, which save and leave
(`raydoa.on_ray.train_checkpoints`); Ray Data starts no more actors on it, and the shards that it has written are in the
store. The deadline of the notice goes along.
"""

import logging
import time

import ray
from ray._private import services
from ray.core.generated import autoscaler_pb2

from raydoa.errors import UserError
from raydoa.on_ray.preemption_notice import Cloud, Notice

logger = logging.getLogger(__name__)


def drain_on_notice(cloud: Cloud, node_id: str | None = None) -> Notice:
    """Ask for a notice until there is one, and drain the node; returns the notice.

    Args:
        cloud: where notices come from.
        node_id: another node than the one that this process runs on.

    Raises:
        UserError: Ray does not run on this machine.
    """
    # Now and not when there are seconds left: whoever cannot reach the cluster should be told while it matters little.
    address = _address()
    node_id = node_id or _own_node(address)
    gcs = ray._raylet.GcsClient(address=address)
    logger.info("watching for a notice, to drain node %s", node_id)
    while True:
        try:
            notice = cloud.notice()
        except OSError as error:
            logger.warning("the metadata service did not answer (%s); asking again", error)
            notice = None
        if notice is not None and _drained(gcs, node_id, notice):
            return notice
        time.sleep(cloud.seconds_between)


def _drained(gcs: "ray._raylet.GcsClient", node_id: str, notice: Notice) -> bool:
    """Whether Ray has taken the node out of use; it is asked again where its head did not answer."""
    try:
        accepted, why_not = gcs.drain_node(
            node_id,
            autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION"),
            notice.reason,
            round(notice.deadline * 1000),
        )
    except ray.exceptions.RpcError as error:
        logger.warning("the head node did not answer (%s); asking again", error)
        return False
    if not accepted:
        logger.warning("node %s is not drained (%s); asking again", node_id, why_not)
    return bool(accepted)


def _address() -> str:
    """Of the cluster that this machine belongs to."""
    found = services.canonicalize_bootstrap_address(None)
    if found is None:
        raise UserError("drain-on-notice: Ray does not run on this machine; run `ray start` first")
    return str(found)


def _own_node(address: str) -> str:
    """The id of the node that this process runs on."""
    ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    try:
        return str(ray.get_runtime_context().get_node_id())
    finally:
        ray.shutdown()
