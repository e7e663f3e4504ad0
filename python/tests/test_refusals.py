"""What a bundle cannot carry exactly is refused by name, with what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from scored_export import ExportError

from .samples import exported, fitted, forest, leads, pipeline

ONES = SimpleImputer(missing_values=-1.0)


def numbers(step: Any) -> Callable[[], Pipeline]:
    return lambda: pipeline(("step", step, ["age", "visits"]))


def hot_then(step: Any) -> Callable[[], Pipeline]:
    hot = ColumnTransformer([("hot", OneHotEncoder(sparse_output=False), ["region"]), ("n", "passthrough", ["age"])])
    return lambda: Pipeline([("first", hot), ("second", step), ("forest", forest())])


STEPS: dict[str, tuple[Callable[[], Any], str]] = {
    "scaler": (numbers(StandardScaler()), "step 'columns/step' is a StandardScaler.*leave it out"),
    "scaler in a pipeline": (
        numbers(make_pipeline(SimpleImputer(), StandardScaler())),
        "step 'columns/step/standardscaler' is a StandardScaler",
    ),
    "function": (numbers(FunctionTransformer(np.log1p)), "is a FunctionTransformer.*dataprep SQL"),
    "other imputer": (numbers(KNNImputer()), "is a KNNImputer.*use SimpleImputer"),
    "union": (numbers(FeatureUnion([("a", SimpleImputer())])), "is a FeatureUnion.*use ColumnTransformer"),
    "target encoder": (lambda: pipeline(("t", TargetEncoder(), ["region"])), "is a TargetEncoder.*OneHotEncoder"),
    "missing value that is a number": (
        lambda: pipeline(("step", ONES, ["age", "seats"])),
        "step 'columns/step' imputes -1.0: make it NULL"),
    "weights": (
        lambda: pipeline(("a", "passthrough", ["age"]), transformer_weights={"a": 2.0}),
        "step 'columns' has transformer_weights",
    ),
    "encoded twice": (
        lambda: pipeline(("step", make_pipeline(OrdinalEncoder(), OneHotEncoder()), ["seats"])),
        "step 'columns/step/onehotencoder' encodes column 'seats' a second time",
    ),
    "number put into text": (
        lambda: pipeline(
            (
                "both",
                make_pipeline(
                    SimpleImputer(strategy="most_frequent", keep_empty_features=True),
                    OneHotEncoder(handle_unknown="ignore"),
                ),
                ["void", "region"],
            )
        ),
        "puts a number into column 'void', which holds text",
    ),
    "part of a one-hot": (
        hot_then(ColumnTransformer([("some", "passthrough", [0, 4])])),
        "step 'second/some' takes apart what a OneHotEncoder gave for column 'region'",
    ),
    "only category dropped": (
        lambda: pipeline(("hot", OneHotEncoder(drop="first"), ["same"]), ("age", "passthrough", ["age"])),
        "drops the only category of column 'same'",
    ),
    "infinity let through": (
        lambda: pipeline(
            ("both", make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder(
                handle_unknown="use_encoded_value", unknown_value=-1)), ["region", "seats"])
        ),
        "column 'seats': the pipeline answers for an infinite number",
    ),
    "empty text as a category": (
        lambda: pipeline(("hot", OneHotEncoder(categories=[["", "north"]], handle_unknown="ignore"), ["region"])),
        "column 'region' empty text as a category",
    ),
    "text that is not Unicode": (
        lambda: pipeline(("hot", OneHotEncoder(categories=[["\ud800", "north"]], handle_unknown="ignore"), ["region"])),
        "column 'region' a category that is not Unicode",
    ),
    "other types as categories": (
        lambda: pipeline(("hot", OneHotEncoder(categories=[[1, 2]], handle_unknown="ignore"), ["region"])),
        "column 'region' a category that is a int, and the rows hold text",
    ),
    "both None and NaN as categories": (
        lambda: pipeline(("hot", OneHotEncoder(handle_unknown="ignore"), ["marks"])),
        "knows both None and NaN as categories of column 'marks'",
    ),
    "None as a category that the rows do not show": (
        lambda: pipeline(("hot", OneHotEncoder(handle_unknown="ignore"), ["nones"])),
        "was trained on None as a category of column 'nones'",
    ),
    "a wide integer as a category": (
        lambda: pipeline(("hot", OneHotEncoder(handle_unknown="ignore"), ["wide"])),
        "column 'wide' a category that float64 does not hold",
    ),
}  # fmt: skip


def extended() -> tuple[pd.DataFrame, Any]:
    frame, y = leads()
    marks = np.array([None, np.nan, "x"] * 200, dtype=object)
    return frame.assign(
        void=pd.Series([np.nan] * 600, dtype=object),
        same="one",
        marks=pd.Series(marks, dtype=object),
        nones=pd.Series([None if pd.isna(m) else m for m in marks], dtype=object),
        wide=np.where(np.arange(600) % 2, 2**60 + 1, 3),
    ), y


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_steps(name: str, tmp_path: Path) -> None:
    build, message = STEPS[name]
    frame, y = extended()
    model = build().fit(frame[:400], y[:400])
    rows = frame[400:].assign(marks="x", nones="x") if "None" in name else frame[400:]
    with pytest.raises(ExportError, match=message):
        exported(model, rows, tmp_path)
    assert not list(tmp_path.iterdir()), "nothing is left behind"


MODELS: dict[str, tuple[Callable[[pd.DataFrame, Any], Any], str]] = {
    "regressor": (lambda X, y: RandomForestRegressor(2).fit(X, y), "is a RandomForestRegressor"),
    "extra trees": (lambda X, y: ExtraTreesClassifier(2).fit(X, y), "is a ExtraTreesClassifier"),
    "no forest": (lambda X, y: make_pipeline(SimpleImputer()).fit(X), "step 'simpleimputer' is a SimpleImputer"),
    "not fitted": (lambda X, y: RandomForestClassifier(2), "is not fitted"),
    "fitted on an array": (lambda X, y: RandomForestClassifier(2).fit(X.to_numpy(), y), "fit it on a DataFrame"),
    "three classes": (lambda X, y: RandomForestClassifier(2).fit(X, np.arange(len(y)) % 3), "has 3 classes"),
    "one class": (lambda X, y: RandomForestClassifier(2).fit(X, y * 0), "has 1 classes"),
    "two outputs": (lambda X, y: RandomForestClassifier(2).fit(X, np.c_[y, y]), "has 2 outputs"),
    "classes without an obvious positive": (
        lambda X, y: RandomForestClassifier(2).fit(X, np.where(y, "won", "lost")),
        "which class is the positive one: the forest knows lost and won",
    ),
    "classes of 1 and 2": (lambda X, y: RandomForestClassifier(2).fit(X, y + 1), "the forest knows 1 and 2"),
}


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str, tmp_path: Path) -> None:
    build, message = MODELS[name]
    frame, y = leads()
    X = frame[["age", "income"]]
    with pytest.raises(ExportError, match=message):
        exported(build(X, y), X, tmp_path)


ROWS: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "a column missing": (lambda X: X.drop(columns="income"), "lack columns .*: income"),
    "no rows": (lambda X: X[:0], "no rows"),
    "mixed types": (lambda X: X.assign(age=pd.Series([1.0, "x"] * 300, dtype=object)), "'age' holds float, str"),
    "times": (lambda X: X.assign(age=pd.Timestamp(0)), "'age' holds Timestamp"),
    "complex": (lambda X: X.assign(age=X["age"] + 0j), "'age' holds complex numbers"),
    "empty text": (lambda X: X.assign(region=""), "'region' holds empty text"),
    "text that is not Unicode": (lambda X: X.assign(region="\udfff"), "'region' holds text that is not Unicode"),
    "all refused": (lambda X: X.assign(region="elsewhere"), "refuses the rows"),
    "None and NaN": (
        lambda X: X.assign(fuel=np.array([None, np.nan] * 300, dtype=object)),
        "column 'fuel': None and NaN mean different things",
    ),
    "text given as numbers": (lambda X: X.assign(region=1.0), "refuses the rows"),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows(name: str, tmp_path: Path) -> None:
    alter, message = ROWS[name]
    model, _ = fitted(
        pipeline(
            ("strict", OneHotEncoder(), ["region"]),
            ("fuel", OneHotEncoder(handle_unknown="ignore"), ["fuel"]),
            ("n", "passthrough", ["age", "income"]),
        )
    )
    frame, _ = leads()
    with pytest.raises(ExportError, match=message):
        exported(model, alter(frame), tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "Lead Scoring"}, "the name 'Lead Scoring'"),
        ({"positive": "2"}, "positive class '2' is not in the forest: it knows 0 and 1"),
        ({"grades": [("A", 50), ("B", 70), ("C", 0)]}, "grades need cut-offs"),
        ({"grades": [("A", 50)]}, "grades need cut-offs"),
        ({"grades": []}, "grades need cut-offs"),
        ({"grades": [("A", 101), ("B", 0)]}, "grades need cut-offs"),
        ({"training": {"auc": float("nan")}}, "training holds what JSON does not"),
        ({"training": {"model": object()}}, "training holds what JSON does not"),
    ],
)
def test_arguments(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    model, rows = fitted(forest(), ["age", "income"])
    with pytest.raises(ExportError, match=message):
        exported(model, rows, tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_integers_beyond_float64(tmp_path: Path) -> None:
    """They reach a forest otherwise than the warehouse's numbers do: rounded once, not twice."""
    X = pd.DataFrame({"id": [2**60, 2**60 + 2**37] * 20})
    model = RandomForestClassifier(5, random_state=0).fit(X, [0, 1] * 20)
    rows = pd.DataFrame({"id": [2**60, 2**60 + 2**36 + 1]})
    with pytest.raises(ExportError, match=r"column 'id': as int64 .* otherwise than as float64 \(row 1\)"):
        exported(model, rows, tmp_path)
