"""A data set is read as it was written: nothing is guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scored_export import DatasetError, read_dataset

COLUMNS = [{"name": "visits", "type": "number"}, {"name": "fuel", "type": "text"}, {"name": "empty", "type": "number"}]
HEADER = "as_of,lead_key,visits,fuel,empty,won\n"
FIRST = "2026-01-01T00:00:00Z"


def write(folder: Path, text: str, **meta: Any) -> Path:
    path = folder / "data.csv"
    path.write_bytes(text.encode())
    described = {
        "job": "j",
        "key": "lead_key",
        "label": "won",
        "columns": COLUMNS,
        "sql_digest": "ab",
        "rows": 1,
    } | meta
    (folder / "data.csv.json").write_text(json.dumps(described), encoding="utf-8")
    return path


def row(**values: str) -> str:
    cells = {"as_of": FIRST, "lead_key": "L1", "visits": "1", "fuel": "diesel", "empty": "", "won": "0"} | values
    return ",".join(cells.values()) + "\n"


@pytest.mark.parametrize("text", ["NA", "null", "None", "nan", "007", "1e5", "True", "-", " x ", "ÄÖ", "=1+1"])
def test_text_stays_text(text: str, tmp_path: Path) -> None:
    data = read_dataset(write(tmp_path, HEADER + row(fuel=text)))
    assert data.X["fuel"].tolist() == [text]
    assert data.X["fuel"].dtype == object


def test_quoted_text_keeps_commas_quotes_and_newlines(tmp_path: Path) -> None:
    data = read_dataset(write(tmp_path, HEADER + row(fuel='"a,""b""\nc"') + row(lead_key="L2")))
    assert data.X["fuel"].tolist() == ['a,"b"\nc', "diesel"]


def test_text_is_missing_only_if_empty(tmp_path: Path) -> None:
    data = read_dataset(write(tmp_path, HEADER + row(fuel="") + row(fuel="0")))
    assert np.isnan(data.X["fuel"][0])
    assert data.X["fuel"][1] == "0"


@pytest.mark.parametrize(
    "digits", ["0.1", "1e-45", "0.30000000000000004", "1.7976931348623157e+308", "123456789012345680", "-0"]
)
def test_numbers_keep_every_bit(digits: str, tmp_path: Path) -> None:
    data = read_dataset(write(tmp_path, HEADER + row(visits=digits)))
    assert repr(data.X["visits"][0].item()) == repr(float(digits))


def test_numbers_are_float64_whatever_they_hold(tmp_path: Path) -> None:
    data = read_dataset(write(tmp_path, HEADER + row(visits="1") + row(visits="2")))
    assert data.X.dtypes.astype(str).to_dict() == {"visits": "float64", "fuel": "object", "empty": "float64"}
    assert data.X["empty"].isna().all()


def test_infinite_numbers_are_numbers(tmp_path: Path) -> None:
    data = read_dataset(write(tmp_path, HEADER + row(visits="+Inf") + row(visits="-Inf")))
    assert data.X["visits"].tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize("key", ["007", "1e3", "NA", " a"])
def test_keys_are_text(key: str, tmp_path: Path) -> None:
    data = read_dataset(write(tmp_path, HEADER + row(lead_key=key)))
    assert data.key.tolist() == [key]
    assert data.key.name == "lead_key"


def test_as_of_is_an_instant(tmp_path: Path) -> None:
    data = read_dataset(write(tmp_path, HEADER + row() + row(as_of="2026-01-01T02:00:00+01:00")))
    assert data.as_of.tolist() == [pd.Timestamp("2026-01-01", tz="UTC"), pd.Timestamp("2026-01-01T01:00", tz="UTC")]


@pytest.mark.parametrize(
    ("labels", "dtype", "values"),
    [
        (["0", "1"], "int64", [0, 1]),
        (["0", "0.5"], "float64", [0.0, 0.5]),
        (["won", "lost"], "object", ["won", "lost"]),
        (["01", "x"], "object", ["01", "x"]),
    ],
)
def test_labels(labels: list[str], dtype: str, values: list[Any], tmp_path: Path) -> None:
    y = read_dataset(write(tmp_path, HEADER + "".join(row(won=label) for label in labels))).y
    assert y is not None
    assert (str(y.dtype), y.tolist(), y.name) == (dtype, values, "won")


def test_an_empty_label_is_missing(tmp_path: Path) -> None:
    y = read_dataset(write(tmp_path, HEADER + row(won="1") + row(won=""))).y
    assert y is not None
    assert y[0] == 1
    assert np.isnan(y[1])


def test_without_a_label(tmp_path: Path) -> None:
    text = "as_of,lead_key,visits,fuel,empty\n" + FIRST + ",L1,1,x,\n"
    data = read_dataset(write(tmp_path, text, label=None))
    assert data.y is None
    assert data.meta["sql_digest"] == "ab"


def test_without_rows_the_types_hold(tmp_path: Path) -> None:
    data = read_dataset(write(tmp_path, HEADER))
    assert data.X.dtypes.astype(str).tolist() == ["float64", "object", "float64"]
    assert len(data.X) == len(data.key) == len(data.as_of) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + row() + row(visits="many"), r"data\.csv:3: column visits is not a number"),
        (HEADER + row(visits="1_000"), r"data\.csv:2: column visits"),
        (HEADER + row(visits=" 1"), r"data\.csv:2: column visits"),
        (HEADER + row(visits="1,5"), r"data\.csv:2: 7 values for 6 columns"),
        (HEADER + row(fuel='"a\nb"') + row(as_of="yesterday"), r"data\.csv:4: as_of"),
        (HEADER + "\n", r"data\.csv:2: 0 values for 6 columns"),
        (HEADER + row(fuel='"a'), r"data\.csv:2: "),
        (HEADER.replace("visits", "views"), r"the header is not the one that data\.csv\.json describes"),
        (HEADER.replace(",won", ""), "the header is not"),
        ("", r"data\.csv is empty"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        read_dataset(write(tmp_path, text))


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER)
    path.write_bytes(path.read_bytes() + row(fuel="?").encode().replace(b"?", b"\xff"))
    with pytest.raises(DatasetError, match=r"data\.csv:\d+: .*utf-8"):
        read_dataset(path)


@pytest.mark.parametrize(
    ("sidecar", "message"),
    [
        (None, r"data\.csv\.json is missing"),
        ("{", "is not JSON"),
        ("[]", "key and columns are missing"),
        ('{"key": "k", "columns": [{"name": "a", "type": "date"}]}', "the type number or text"),
    ],
)
def test_the_sidecar_is_checked(sidecar: str | None, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, HEADER)
    beside = tmp_path / "data.csv.json"
    beside.unlink()
    if sidecar is not None:
        beside.write_text(sidecar, encoding="utf-8")
    with pytest.raises(DatasetError, match=message):
        read_dataset(path)


def test_no_error_shows_a_value(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        read_dataset(write(tmp_path, HEADER + row(visits="ada@example.org")))
    assert "ada" not in str(caught.value)
