import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.store.names import (
    attempt_at,
    check_name,
    is_file_name,
    is_key,
    record_path,
    recorded_key,
    shown,
)

KEY = "ab" + "0" * 62
FOLDER = f"data/ab/{KEY}/20250601T120000Z-0123456789ab"


@pytest.mark.parametrize(
    "name",
    ["/etc/x", "../x", "a/../../x", "", ".", "..", "a//b", "./a", "a/", "a\\b", "a\0", "a\n", "a\u2028",
     "\udcff", "x" * 201, "/".join(["x" * 99] * 11)],
)  # fmt: skip
def test_a_file_name_stays_inside(name: str) -> None:
    with pytest.raises(ValueError, match="bad file name") as caught:
        check_name(name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "name", ["a.json", "shards/0.parquet", "..a", "a..", "ä.json", ".x", "a b", "x" * 200]
)
def test_a_plain_name_is_one(name: str) -> None:
    assert check_name(name) == name


@given(st.text() | st.lists(st.sampled_from(["..", ".", "", "a", "/"])).map("/".join))
def test_no_name_leads_out(name: str) -> None:
    depth = 0
    for part in name.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0 or name.startswith("/"):
            assert not is_file_name(name)


def test_an_attempt_is_known_by_its_path_and_what_is_in_it() -> None:
    for path in (FOLDER, f"{FOLDER}/a.json", f"{FOLDER}/."):
        attempt = attempt_at(path)
        assert attempt is not None and (attempt.folder, attempt.key) == (FOLDER, KEY)
        assert attempt.began.isoformat() == "2025-06-01T12:00:00+00:00"
    for other in (
        FOLDER[:-1],
        f"{FOLDER}x",
        f"{FOLDER}\n",
        f"x/{FOLDER}",
        FOLDER.upper(),
        FOLDER.replace("/ab/", "/cd/"),
        FOLDER.replace("20250601", "20251301"),
        FOLDER.replace("20250601", "00000101"),
        FOLDER.replace("20250601", "２0250601"),
    ):
        assert attempt_at(other) is None, other


def test_a_record_is_known_by_its_path() -> None:
    assert recorded_key(record_path(KEY)) == KEY
    assert recorded_key(f"{record_path(KEY)}/odd\nname") == KEY
    for other in (f"records/cd/{KEY}.json", f"records/ab/{KEY}.json\n", f"records/ab/.{KEY}.json.0f.tmp",
                  f"records/ab/{KEY.upper()}.json", "records/ab", f"data/ab/{KEY}.json"):  # fmt: skip
        assert recorded_key(other) is None, other
    assert is_key(KEY) and not any(map(is_key, (KEY.upper(), KEY[1:], f"{KEY}\n", None, 3, [KEY])))


@given(st.text() | st.integers() | st.lists(st.text()), st.integers(10, 50))
def test_what_is_shown_is_short_and_printable(value: object, most: int) -> None:
    assert shown(value, most).isprintable()
    assert len(shown(value, most)) <= 10 * most
    assert shown("plain µ") == "plain µ" and shown("a\n\x1b[2J\ud800") == r"a\n\x1b[2J\ud800"
