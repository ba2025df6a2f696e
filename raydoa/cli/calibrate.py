"""`raydoa calibrate`: measure on this machine's GPU what a sweep would otherwise estimate."""

import argparse
from pathlib import Path

from raydoa.cli.configured import add_configuration, configured
from raydoa.errors import UserError


def add(parser: argparse.ArgumentParser) -> None:
    """The flags that say which sweep, and where the unit costs go."""
    add_configuration(parser, "paper")
    parser.add_argument("--out", default="unit_costs.json", help="file for `sweep --unit-costs`")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    # Imported here: torch takes seconds, and the other commands do not need it.
    import torch

    from raydoa.costs.unit_costs import write_calibration
    from raydoa.experiment.calibrate import calibrate
    from raydoa.experiment.placement import Placer
    from raydoa.experiment.resolve import resolve

    configuration = configured(options).configuration
    sweep, runtime = configuration.sweep, configuration.runtime
    resolved = resolve(sweep, runtime)
    book = resolved.study.unit_costs.book
    if book.scaled is not None:
        raise UserError(
            f"price book {book.book_id!r} scales its prices, so nothing that is measured would be used; choose another "
            "with --prices"
        )
    if not torch.cuda.is_available():
        raise UserError(
            f"no GPU can be seen, and the accelerator is {sweep.accelerator!r}; run this where it is"
        )
    free_bytes, _ = torch.cuda.mem_get_info()
    placer = Placer.of(resolved.study, runtime)
    calibrated = calibrate(resolved.study, resolved.context.execution, placer, free_bytes)
    write_calibration(calibrated.unit_costs, Path(options.out))
    for row in calibrated.unit_costs:
        of = f"{row.model} under {row.teacher}" if row.teacher else row.model
        print(f"{row.operation} of {of}: {row.gpu_seconds:.4g} GPU-s ({row.source})")
    for work in calibrated.too_large:
        print(f"{work.operation} of {work.model}: does not fit on one GPU; it stays estimated")
    print(options.out)
    return 0
