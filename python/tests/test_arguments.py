"""Arguments that cannot be meant are refused by name, with what to give instead."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV

from scored_export import Dataset, ExportError, expected
from scored_export.arguments import checked_grades, checked_labels

from .samples import TRAIN, exported, fitted, forest, leads

COLUMNS = ["age", "income"]
TRUTH = leads()[1][TRAIN:]


@pytest.fixture(scope="module")
def fit() -> tuple[Any, pd.DataFrame]:
    return fitted(forest(), COLUMNS)


def search() -> GridSearchCV:
    return GridSearchCV(RandomForestClassifier(), {"max_depth": [2]})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": None}, "the name None is not"),
        ({"period": 2026}, "period is a int: give text, such as 'June 2026'"),
        ({"period": None}, "period is a NoneType: give text"),
        ({"period": pd.Period("2026-06")}, "period is a Period: give text"),
        ({"source": b"5eed"}, "source is a bytes: give text"),
        ({"training": {"rows": np.int64(3)}}, "under 'rows': give text, finite numbers, .*int64"),
        ({"training": {"auc": float("nan")}}, "under 'auc': give text, finite numbers"),
        ({"training": {"params": {"forest": object()}}}, "under 'params': give text"),
        ({"training": {"until": date(2026, 6, 1)}}, "under 'until': give text"),
        ({"training": {3: "x"}}, "the key 3: give text as keys"),
        ({"training": [("rows", 3)]}, "training is a list: give a dict"),
        ({"columns": "columns.toml"}, r"columns is a path: give read_columns\(path\)"),
        ({"columns": Path("columns.toml")}, r"columns is a path: give read_columns\(path\)"),
        ({"columns": ["age"]}, "columns is a list: give what read_columns returns"),
        ({"trained": "2026-05-04"}, "trained is a str: give a datetime with a time zone"),
        ({"trained": date(2026, 5, 4)}, "trained is a date: give a datetime with a time zone"),
        ({"trained": datetime(2026, 5, 4)}, "trained has no time zone: give it a time zone"),
        ({"created": pd.Timestamp("2026-05-04")}, "created has no time zone: give it a time zone"),
        ({"grades": {"A": 90, "D": 0}}, "grades is a dict: give pairs, as"),
        ({"grades": "A=90"}, "grades is a str: give pairs, as"),
        ({"grades": 90}, "grades is a int: give pairs, as"),
        ({"grades": ["A9", "D0"]}, "grades holds 'A9', which is no pair"),
        ({"grades": [("A", 90, 100), ("D", 0, 90)]}, "which is no pair"),
        ({"grades": [("A", 90.5), ("D", 0)]}, "the cut-off of 'A' is 90.5: give a whole number"),
        ({"grades": [("A", "90"), ("D", 0)]}, "the cut-off of 'A' is '90': give a whole number"),
        ({"grades": [("A", True), ("D", 0)]}, "the cut-off of 'A' is True: give a whole number"),
        ({"grades": [("A", float("nan")), ("D", 0)]}, "the cut-off of 'A' is nan: give a whole number"),
        ({"labels": pd.DataFrame({"y": TRUTH})}, "labels is a DataFrame: give the column of it"),
        ({"labels": TRUTH.reshape(-1, 1)}, "labels is an array of 2 dimensions: give one label per row"),
        ({"labels": dict(enumerate(TRUTH))}, "labels is a dict: give a Series, an array or a list"),
        ({"labels": "converted"}, "labels is a str: give a Series, an array or a list"),
    ],
    ids=str,
)
def test_arguments(options: dict[str, Any], message: str, fit: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=message):
        exported(*fit, tmp_path, **options)
    assert not list(tmp_path.iterdir())


MODELS: dict[str, tuple[Any, str]] = {
    "a path": (Path("model.joblib"), "pipeline is a path: load it with joblib.load"),
    "a path as text": ("model.joblib", "pipeline is a path: load it with joblib.load"),
    "a search": (search(), "pipeline is a GridSearchCV that holds no best_estimator_: fit it .* give its best_estim"),
}


@pytest.mark.parametrize("name", MODELS)
def test_pipelines(name: str, fit: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    model, message = MODELS[name]
    with pytest.raises(ExportError, match=message):
        exported(model, fit[1], tmp_path)
    with pytest.raises(ExportError, match=message):
        expected(model, fit[1])


def dataset(X: pd.DataFrame) -> Dataset:
    return Dataset(X, None, X["age"].astype(str), pd.Series([datetime.now(UTC)] * len(X)), {})


ROWS: dict[str, tuple[Any, str]] = {
    "an array": (lambda X: X.to_numpy(), "rows is a ndarray: give a DataFrame with the columns' names"),
    "a dataset": (dataset, "rows is a Dataset: give its X"),
    "a path": (lambda _: Path("rows.csv"), "rows is a PosixPath: give a DataFrame"),
    "a column twice": (lambda X: pd.concat([X, X[["age"]]], axis=1), "the rows have columns more than once: age: "),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows(name: str, fit: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    alter, message = ROWS[name]
    with pytest.raises(ExportError, match=message):
        exported(fit[0], alter(fit[1]), tmp_path)
    with pytest.raises(ExportError, match=message):
        expected(fit[0], alter(fit[1]))


def test_a_column_that_the_pipeline_does_not_take_may_come_twice(fit: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    model, rows = fit
    exported(model, pd.concat([rows, rows.assign(key="x")[["key"]], rows.assign(key="y")[["key"]]], axis=1), tmp_path)


@pytest.mark.parametrize(
    "labels", [TRUTH.tolist(), tuple(TRUTH), TRUTH, pd.Series(TRUTH), pd.array(TRUTH), pd.Index(TRUTH)], ids=type
)
def test_labels_of_any_sequence_are_taken(labels: Any, fit: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    assert exported(*fit, tmp_path, labels=labels).manifest["reference"]["gains"]["positives"] == TRUTH.sum()


def test_labels_keep_their_types() -> None:
    assert checked_labels(["a", None, 1, True]).tolist() == ["a", None, 1, True]  # type: ignore[union-attr]
    assert checked_labels(None) is None


def test_whole_numbers_of_any_type_are_cut_offs() -> None:
    got = checked_grades(iter([("A", 90.0), ["B", np.int64(70)], ("D", 0)]))
    assert got == [("A", 90), ("B", 70), ("D", 0)]
    assert all(type(least) is int for _, least in got)


def test_instants_with_a_time_zone_are_taken(fit: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    trained = pd.Timestamp("2026-05-04T15:00", tz="Europe/Paris")
    assert exported(*fit, tmp_path, trained=trained).manifest["trained"] == "2026-05-04T13:00:00Z"


def test_a_file_in_the_place_of_the_folder(tmp_path: Path, fit: tuple[Any, pd.DataFrame]) -> None:
    taken = tmp_path / "bundle"
    taken.write_text("somebody's notes")
    with pytest.raises(ExportError, match=r"bundle is a file: name a folder for the bundle"):
        exported(*fit, tmp_path)
    assert taken.read_text() == "somebody's notes"
