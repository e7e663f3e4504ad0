"""What a bundle must say of rows, in the file that `scored model verify --rows` reads."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder

from scored_export import expected
from scored_export.reference import Bundle, Raw

from .samples import TRAIN, exported, fitted, forest, leads, odd_rows, pipeline

COLUMNS = ["region", "fuel", "age", "income", "visits"]
RULES: dict[str, Any] = {
    "age": {"min": 20, "max": 60, "abnormal": "clip"},
    "income": {"max": 40, "abnormal": "missing"},
    "visits": {"nullable": False},
    "fuel": {"abnormal": "missing", "categories": ["diesel", "petrol"]},
}


@pytest.fixture(scope="module")
def fit() -> tuple[Any, pd.DataFrame]:
    return fitted(
        pipeline(
            ("strict", OneHotEncoder(), ["region"]),
            ("fuel", OneHotEncoder(handle_unknown="ignore"), ["fuel"]),
            ("n", "passthrough", ["age", "income", "visits"]),
        ),
        COLUMNS,
    )


def number(cell: str) -> float | None:
    """Read a number as pipeline/model/rowreader.go does."""
    if cell == "":
        return None
    if cell in ("True", "False"):
        return float(cell == "True")
    assert re.fullmatch(r"-?inf|[0-9+\-.e]+", cell), cell
    return float(cell)


def read(path: Path, bundle: Bundle) -> tuple[list[dict[str, Raw]], Any]:
    """Read a file as `scored model verify` does: the contract's columns and probability, in any order, and others."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *records = csv.reader(file, strict=True)
    assert all(header.count(name) == 1 for name in ["probability", *(c["name"] for c in bundle.contract)])
    cells = [dict(zip(header, record, strict=True)) for record in records]
    rows = [
        {c["name"]: number(r[c["name"]]) if c["type"] == "number" else r[c["name"]] or None for c in bundle.contract}
        for r in cells
    ]
    told = [np.nan if r["probability"] == "refused" else float(r["probability"]) for r in cells]
    assert all(np.isnan(p) or 0 <= p <= 1 for p in told)
    return rows, np.array(told)


@pytest.mark.parametrize("columns", [None, RULES], ids=["no columns file", "rules"])
def test_the_file_is_what_the_bundle_says(columns: Any, fit: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    model, rows = fit
    bundle = exported(model, rows, tmp_path, columns=columns)
    check = pd.concat([rows.head(40), odd_rows(rows, COLUMNS)], ignore_index=True)
    check.insert(0, "lead_key", [f"L{i}" for i in range(len(check))])
    expected(model, check, columns=columns).to_csv(tmp_path / "check.csv", index=False)
    raw, told = read(tmp_path / "check.csv", bundle)
    np.testing.assert_array_equal(bundle.probabilities(raw), told)
    assert np.isnan(told).any()
    assert (~np.isnan(told)).sum() > 40


def test_the_pipeline_alone_says_otherwise(fit: tuple[Any, pd.DataFrame]) -> None:
    model, rows = fit
    told = expected(model, rows, columns=RULES)["probability"]
    refused = told == "refused"
    assert refused.any()
    assert (told[~refused].astype(float) != model.predict_proba(rows)[~refused, 1]).any()


def test_rows_keep_their_index_and_their_other_columns(fit: tuple[Any, pd.DataFrame]) -> None:
    model, rows = fit
    rows = rows.assign(key=range(len(rows)))[::-1]
    rows.index = rows.index % 7
    before = rows.copy()
    out = expected(model, rows)
    pd.testing.assert_frame_equal(rows, before)
    pd.testing.assert_frame_equal(out[rows.columns], rows)
    assert out["probability"].astype(float).tolist() == model.predict_proba(rows[COLUMNS])[:, 1].tolist()


def test_numbers_are_written_as_the_pipeline_got_them(tmp_path: Path) -> None:
    """The digits of a float32 are fewer than those of the float64 that it is."""
    frame, y = leads()
    X = frame[["age", "flag"]].astype({"age": "float32", "flag": bool})
    model = forest().fit(X[:TRAIN], y[:TRAIN])
    expected(model, X[TRAIN:]).to_csv(tmp_path / "check.csv", index=False)
    raw, told = read(tmp_path / "check.csv", exported(model, X[TRAIN:], tmp_path))
    assert [row["age"] for row in raw] == [float(v) for v in X["age"][TRAIN:]]
    np.testing.assert_array_equal(told, model.predict_proba(X[TRAIN:])[:, 1])


def test_the_score_may_be_of_the_other_class(fit: tuple[Any, pd.DataFrame]) -> None:
    model, rows = fit
    told = expected(model, rows, positive="0")["probability"].astype(float)
    np.testing.assert_array_equal(told, model.predict_proba(rows)[:, 0])
