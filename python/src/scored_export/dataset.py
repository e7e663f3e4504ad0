"""Reads what `scored dataset` wrote: a CSV and the JSON beside it. Nothing is guessed."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from .errors import DatasetError


@dataclass(frozen=True)
class Dataset:
    """Rows as dataprep gave them at several instants.

    Number columns of X are float64, text columns objects; missing is NaN in both. Keys are text. Labels are int64 if
    all are whole numbers, else float64 if all are numbers (NaN where empty), else text; None without a label column.
    """

    X: pd.DataFrame
    y: pd.Series | None
    key: pd.Series
    as_of: pd.Series
    meta: dict[str, Any]


def read_dataset(csv_path: str | os.PathLike[str]) -> Dataset:
    """Read a CSV of `scored dataset` and its `.json`.

    Raises:
        DatasetError: the files are not what `scored dataset` writes; names file, line and column.
    """
    path = Path(csv_path)
    meta = read_meta(path.with_name(path.name + ".json"))
    kinds = {c["name"]: c["type"] for c in meta["columns"]}
    header = ["as_of", meta["key"], *kinds, *([meta["label"]] if meta["label"] else [])]
    lines, columns = read_columns(path, header)

    as_of, key, *values = columns
    features = {}
    for (name, kind), cells in zip(kinds.items(), values, strict=False):
        if kind == "number":
            features[name] = pd.Series(numbers(path, name, lines, cells), dtype="float64")
        else:
            features[name] = pd.Series([cell or math.nan for cell in cells], dtype="object")
    return Dataset(
        X=pd.DataFrame(features, index=pd.RangeIndex(len(lines))),
        y=labels(values[-1], meta["label"]) if meta["label"] else None,
        key=pd.Series(key, dtype="object", name=meta["key"]),
        as_of=pd.Series(instants(path, lines, as_of), dtype="datetime64[us, UTC]", name="as_of"),
        meta=meta,
    )


def read_meta(path: Path) -> dict[str, Any]:
    """Read the JSON beside the CSV."""
    try:
        meta: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise DatasetError(f"{path} is missing: scored dataset writes it beside the CSV") from err
    except ValueError as err:
        raise DatasetError(f"{path} is not JSON: {err}") from err
    if not isinstance(meta, dict) or not isinstance(meta.get("key"), str) or not isinstance(meta.get("columns"), list):
        raise DatasetError(f"{path}: key and columns are missing")
    meta.setdefault("label", None)
    for column in meta["columns"]:
        if not isinstance(column, dict) or column.get("type") not in ("number", "text") or "name" not in column:
            raise DatasetError(f"{path}: a column needs a name and the type number or text: {column!r}")
    return meta


def read_columns(path: Path, header: list[str]) -> tuple[list[int], list[list[str]]]:
    """Return the lines' numbers and the cells by column."""
    lines: list[int] = []
    columns: list[list[str]] = [[] for _ in header]
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file, strict=True)
        for line, cells in records(path, reader):
            if line == 0:
                if cells != header:
                    raise DatasetError(f"{path}: the header is not the one that {path.name}.json describes")
                continue
            if len(cells) != len(header):
                raise DatasetError(f"{path}:{line}: {len(cells)} values for {len(header)} columns")
            lines.append(line)
            for column, value in zip(columns, cells, strict=True):
                column.append(value)
    return lines, columns


def records(path: Path, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield records with the line on which they begin; the header's is 0."""
    begin = 0
    try:
        for cells in reader:
            yield begin, cells
            begin = reader.line_num + 1
    except (csv.Error, UnicodeDecodeError) as err:
        raise DatasetError(f"{path}:{begin}: {err}") from err
    if begin == 0:
        raise DatasetError(f"{path} is empty")


def numbers(path: Path, name: str, lines: list[int], cells: list[str]) -> list[float]:
    """Return a number column's values, NaN where empty."""
    out = []
    for line, cell in zip(lines, cells, strict=True):
        try:
            out.append(number(cell))
        except ValueError as err:
            raise DatasetError(f"{path}:{line}: column {name} is not a number") from err
    return out


def number(cell: str) -> float:
    """Return a cell's number, NaN where empty; stricter than float(), which takes 1_000 and spaces."""
    if cell == "":
        return math.nan
    if "_" in cell or cell != cell.strip():
        raise ValueError(cell)
    return float(cell)


def instants(path: Path, lines: list[int], cells: list[str]) -> list[datetime]:
    """Return the as-ofs in UTC."""
    known: dict[str, datetime] = {}
    for line, cell in zip(lines, cells, strict=True):
        if cell not in known:
            try:
                moment = datetime.fromisoformat(cell)
            except ValueError as err:
                raise DatasetError(f"{path}:{line}: as_of is not an RFC 3339 time") from err
            known[cell] = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return [known[cell] for cell in cells]


def labels(cells: list[str], name: str) -> pd.Series:
    """Return the labels, as whole numbers if all are, else as numbers, else as text."""
    try:
        values = [number(cell) for cell in cells]
    except ValueError:
        return pd.Series([cell or math.nan for cell in cells], dtype="object", name=name)
    series = pd.Series(values, dtype="float64", name=name)
    return series.astype("int64") if all(v.is_integer() for v in values) else series
