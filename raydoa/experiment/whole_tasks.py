"""A configuration that is kept names tasks that leave nothing out: what is inferred today would be other with more rows."""

from pathlib import Path

from raydoa.experiment.configuration import Configuration
from raydoa.tasks.catalog import task_given
from raydoa.tasks.own_task import write_task


def with_whole_tasks(configuration: Configuration, path: Path) -> Configuration:
    """A configuration that will be written to ``path``, each task of which something is inferred written beside it, whole.

    Raises:
        UserError: a task is wrong, or a file cannot be written.
    """
    names = []
    for name in configuration.sweep.grid.tasks:
        spec = task_given(name, configuration.runtime.data)
        if spec.inferred:
            whole = path.with_name(f"{path.stem}.{spec.name}.yaml")
            write_task(spec, whole)
            names.append(str(whole))
        else:
            names.append(name)
    if tuple(names) == configuration.sweep.grid.tasks:
        return configuration
    return configuration.changed({"tasks": names})
