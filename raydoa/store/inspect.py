"""What `raydoa store ls | verify | gc` print: each function yields lines as they become known."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

from raydoa.errors import UserError
from raydoa.store.record import DamagedArtifact, Record
from raydoa.store.store import DAY_SECONDS, Store

_UNITS = ("B", "KB", "MB", "GB", "TB")


def ls_lines(store: Store, kind: str | None = None) -> Iterator[str]:
    """Yield a line for each artifact (of one ``kind``, if given), then a total.

    A line has the first 12 digits of the key, kind, size, age, number of files and the first few
    facts.
    """
    count, total, now = 0, 0, datetime.now(UTC)
    for key, record in store.records():
        if isinstance(record, DamagedArtifact):
            yield f"{key[:12]}  DAMAGED: {record.why}"
        elif kind is None or record.kind == kind:
            count, total = count + 1, total + record.size_bytes
            yield _line(record, now)
    yield f"{_counted(count, 'artifact')}, {size_text(total)}, in {store.url}"


def verify_lines(store: Store, *, drop: bool = False) -> Iterator[str]:
    """Yield a line for each damaged artifact, then a total; with ``drop``, remove them.

    Raises:
        UserError: at the end, if some are damaged and were not dropped.
    """
    count = damaged = 0
    for key, damage in store.verify():
        count += 1
        if damage is not None:
            damaged += 1
            yield f"{key}  {damage.why}" + ("; dropped" if drop else "")
            if drop:
                store.drop(key, damage.folder)
    if damaged and not drop:
        raise UserError(
            f"{store.url}: {damaged} of {_counted(count, 'artifact')} damaged; drop them with "
            "raydoa store verify --drop, and the next run makes them again"
        )
    yield f"{_counted(count, 'artifact')} read, {damaged} damaged, in {store.url}"


def gc_lines(
    store: Store,
    keep: AbstractSet[str] | None = None,
    older_than_seconds: float = DAY_SECONDS,
    *,
    dry_run: bool = False,
) -> Iterator[str]:
    """Remove what `Store.collect` finds, unless ``dry_run``; yield a line for each, then a total.

    Raises:
        UserError: as `Store.collect`.
    """
    collected = store.collect(keep, older_than_seconds, dry_run=dry_run)
    for garbage in collected:
        age = age_text(garbage.age_seconds)
        yield f"{garbage.what:<9}  {size_text(garbage.bytes):>8}  {age:>4} old  {garbage.path}"
    done = "would be removed" if dry_run else "removed"
    total = size_text(sum(garbage.bytes for garbage in collected))
    yield f"{_counted(len(collected), 'thing')}, {total}, {done} from {store.url}"


def size_text(size: int) -> str:
    """Return a number of bytes for people: ``3.2 MB`` (powers of 1,000)."""
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return (
        f"{value:.0f} {_UNITS[unit]}"
        if unit == 0 or value >= 99.5
        else f"{value:.1f} {_UNITS[unit]}"
    )


def age_text(seconds: float) -> str:
    """Return an age for people, in its largest unit: ``40s``, ``5m``, ``3h``, ``12d``."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"


def _line(record: Record, now: datetime) -> str:
    plain_facts = [
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in record.facts.items()
        if not isinstance(value, dict | list)
    ]
    return (
        f"{record.key[:12]}  {record.kind:<14} {size_text(record.size_bytes):>8}  "
        f"{age_text(record.age_seconds(now)):>4}  {_counted(len(record.files), 'file'):<9}  "
        + "  ".join(plain_facts[:4])
    ).rstrip()


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
