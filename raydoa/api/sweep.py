"""Sweeps: priced, measured, and read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydoa.api.configure import Chosen, Configurable, arguments_for_flags, choose
from raydoa.experiment.config import RuntimeConfig

if TYPE_CHECKING:
    import pandas as pd

    from raydoa.experiment.forecast import Forecast
    from raydoa.experiment.resolve import Resolved


@dataclass(frozen=True)
class PricedSweep:
    """A sweep of which is known what it costs: rows, models and prices, how it runs, and its cells, trials and stages."""

    resolved: "Resolved"
    runtime: RuntimeConfig
    expected: "Forecast"

    def dry_run(self) -> str:
        """What it would cost, and what cannot be reached."""
        from raydoa.simulation.dry_run import dry_run_lines

        return "\n".join(dry_run_lines(self.resolved.study, self.runtime, self.expected))

    def run(self) -> Path:
        """Measure it, and return its result dir."""
        from raydoa.experiment.real_money import set_ceiling
        from raydoa.on_ray.sweep import run_sweep

        store = self.resolved.context.store
        self.resolved.study.check_reachable()  # What cannot start sets no ceiling.
        set_ceiling(self.resolved.study, self.runtime, store, self.expected.real_micro_usd)
        return run_sweep(self.resolved, self.runtime, self.expected)


def priced(chosen: Chosen, *, to_run: bool) -> PricedSweep:
    """Price a sweep; one that is ``to_run`` must reach everything that it needs.

    Raises:
        UserError: the configuration is wrong, something cannot be reached, or a task must say whose labels it buys.
    """
    from raydoa.experiment.forecast import forecast
    from raydoa.experiment.resolve import resolve
    from raydoa.experiment.whose_labels import ask_of_cells, check_owned

    configuration = chosen.configuration
    resolved = resolve(configuration.sweep, configuration.runtime)
    study = resolved.study
    if to_run:
        study.check_reachable()  # Before Ray and a large forecast take seconds.
    check_owned(study, chosen.given)
    cells = study.cells()
    ask_of_cells(study, cells)
    expected = forecast(study, cells)
    return PricedSweep(resolved, configuration.runtime, expected)


@arguments_for_flags()
def run(base: Configurable, runtime: RuntimeConfig | None = None, **changes: Any) -> Path:
    """Measure a sweep on Ray and return its result dir; what is there already is not made again.

    Ray is used as it is: connected to, if ``RAY_ADDRESS`` names a cluster, else started on this machine.

    Args:
        base, runtime, changes: as `configure` takes them.

    Raises:
        UserError: the configuration is wrong, something cannot be reached, or a trial failed; what is finished stays.
        RunFailed: trials failed, or Ray died, on which the process may end soon; in another one the same call continues.
            In a thread other than the main one the death of Ray ends the process.
        Interrupted: somebody stopped it; the same call continues.

    Example:
        >>> result_dir = run("embedded", n=100, budgets=[5, 50], seeds=0)
        >>> cells = load(result_dir)
    """
    return priced(choose(base, runtime, changes), to_run=True).run()


@arguments_for_flags()
def dry_run(base: Configurable, runtime: RuntimeConfig | None = None, **changes: Any) -> str:
    """What a sweep would cost, as the command line prints it: without a GPU, Ray, or the data.

    Args:
        base, runtime, changes: as `configure` takes them.

    Raises:
        UserError: the configuration is wrong.

    Example:
        >>> print(dry_run("paper", tasks="wlp", cluster="8xa100-80gb"))
    """
    return priced(choose(base, runtime, changes), to_run=False).dry_run()


def load(result_dirs: str | Path | Sequence[str | Path]) -> "pd.DataFrame":
    """The rows of sweeps and searches, finished or not: one for each cell.

    Args:
        result_dirs: one result dir or several, each a folder or a URL.

    Raises:
        UserError: one is no result dir, or a raydoa with other columns wrote it.

    Example:
        >>> cells = load(["results/embedded-0123456789", "s3://bucket/results/paper-9876543210"])
        >>> cells[cells.feasible].groupby(["strategy", "budget"]).score.mean()
    """
    from raydoa.report import results

    return results.load(result_dirs)
