"""Parquet, saved datasets, compressed files, and files that are something else."""

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from tests.unit.tasks.reported.case import CLASSES, LINES, ROWS, Read, Refused, Reported, table

_GITHUB = "https://github.com"
_SOURCES, _TARGETS = ([pair[n] for pair in ROWS] for n in (0, 1))
_NUMBERS = [CLASSES.index(str(target)) for target in _TARGETS]


def _parquet(**columns: Any) -> Callable[[Path], None]:
    return lambda path: pq.write_table(pa.table(columns), path)


def _dataset(numbers: list[int]) -> datasets.Dataset:
    names = datasets.ClassLabel(names=list(CLASSES))
    features = datasets.Features({"source": datasets.Value("string"), "target": names})
    return datasets.Dataset.from_dict({"source": _SOURCES, "target": numbers}, features=features)


def _zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("t.csv", table())
        archive.writestr("__MACOSX/._t.csv", "x")


FILES = [
    Reported(
        "a column of pandas' categories", f"{_GITHUB}/huggingface/datasets/issues/5706", "t.parquet",
        _parquet(source=_SOURCES, target=pa.array(_TARGETS).dictionary_encode()),
    ),
    Reported(
        "text in columns of bytes", f"{_GITHUB}/pola-rs/polars/issues/17937", "t.parquet",
        _parquet(source=pa.array([s.encode() for s in _SOURCES], pa.binary()), target=pa.array(_TARGETS, pa.large_string())),
        Read(says=("column 'source' is of bytes, and read as UTF-8",)),
    ),
    Reported(
        "pandas' index as a column", f"{_GITHUB}/pola-rs/polars/issues/7291", "t.parquet",
        _parquet(source=_SOURCES, target=_TARGETS, __index_level_0__=[0, 1, 2]),
    ),
    Reported(
        "a text within a struct", f"{_GITHUB}/dask/dask/issues/9856", "t.parquet",
        _parquet(source=[{"body": s} for s in _SOURCES], target=_TARGETS),
        Refused(": row 1: source", ("found {'body': 'Where is my refund?'}; expected text",)),
    ),
    Reported(
        "a pointer of Git LFS", f"{_GITHUB}/InertExpert2911/Mutual_Fund_Data/issues/1", "t.parquet",
        "version https://git-lfs.github.com/spec/v1\noid sha256:66\nsize 146946961\n", Refused("", ("a pointer of Git LFS", "`git lfs pull`")),
    ),
    Reported(
        "a Parquet file that was cut off", f"{_GITHUB}/hturki/suds/issues/49", "t.parquet", b"PAR1" + bytes(100),
        Refused("", ("not a Parquet file, or a damaged one",)),
    ),
    Reported(
        "a dataset that was saved with several splits", f"{_GITHUB}/huggingface/datasets/issues/2424", "saved",
        lambda path: datasets.DatasetDict({"train": _dataset(_NUMBERS), "dev": _dataset(_NUMBERS)}).save_to_disk(path),
        Refused("", ("a saved dataset of several splits; name one:", "saved/train", "saved/dev")),
    ),
    Reported(
        "-1 for hidden labels, in a dataset that names its classes", f"{_GITHUB}/huggingface/datasets/issues/5624", "saved",
        lambda path: _dataset([0, -1, 2]).save_to_disk(path),
        Read((ROWS[0], ROWS[2], (_SOURCES[1], None)), ("1 rows without a label join the pool",)),
    ),
    Reported(
        "an Arrow file of `datasets`", f"{_GITHUB}/huggingface/datasets/issues/5481", "data-00000-of-00001.arrow", b"ARROW1",
        Refused(": train", ("from folders that datasets has saved",), file="task.yaml"),
    ),
    Reported(
        "a folder of other things", f"{_GITHUB}/artidoro/qlora/pull/218", "rows", lambda path: path.mkdir(),
        Refused("", ("a folder, and none that datasets has saved", "name a file")),
    ),
    Reported(
        "a ZIP archive", f"{_GITHUB}/h2oai/datatable/issues/488", "t.csv.zip", _zipped,
        Refused(": train", ("text also with .gz, .bz2, .xz",), file="task.yaml"),
    ),
    Reported(
        "Zstandard", f"{_GITHUB}/huggingface/datasets/issues/2572", "t.jsonl.zst", b"\x28\xb5\x2f\xfd" + bytes(99),
        Refused(": train", ("text also with .gz, .bz2, .xz",), file="task.yaml"),
    ),
    Reported(
        "text called `.gz`", f"{_GITHUB}/yuntianf/LongcellPre/issues/13", "t.csv.gz", table(),
        Refused("", ("cannot be uncompressed", "it is damaged, or is not what the ending of its name says")),
    ),
    Reported(
        "a `.gz` that was cut off", f"{_GITHUB}/jts/nanopolish/issues/633", "t.jsonl.gz", gzip.compress(LINES.encode())[:-12],
        Refused("", ("cannot be uncompressed", "it was cut off: fetch it again")),
    ),
    Reported(
        "gzip without its ending", f"{_GITHUB}/datagouv/hydra/issues/468", "t.csv", gzip.compress(table().encode()),
        Refused("", ("compressed with gzip; its name is to end with .gz",)),
    ),
    Reported(
        "the page that shows a file", f"{_GITHUB}/kavgan/nlp-in-practice/issues/1", "t.csv.gz",
        '\n\n<!DOCTYPE html>\n<html lang="en">\n', Refused("", ("a web page, and not the file itself; download that",)),
    ),
    Reported(
        "an empty file", f"{_GITHUB}/gkunter/coquery/issues/84", "t.csv", "",
        Refused("task tickets: train: ", ("t.csv has no rows",), file=""),
    ),
]  # fmt: skip
