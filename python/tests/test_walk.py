"""Rows that a pipeline refuses are refused with the step, the column, and what scikit-learn said, in the chain only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from scored_export import ExportError

from .samples import exported, fitted, forest, leads, pipeline

COLUMNS = ["region", "channel", "age", "seats"]
NUMBERS = ("n", "passthrough", ["age", "seats"])
Alter = Callable[[pd.DataFrame], pd.DataFrame]


def elsewhere(X: pd.DataFrame) -> pd.DataFrame:
    return X.assign(region="ada@example.org")


def infinite(X: pd.DataFrame) -> pd.DataFrame:
    return X.assign(age=np.inf)


def step(encoder: Any, *columns: str) -> Pipeline:
    return pipeline(("text", encoder, list(columns)), NUMBERS)


CASES: dict[str, tuple[Callable[[], Any], Alter, str]] = {
    "an encoder of one column": (
        lambda: step(OneHotEncoder(), "region"),
        elsewhere,
        r"step 'columns/text' \(OneHotEncoder\) raises ValueError on the first of them, for column 'region': make",
    ),
    "an encoder of several": (
        lambda: step(OrdinalEncoder(), "channel", "region"),
        lambda X: X.assign(region=["ada@example.org", *["north"] * (len(X) - 1)], channel=X["channel"]).iloc[[0] * 9],
        r"step 'columns/text' \(OrdinalEncoder\) raises ValueError on the first of them: make",
    ),
    "a pipeline within": (
        lambda: step(make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), "region"),
        elsewhere,
        r"step 'columns/text/onehotencoder' \(OneHotEncoder\) raises ValueError",
    ),
    "a step behind others that take the row": (
        lambda: step(make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), "region"),
        lambda X: infinite(X).assign(region=pd.Series(np.nan, index=X.index, dtype=object)),
        r"step 'forest' \(RandomForestClassifier\) raises ValueError .*, for column 'age'",
    ),
    "a union": (
        lambda: step(FeatureUnion([("codes", OrdinalEncoder()), ("hot", OneHotEncoder())]), "region"),
        elsewhere,
        r"step 'columns/text/codes' \(OrdinalEncoder\) raises ValueError .*, for column 'region'",
    ),
    "a frozen one": (
        lambda: step(FrozenEstimator(OrdinalEncoder().fit(leads()[0][["region"]])), "region"),
        elsewhere,
        r"step 'columns/text' \(OrdinalEncoder\) raises ValueError .*, for column 'region'",
    ),
    "the forest": (
        lambda: pipeline(NUMBERS),
        infinite,
        r"step 'forest' \(RandomForestClassifier\) raises ValueError .*, for column 'age': make",
    ),
    "a forest alone": (forest, infinite, r"step 'forest' \(RandomForestClassifier\) raises ValueError .*column 'age'"),
    "a calibrated one": (
        lambda: CalibratedClassifierCV(step(OneHotEncoder(), "channel"), cv=2),
        lambda X: X.assign(channel="ada@example.org"),
        r"step 'forest/1/columns/text' \(OneHotEncoder\) raises ValueError .*, for column 'channel'",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_step_and_the_column_are_named(name: str, tmp_path: Path) -> None:
    build, alter, message = CASES[name]
    model, rows = fitted(build(), ["age", "seats"] if alter is infinite else COLUMNS)
    with pytest.raises(ExportError, match=f"the pipeline refuses the rows: {message}") as caught:
        exported(model, alter(rows), tmp_path)
    assert "ada" not in str(caught.value)
    assert isinstance(caught.value.__cause__, ValueError), "what scikit-learn said"


def test_the_column_that_would_do_with_another_value_is_named(tmp_path: Path) -> None:
    """Each row is refused for a column of its own, and the encoder reads both."""
    model, rows = fitted(step(OrdinalEncoder(), "channel", "region"), COLUMNS)
    odd = np.arange(len(rows)) % 2 == 1
    rows["channel"] = rows["channel"].mask(odd, "ada@example.org")
    rows["region"] = rows["region"].mask(~odd, "ada@example.org")
    with pytest.raises(ExportError, match="on the first of them, for column 'region': make"):
        exported(model, rows, tmp_path)


def test_columns_may_be_given_by_place(tmp_path: Path) -> None:
    columns = ColumnTransformer([("none", StandardScaler(), []), ("text", OneHotEncoder(), [0]), ("n", "drop", [1])])
    model, rows = fitted(Pipeline([("columns", columns), ("forest", RandomForestClassifier(3))]), ["region", "age"])
    with pytest.raises(ExportError, match=r"step 'columns/text' \(OneHotEncoder\) .*, for column 'region'"):
        exported(model, elsewhere(rows), tmp_path)
