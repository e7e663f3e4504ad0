"""What is refused for a class, a label, a limit or a missing value is said in terms of what to give instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC

from scored_export import ExportError
from scored_export.ask import positive_class
from scored_export.columns import RawColumn
from scored_export.figures import positives_of
from scored_export.notes import Note, notes_of

from .samples import as_raw, exported, fitted, forest, leads, pipeline


def test_the_positive_class_is_asked_for_as_it_is_given() -> None:
    with pytest.raises(ExportError, match=r"knows lost and won: give it as positive='won' \(--positive 'won'\)"):
        positive_class(np.array(["lost", "won"]), None)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, 1], ["0", "1"], "the label of row 0, of type int, .*, '0', '1' of type str: give labels as training"),
        (["0", "1"], [0, 1], "the label of row 0, of type str, .*, 0, 1 of type int: give labels as training"),
        ([1.0, 0.5], [0, 1], "the label of row 1, of type float, .*, 0, 1 of type int"),
    ],
)
def test_labels_of_another_type(labels: list[Any], classes: list[Any], message: str) -> None:
    with pytest.raises(ExportError, match=message):
        positives_of(pd.Series(labels), pd.RangeIndex(len(labels)), np.array(classes), 1)


@pytest.mark.parametrize("positive", ["1", 1, 1.0, True, np.int64(1), np.float32(1), np.True_], ids=repr)
def test_the_positive_class_may_be_of_another_type(positive: Any) -> None:
    assert positive_class(np.array([0, 1]), positive) == ("1", 1)
    assert positive_class(np.array([False, True]), True) == ("True", 1)


def note(**table: Any) -> Note:
    return notes_of({"x": table}, [RawColumn("x", "number")]).notes[0]


@pytest.mark.parametrize("value", [np.int64(3), np.uint8(3), np.float32(3), np.float64(3), 3, 3.0], ids=repr)
def test_limits_may_be_numbers_of_numpy(value: Any) -> None:
    limit = note(max=value).limit("max")
    assert limit == 3.0
    assert type(limit) is float


@pytest.mark.parametrize(
    "value",
    [
        True,
        np.True_,
        np.float64("nan"),
        np.float32("inf"),
        -np.inf,
        pytest.param(10**400, id="beyond float64"),
        "3",
        3j,
    ],
    ids=repr,
)
def test_limits_are_finite_numbers(value: Any) -> None:
    with pytest.raises(ExportError, match=r"\[x\] max: give a finite number"):
        note(max=value).limit("max")


def test_switches_may_be_those_of_numpy() -> None:
    assert note(banned=np.True_).flag("banned", False) is True
    assert note(banned=np.False_).flag("banned", True) is False
    with pytest.raises(ExportError, match=r"\[x\] banned: give true or false"):
        note(banned=np.int64(1)).flag("banned", False)


def test_limits_as_pandas_gives_them_reach_the_manifest(tmp_path: Path) -> None:
    frame, y = leads()
    X = frame[["age"]].round().astype("int64")
    columns = {"age": {"min": X["age"].min(), "max": X["age"].max(), "nullable": np.False_}}
    contract = exported(forest().fit(X, y), X, tmp_path, columns=columns).contract
    assert (contract[0]["min"], contract[0]["max"]) == (float(X["age"].min()), float(X["age"].max()))


MODELS = {
    "support vectors": (SVC(), "is a SVC: .*: train a RandomForestClassifier on the same columns"),
    "a search that is a step": (
        GridSearchCV(forest(), {"max_depth": [2]}, cv=2),
        "step 'last' is a GridSearchCV: .*: export its best_estimator_ in its place",
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_is_no_forest(name: str, tmp_path: Path) -> None:
    last, message = MODELS[name]
    model, rows = fitted(Pipeline([("scale", StandardScaler()), ("last", last)]), ["age", "flag"])
    with pytest.raises(ExportError, match=message):
        exported(model, rows, tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (RandomForestClassifier, "it is the class RandomForestClassifier itself: give one that is fitted"),
        (None, "give the fitted pipeline itself"),
    ],
)
def test_what_is_no_model(given: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=message):
        exported(given, leads()[0], tmp_path)


def with_fuel(*fuel: Any) -> pd.DataFrame:
    """Return leads with these values, again and again, as their fuel."""
    return leads()[0].assign(fuel=pd.Series([*fuel] * (600 // len(fuel)), dtype=object))


@pytest.mark.parametrize("encoder", [OneHotEncoder(handle_unknown="ignore"), OrdinalEncoder()], ids=str)
@pytest.mark.parametrize("mark", [None, np.nan], ids=repr)
def test_an_imputer_that_puts_none_in(encoder: Any, mark: Any, tmp_path: Path) -> None:
    filled = make_pipeline(SimpleImputer(strategy="most_frequent"), encoder)
    model = pipeline(("fill", filled, ["fuel"]), ("age", "passthrough", ["age"]))
    model.fit(with_fuel(None, None, np.nan, "diesel")[:400], leads()[1][:400])
    rows = with_fuel(mark, "diesel")
    assert rows["fuel"][0] is mark
    with pytest.raises(
        ExportError,
        match=r"step 'columns/fill/simpleimputer' .*, column 'fuel': puts None .*, or give it missing_values",
    ):
        exported(model, rows, tmp_path)


def test_an_imputer_for_which_none_is_missing(tmp_path: Path) -> None:
    filled = make_pipeline(SimpleImputer(strategy="most_frequent", missing_values=None), OrdinalEncoder())
    model = pipeline(("fill", filled, ["fuel"]), ("age", "passthrough", ["age"]))
    frame = with_fuel("petrol", None, "diesel", "petrol")
    model.fit(frame[:400], leads()[1][:400])
    written = exported(model, frame[400:], tmp_path)
    np.testing.assert_array_equal(written.probabilities(as_raw(frame[400:])), model.predict_proba(frame[400:])[:, 1])
