"""`raydoa drain-on-notice`: runs on each spot node, beside Ray."""

import argparse

from raydoa.on_ray.preemption_notice import METADATA_SERVICES


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument(
        "cloud", choices=list(METADATA_SERVICES), help="whose metadata service to ask"
    )
    parser.add_argument(
        "--node-id", help="of the node to drain; the one of this machine by default"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from raydoa.on_ray.drain import drain_on_notice

    notice = drain_on_notice(METADATA_SERVICES[options.cloud](), options.node_id)
    print(f"drained: {notice.reason}")
    return 0
