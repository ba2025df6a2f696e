"""What Ray itself says of a cluster YAML, offline: the launcher's schema."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

from raydoa.doctor.finding import Finding
from raydoa.on_ray.ray_internals import validate_launcher_config

_REMEDY = "see Ray's cluster YAML reference"


def check_schema(config: Mapping[str, Any]) -> Iterator[Finding]:
    """Apply the launcher's defaults and schema, as `ray up` does before anything else."""
    import click
    import jsonschema

    try:
        # Ray prints a warning for each mounted file, which matters inside containers only.
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            validate_launcher_config(copy.deepcopy(dict(config)))
    except jsonschema.ValidationError as error:
        field = ".".join(str(part) for part in error.absolute_path) or "the file"
        yield Finding(field, error.message, _REMEDY)
    except click.ClickException as error:
        yield Finding("the file", error.message, _REMEDY)
    except (ValueError, RuntimeError, KeyError, AttributeError, TypeError, AssertionError) as error:
        yield Finding("the file", f"{type(error).__name__}: {error}", _REMEDY)
