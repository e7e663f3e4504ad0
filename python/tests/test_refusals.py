"""What a bundle cannot carry exactly is refused by name, with what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, RandomTreesEmbedding
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)

from scored_export import ExportError
from scored_export.blocks import Block
from scored_export.lower import through
from scored_export.stage import Stage

from .samples import NEWER, exported, fitted, forest, leads, pipeline

ONES = SimpleImputer(missing_values=-1.0)
NUMBERS = ["age", "seats", "flag"]


class Doubled(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    def fit(self, X: Any, y: Any = None) -> Any:
        self.fitted_ = True
        return self

    def transform(self, X: Any) -> Any:
        return np.asarray(X) * 2


class MyScaler(StandardScaler):  # type: ignore[misc]
    pass


class MySelection(VarianceThreshold):  # type: ignore[misc]
    def transform(self, X: Any) -> Any:
        return np.asarray(super().transform(X)) * 2


LIBRARY: dict[str, tuple[Any, Any, str]] = {
    "power": (PowerTransformer(), NUMBERS, "PowerTransformer, .*splits alike"),
    "quantiles": (QuantileTransformer(n_quantiles=10), NUMBERS, "QuantileTransformer, .*KBinsDiscretizer"),
    "normalizer": (Normalizer(), NUMBERS, "Normalizer, .*dataprep SQL"),
    "components": (PCA(1), NUMBERS, "PCA, .*leave it out"),
    "other imputer": (KNNImputer(), ["age", "visits"], "KNNImputer, .*use SimpleImputer"),
    "products": (PolynomialFeatures(), NUMBERS, "PolynomialFeatures, .*dataprep SQL"),
    "splines": (SplineTransformer(), NUMBERS, "SplineTransformer, .*KBinsDiscretizer"),
    "function": (
        FunctionTransformer(np.log1p),
        NUMBERS,
        "FunctionTransformer, .*no code; compute it in the dataprep SQL",
    ),
    "words": (CountVectorizer(), "region", "CountVectorizer, .*count the words"),
    "weighted words": (TfidfVectorizer(), "region", "TfidfVectorizer, .*count the words"),
    "a class that is not known": (RandomTreesEmbedding(2), NUMBERS, "RandomTreesEmbedding, .*dataprep SQL"),
    "a class of one's own": (Doubled(), NUMBERS, "Doubled, .*no code of your own; compute it in the dataprep SQL"),
    "a scaler of one's own": (MyScaler(), NUMBERS, "MyScaler, .*scikit-learn's own StandardScaler where that will do"),
    "a selection of one's own": (MySelection(), NUMBERS, "MySelection, .*no code of your own"),
    "bins in float32": (KBinsDiscretizer(3, dtype=np.float32), NUMBERS, "bins in float32: leave its dtype out"),
    "scaler of a column that is always missing": (
        StandardScaler(),
        ["empty", "age"],
        "'empty': learned no finite number",
    ),
}


@pytest.mark.parametrize("name", LIBRARY)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::RuntimeWarning")
def test_steps_by_path(name: str, tmp_path: Path) -> None:
    """The message has the step's path, its class and what to do instead."""
    step, columns, message = LIBRARY[name]
    inner = Pipeline([("fill", "passthrough"), ("step", step)])
    model, rows = fitted(pipeline(("inside", inner, columns), ("age", "passthrough", ["age"])))
    with pytest.raises(ExportError, match=f"step 'columns/inside/step' .*{message}") as refused:
        exported(model, rows, tmp_path)
    assert len(str(refused.value)) < 300
    assert not list(tmp_path.iterdir()), "nothing is left behind"


