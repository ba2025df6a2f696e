"""What Ray itself says of a launcher file, offline: its schema, and the flags of `ray start`."""

import copy
import logging
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

from raydoa.doctor.finding import Finding


def start_flags() -> frozenset[str]:
    """Every flag that `ray start` of the installed Ray knows."""
    from ray.scripts.scripts import start

    return frozenset(flag for parameter in start.params for flag in parameter.opts)


def check_schema(config: Mapping[str, Any]) -> Iterator[Finding]:
    """Defaults filled in and the schema of the launcher applied, as `ray up` does before anything else."""
    import click
    import jsonschema
    from ray.autoscaler._private.util import prepare_config, validate_config

    written = copy.deepcopy(dict(config))
    logging.getLogger("ray.autoscaler._private.util").setLevel(logging.WARNING)
    try:
        # Ray prints a warning for each mounted file, which matters inside containers only.
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            validate_config(prepare_config(written))
    except jsonschema.ValidationError as error:
        place = ".".join(str(part) for part in error.absolute_path) or "the file"
        yield Finding(place, error.message, "see Ray's cluster YAML reference")
    except click.ClickException as error:
        yield Finding("the file", error.message, "see Ray's cluster YAML reference")
    except (ValueError, RuntimeError, KeyError, AttributeError, TypeError, AssertionError) as error:
        yield Finding(
            "the file", f"{type(error).__name__}: {error}", "see Ray's cluster YAML reference"
        )
