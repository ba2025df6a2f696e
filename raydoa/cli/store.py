"""`raydoa store`: list the artifacts, check them, remove what nothing needs; lines are printed as they become known."""

import argparse
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path

from raydoa.errors import UserError
from raydoa.pipeline.stages import VERSIONS
from raydoa.store.names import shown
from raydoa.store.record import DamagedArtifact, NewerSchema, Record
from raydoa.store.store import DAY_SECONDS, Store

_UNITS = ("B", "KB", "MB", "GB", "TB")


def add(parser: argparse.ArgumentParser) -> None:
    """The commands of a store."""
    commands = parser.add_subparsers(dest="store_command", required=True)

    def command(
        name: str, text: str, lines: Callable[[Store, argparse.Namespace], Iterator[str]]
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text)
        added.add_argument("url", help="folder or URL of the store")
        added.set_defaults(run=_run, lines=lines)
        return added

    ls = command("ls", "list the artifacts", lambda store, o: ls_lines(store, o.kind))
    ls.add_argument("--kind", help="only artifacts of this stage", choices=sorted(VERSIONS))
    verify = command(
        "verify", "read every file and check it", lambda store, o: verify_lines(store, drop=o.drop)
    )
    verify.add_argument(
        "--drop",
        action="store_true",
        help="remove what is damaged; a run makes again what it reads of that",
    )
    gc = command("gc", "remove what nothing refers to", _gc)
    gc.add_argument("--keep", nargs="+", type=Path, metavar="RESULT_DIR",
                    help="remove every artifact that these sweeps do not use")  # fmt: skip
    gc.add_argument("--older-than-hours", type=float, default=24.0)
    gc.add_argument("--dry-run", action="store_true", help="only say what would go")


def _run(options: argparse.Namespace) -> int:
    store = Store(options.url)
    store.check_exists()
    for line in options.lines(store, options):
        print(line)
    return 0


def _gc(store: Store, options: argparse.Namespace) -> Iterator[str]:
    keep = None
    if options.keep is not None:
        from raydoa.report.artifact_keys import artifact_keys

        keep = {key for folder in options.keep for key in artifact_keys(folder)}
    return gc_lines(store, keep, options.older_than_hours * 3600, dry_run=options.dry_run)


def ls_lines(store: Store, kind: str | None = None) -> Iterator[str]:
    """Yield a line for each artifact (of one ``kind``, if given) with its first few facts, then a total."""
    count, total, now = 0, 0, datetime.now(UTC)
    for key, record in store.records():
        if isinstance(record, DamagedArtifact):
            yield f"{key[:12]}  DAMAGED: {record.why}"
        elif isinstance(record, NewerSchema):
            yield f"{key[:12]}  NEWER: {record}"
        elif kind is None or record.kind == kind:
            count, total = count + 1, total + record.size_bytes
            yield _line(record, now)
    yield from (_stray(path, what) for path, what in store.strays().items())
    yield f"{_counted(count, 'artifact')}, {_size(total)}, in {store.url}"


def verify_lines(store: Store, *, drop: bool = False) -> Iterator[str]:
    """Yield a line for each thing that is not as it should be, then a total; with ``drop``, remove what is damaged.

    Raises:
        UserError: at the end, if something of that is left.
    """
    count = damaged = hidden = strays = 0
    done = "; dropped" if drop else ""
    for key, wrong in store.verify():
        count += 1
        if isinstance(wrong, DamagedArtifact):
            damaged += 1
            if drop:
                store.drop(key, wrong.folder)
            yield f"{key}  {wrong.why}{done}"
        elif wrong is not None:
            hidden += 1
            yield f"{key}  {wrong}"
    for path, what in store.strays().items():
        strays += 1
        if drop:
            store.drop_stray(path)
        yield _stray(path, what) + done
    read = _counted(count, "artifact")
    if (damaged or strays) and not drop:
        none = "that is none" if strays == 1 else "that are none"
        more = f", and {_counted(strays, 'thing')} among the records {none}" if strays else ""
        raise UserError(
            f"{store.url}: {damaged} of {read} damaged{more}; drop them with raydoa store verify "
            "--drop; a run makes again those of them that it reads"
        )
    if hidden:
        raise UserError(f"{store.url}: {hidden} of {read} cannot be read; mend it as said above")
    yield f"{read} read, {damaged} damaged, in {store.url}"


def gc_lines(
    store: Store,
    keep: AbstractSet[str] | None = None,
    older_than_seconds: float = DAY_SECONDS,
    *,
    dry_run: bool = False,
) -> Iterator[str]:
    """Remove what `Store.collect` finds, unless ``dry_run``; yield a line for each, then a total."""
    collected = store.collect(keep, older_than_seconds, dry_run=dry_run)
    for garbage in collected:
        age = _age(garbage.age_seconds)
        yield f"{garbage.what:<9}  {_size(garbage.bytes):>8}  {age:>4} old  {shown(garbage.path, 200)}"
    done = "would be removed" if dry_run else "removed"
    total = _size(sum(garbage.bytes for garbage in collected))
    yield f"{_counted(len(collected), 'thing')}, {total}, {done} from {store.url}"


def _size(size: int) -> str:
    """Return a number of bytes for people: ``3.2 MB`` (powers of 1,000)."""
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return (
        f"{value:.0f} {_UNITS[unit]}"
        if unit == 0 or value >= 99.5
        else f"{value:.1f} {_UNITS[unit]}"
    )


def _age(seconds: float) -> str:
    """Return an age for people, in its largest unit: ``40s``, ``5m``, ``3h``, ``12d``."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"


def _line(record: Record, now: datetime) -> str:
    plain_facts = [
        shown(f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}")
        for name, value in record.facts.items()
        if not isinstance(value, dict | list)
    ]
    return (
        f"{record.key[:12]}  {shown(record.kind):<14} {_size(record.size_bytes):>8}  "
        f"{_age(record.age_seconds(now)):>4}  {_counted(len(record.files), 'file'):<9}  "
        + "  ".join(plain_facts[:4])
    ).rstrip()


def _stray(path: str, what: str) -> str:
    return f"{shown(path, 200)}  DAMAGED: {what} among the records that is none"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