STEPS: dict[str, tuple[Callable[[], Any], str]] = {
    "missing value that is a number": (
        lambda: pipeline(("step", ONES, ["age", "seats"])),
        r"step 'columns/step' \(SimpleImputer\), column 'age': takes -1.0 for missing: make it NULL",
    ),
    "missing value that is text": (
        lambda: pipeline(("step", make_pipeline(SimpleImputer(missing_values="north", strategy="most_frequent"),
            OrdinalEncoder()), ["region"])),
        "column 'region': takes 'north' for missing: make it NULL",
    ),
    "flag of a number": (
        lambda: pipeline(("step", MissingIndicator(missing_values=5.0), ["seats"])),
        r"\(MissingIndicator\), column 'seats': takes 5.0 for missing",
    ),
    "digits as numbers": (
        lambda: pipeline(("step", StandardScaler(), ["digits", "age"])),
        r"\(StandardScaler\), column 'digits': takes numbers, and this is text: put OneHotEncoder",
    ),
    "digits in bins": (
        lambda: pipeline(("step", KBinsDiscretizer(2, quantile_method="averaged_inverted_cdf"), ["digits", "age"])
            if NEWER["quantile_method"] else ("step", KBinsDiscretizer(2), ["digits", "age"])),
        r"\(KBinsDiscretizer\), column 'digits': takes numbers, and this is text",
    ),
    "text at the forest": (
        lambda: pipeline(("digits", "passthrough", ["digits"]), ("age", "passthrough", ["age"])),
        "column 'digits' reaches the forest as text: put OneHotEncoder",
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
        "column 'void': puts a number where the column holds text",
    ),
    "strict categories of a column that is left out": (
        lambda: pipeline(("hot", OneHotEncoder(drop="first"), ["same"]), ("age", "passthrough", ["age"])),
        "column 'same': the pipeline refuses its unknown categories although no feature comes from it",
    ),
    "strict categories that a selection leaves out": (
        lambda: pipeline(
            ("step", make_pipeline(OrdinalEncoder(), VarianceThreshold()), ["same", "seats"]),
            ("a", "passthrough", ["age"]),
        ),
        "column 'same': the pipeline refuses its unknown categories",
    ),
    "empty text as a category": (
        lambda: pipeline(("hot", OneHotEncoder(categories=[["", "north"]], handle_unknown="ignore"), ["region"])),
        "column 'region': has empty text as a category",
    ),
    "text that is not Unicode": (
        lambda: pipeline(("hot", OneHotEncoder(categories=[["\ud800", "north"]], handle_unknown="ignore"), ["region"])),
        "column 'region': has a category that is not Unicode",
    ),
    "other types as categories": (
        lambda: pipeline(("hot", OneHotEncoder(categories=[[1, 2]], handle_unknown="ignore"), ["region"])),
        "column 'region': has a category that is a int, and the rows hold text",
    ),
    "both None and NaN as categories": (
        lambda: pipeline(("hot", OneHotEncoder(handle_unknown="ignore"), ["marks"])),
        "column 'marks': knows both None and NaN as categories",
    ),
    "None as a category that the rows do not show": (
        lambda: pipeline(("hot", OneHotEncoder(handle_unknown="ignore"), ["nones"])),
        "column 'nones': was trained on None as a category",
    ),
    "a wide integer as a category": (
        lambda: pipeline(("hot", OneHotEncoder(handle_unknown="ignore"), ["wide"])),
        "column 'wide': has a category that float64 does not hold",
    ),
}  # fmt: skip


def extended() -> tuple[pd.DataFrame, Any]:
    frame, y = leads()
    marks = np.array([None, np.nan, "x"] * 200, dtype=object)
    return frame.assign(
        void=pd.Series([np.nan] * 600, dtype=object),
        same="one",
        digits=pd.Series(["007", "1.5"] * 300, dtype=object),
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


def test_a_column_called_probability(tmp_path: Path) -> None:
    """Beside it, the expected answers would have the same name."""
    model, rows = fitted(forest(), ["age", "income"])
    renamed = rows.rename(columns={"income": "probability"})
    model.fit(renamed, np.arange(len(renamed)) % 2)
    with pytest.raises(ExportError, match=r"column 'probability' has the name .*: rename it in the dataprep script"):
        exported(model, renamed, tmp_path)
    assert not list(tmp_path.iterdir())


def test_integers_beyond_float64(tmp_path: Path) -> None:
    """They reach a forest otherwise than the warehouse's numbers do: rounded once, not twice."""
    X = pd.DataFrame({"id": [2**60, 2**60 + 2**37] * 20})
    model = RandomForestClassifier(5, random_state=0).fit(X, [0, 1] * 20)
    rows = pd.DataFrame({"id": [2**60, 2**60 + 2**36 + 1]})
    with pytest.raises(ExportError, match=r"column 'id': as int64 .* otherwise than as float64 \(row 1\)"):
        exported(model, rows, tmp_path)


TAMPERED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "otherwise than it learned": (
        lambda transform: lambda X: transform(X) * (1 + 2e-16),
        r"step 'columns/step' \(StandardScaler\), column 'age': gives .* and float64 arithmetic",
    ),
    "a list": (lambda transform: lambda X: transform(X).tolist(), "gives a list: use set_output"),
    "a column more": (lambda transform: lambda X: np.c_[transform(X), X], "gives 6 columns, and 3 were expected"),
    "an error": (lambda transform: lambda X: transform(X.astype(str) + "x"), "refuses rows that the pipeline takes"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_a_step_does_counts_rather_than_what_it_learned(name: str) -> None:
    alter, message = TAMPERED[name]
    scaler = StandardScaler().fit(leads()[0][NUMBERS])
    scaler.transform = alter(scaler.transform)
    frame = leads()[0][NUMBERS][:9]
    stage = Stage([Block(column, "number") for column in NUMBERS], dict.fromkeys(NUMBERS, np.nan), frame)
    with pytest.raises(ExportError, match=message):
        through("columns/step", scaler, stage)
