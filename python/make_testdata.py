"""Writes the small bundles that the loader's tests read, each with the rows of a second opinion beside it.

    python make_testdata.py [FOLDER]

Each case trains a real forest on a made-up data set. `<case>/` is the bundle, `<case>.rows.csv` holds 200 more raw rows
with what the fitted pipeline says of them, in the format of golden.csv. Two runs write the same bytes.
"""

from __future__ import annotations

import argparse
import json
import tomllib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from scored_export import ExportWarning, export_bundle
from scored_export.bundle import prepared
from scored_export.golden import BEYOND, EXTREMES, write_rows

FOLDER = Path(__file__).parents[1] / "pipeline" / "model" / "testdata"
CREATED = datetime(2026, 11, 1, tzinfo=UTC)
TRAINING_ROWS, TEST_ROWS, CHECKED_ROWS = 1200, 400, 200
PAGES = [f"p{i:04d}" for i in range(2000)]


@dataclass(frozen=True)
class Case:
    """A bundle to write."""

    model: Callable[[], Any]
    columns: list[str]
    positive: str | None = None
    labels: Callable[[Any], Any] = lambda y: y
    notes: str = ""  # a columns file
    customers: Callable[[int, int], tuple[pd.DataFrame, Any]] | None = None


def forest(**options: Any) -> RandomForestClassifier:
    """Return a small forest."""
    return RandomForestClassifier(**{"n_estimators": 8, "max_depth": 5, "random_state": 7, "n_jobs": 1} | options)


def with_forest(*steps: tuple[str, Any, list[str]], remainder: Any = "drop", **options: Any) -> Pipeline:
    """Return a pipeline of one ColumnTransformer and a small forest."""
    columns = ColumnTransformer(list(steps), remainder=remainder)
    return Pipeline([("columns", columns), ("forest", forest(**options))])


def imputers() -> Pipeline:
    """Every strategy, with and without indicators; the order of features is not that of the columns."""
    text = make_pipeline(SimpleImputer(strategy="constant", fill_value="not said"), OneHotEncoder())
    return with_forest(
        ("text", text, ["region"]),
        ("mean", SimpleImputer(add_indicator=True), ["income", "visits"]),
        ("median", SimpleImputer(strategy="median"), ["age"]),
        ("fixed", SimpleImputer(strategy="constant", fill_value=-1.5, add_indicator=True), ["days"]),
        ("often", SimpleImputer(strategy="most_frequent"), ["seats"]),
    )


def one_hot() -> Pipeline:
    """Unknown categories ignored, grouped and refused; missing ones a category of their own, ignored and refused."""
    infrequent = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=60)
    return with_forest(
        ("ignored", OneHotEncoder(handle_unknown="ignore", drop="first", sparse_output=False), ["region"]),
        ("grouped", infrequent, ["fuel"]),
        ("refused", OneHotEncoder(drop="if_binary"), ["channel"]),
        remainder="passthrough",
    )


def ordinal() -> Pipeline:
    """Codes for missing and unknown categories, NaN among them."""
    return with_forest(
        ("nan", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), ["region"]),
        (
            "codes",
            OrdinalEncoder(
                handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2, max_categories=4
            ),
            ["fuel"],
        ),
        ("strict", OrdinalEncoder(), ["channel"]),
        ("filled", make_pipeline(OrdinalEncoder(), SimpleImputer(strategy="median")), ["mood"]),
        remainder="passthrough",
    )


def number_categories() -> Pipeline:
    """Numbers as categories."""
    return with_forest(
        ("hot", OneHotEncoder(handle_unknown="ignore", max_categories=4), ["seats"]),
        ("code", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["stage"]),
        ("rest", "passthrough", ["age"]),
        ("unused", "drop", ["visits"]),
    )


def balanced() -> Pipeline:
    """Class weights, and a class named by text."""
    text = OneHotEncoder(handle_unknown="ignore")
    return with_forest(("text", text, ["region"]), remainder="passthrough", class_weight="balanced_subsample")


def extra_trees() -> Pipeline:
    """Extra trees, whose thresholds are drawn and not found."""
    columns = ColumnTransformer([("text", OneHotEncoder(handle_unknown="ignore"), ["region"])], remainder="passthrough")
    return Pipeline([("columns", columns), ("forest", ExtraTreesClassifier(8, max_depth=6, random_state=7, n_jobs=1))])


def scalers() -> Pipeline:
    """Every scaler, after an imputer or with missing values left missing."""
    return with_forest(
        ("standard", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["income", "age"]),
        ("range", MinMaxScaler(feature_range=(-1, 1), clip=True), ["visits"]),
        ("largest", MaxAbsScaler(), ["stage"]),
        ("robust", RobustScaler(), ["days"]),
    )


def bins() -> Pipeline:
    """Bins as codes, scaled on, and as one-hot features."""
    median = SimpleImputer(strategy="median")
    codes = KBinsDiscretizer(5, encode="ordinal", strategy="quantile", quantile_method="averaged_inverted_cdf")
    hot = KBinsDiscretizer(4, encode="onehot", strategy="uniform")
    return with_forest(
        ("codes", codes, ["age"]),
        ("scaled", make_pipeline(median, StandardScaler(), clone(codes).set_params(n_bins=3)), ["income"]),
        ("hot", make_pipeline(median, hot), ["visits", "days"]),
        ("dense", KBinsDiscretizer(3, encode="onehot-dense", strategy="kmeans", random_state=1), ["age"]),
    )


def infrequent() -> Pipeline:
    """Rare categories that share a slot or a code, with a dropped one and with missing ones among them."""
    return with_forest(
        ("slot", OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.1), ["region", "fuel"]),
        ("few", OneHotEncoder(handle_unknown="ignore", max_categories=3, drop="first"), ["seats"]),
        (
            "code",
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=300),
            ["mood", "fuel"],
        ),
        remainder="passthrough",
    )


def calibrated_sigmoid() -> Pipeline:
    """Three forests behind one transform, each with its sigmoid."""
    columns = ColumnTransformer([("fuel", OneHotEncoder(handle_unknown="ignore"), ["fuel"])], remainder="passthrough")
    inner = forest(n_estimators=4)
    return Pipeline([("columns", columns), ("calibrated", CalibratedClassifierCV(inner, method="sigmoid", cv=3))])


def calibrated_isotonic() -> CalibratedClassifierCV:
    """Three pipelines, each fitted on its own rows, and so with categories and medians of its own."""
    inner = with_forest(
        ("text", OneHotEncoder(handle_unknown="ignore", min_frequency=30), ["region"]),
        ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["income", "age"]),
        n_estimators=4,
    )
    return CalibratedClassifierCV(inner, method="isotonic", cv=3)


class Prefit:
    """A forest fitted on the first half, frozen, and calibrated on the second."""

    def fit(self, X: pd.DataFrame, y: Any) -> CalibratedClassifierCV:
        """Return the calibrated forest."""
        half = len(X) // 2
        frozen = FrozenEstimator(forest().fit(X[:half], y[:half]))
        return CalibratedClassifierCV(frozen, method="isotonic").fit(X[half:], y[half:])


def many_one_hot() -> Pipeline:
    """Thousands of one-hot features."""
    return with_forest(
        ("page", OneHotEncoder(categories=[PAGES], handle_unknown="ignore"), ["page"]),
        ("n", "passthrough", ["age"]),
        n_estimators=6,
        max_depth=12,
        max_features=0.3,
    )


LIMITS = """
[age]
min = 18
max = 80
abnormal = "clip"
phrase = "{value} years old"

[income]
max = 250_000
abnormal = "missing"
phrase = "earns {value} a year"
missing = "says nothing of income"

[visits]
min = 0
max = 9
nullable = false
phrase = "visited {value} times"
zero = "did not visit"
one = "visited once"

[region]
abnormal = "refuse"
banned = true

[fuel]
abnormal = "missing"
categories = ["diesel", "petrol", "electric"]

[days]
max = 365
abnormal = "refuse"
banned = true
"""


def limited() -> Pipeline:
    """A pipeline that takes anything, behind a contract that does not."""
    text = OneHotEncoder(handle_unknown="ignore")
    return with_forest(("text", text, ["region", "fuel"]), remainder="passthrough")


def customers(rows: int, seed: int) -> tuple[pd.DataFrame, Any]:
    """Return made-up customers and what became of them."""
    draw = np.random.default_rng(seed)

    def gaps(values: Any, share: float) -> pd.Series:
        series = pd.Series(values)
        return series.mask(draw.random(rows) < share)

    def words(choices: list[str], weights: list[float], share: float) -> pd.Series:
        column = pd.Series(draw.choice(choices, rows, p=weights), dtype="object")
        return column.mask(draw.random(rows) < share, np.nan)

    frame = pd.DataFrame(
        {
            "age": np.round(draw.normal(44, 13, rows), 1),
            "income": gaps(draw.lognormal(10, 0.6, rows), 0.2),
            "visits": gaps(draw.poisson(3, rows).astype(float), 0.1),
            "days": gaps(draw.exponential(30, rows), 0.15),
            "seats": gaps(draw.choice([2.0, 4.0, 5.0, 7.0, 9.0], rows, p=[0.1, 0.3, 0.4, 0.15, 0.05]), 0.1),
            "stage": draw.choice([-1.0, 0.0, 0.5, 1e-3], rows),
            "region": words(
                ["north", "south", 'Île, de "France"', "öst\nland", " west"], [0.4, 0.3, 0.15, 0.1, 0.05], 0.1
            ),
            "fuel": words(["diesel", "petrol", "electric", "lpg", "007", "NA"], [0.3, 0.3, 0.2, 0.03, 0.03, 0.14], 0.1),
            "channel": words(["web", "phone"], [0.6, 0.4], 0.0),
            "mood": words(["bad", "fair", "good"], [0.3, 0.4, 0.3], 0.15),
        }
    )
    pull = (
        (frame["age"] - 44) / 13
        - frame["income"].fillna(40_000) / 40_000
        + frame["visits"].fillna(6) / 3
        + (frame["days"].isna() | (frame["days"] < 12))
        + (frame["region"] == "south")
        + (frame["fuel"].isna())
        + (frame["mood"] == "good")
        + frame["stage"]
    )
    return frame, (pull + draw.normal(0, 1, rows) > 2.5).to_numpy().astype(int)


def readers(rows: int, seed: int) -> tuple[pd.DataFrame, Any]:
    """Return customers who each read one of a great many pages."""
    frame, y = customers(rows, seed)
    draw = np.random.default_rng(seed)
    pages = np.where(draw.random(rows) < 0.5, draw.integers(0, 40, rows), draw.integers(0, len(PAGES), rows))
    frame["page"] = pd.Series([PAGES[page] for page in pages], dtype="object")
    return frame, y | (pages < 12)


CASES = {
    "imputers": Case(imputers, ["age", "income", "visits", "days", "seats", "region"]),
    "one_hot": Case(one_hot, ["age", "region", "channel", "fuel"]),
    "ordinal": Case(ordinal, ["region", "fuel", "income", "channel", "mood"]),
    "number_categories": Case(number_categories, ["visits", "age", "seats", "stage"]),
    "routed_missing": Case(lambda: forest(min_samples_leaf=3), ["age", "income", "visits", "days"]),
    "bare_forest": Case(lambda: forest(n_estimators=5), ["stage", "days", "age"]),
    "class_weights": Case(
        balanced, ["income", "region", "age"], positive="lost", labels=lambda y: np.where(y == 1, "kept", "lost")
    ),
    "single_leaves": Case(
        lambda: forest(n_estimators=6, min_impurity_decrease=0.02, max_features=1), ["age", "stage", "days"]
    ),
    "extra_trees": Case(extra_trees, ["region", "age", "income", "visits"]),
    "scalers": Case(scalers, ["age", "income", "visits", "stage", "days"]),
    "bins": Case(bins, ["age", "income", "visits", "days"]),
    "infrequent": Case(infrequent, ["region", "fuel", "seats", "mood", "age"]),
    "calibrated_sigmoid": Case(calibrated_sigmoid, ["fuel", "age", "visits"]),
    "calibrated_isotonic": Case(calibrated_isotonic, ["region", "income", "age"]),
    "calibrated_prefit": Case(Prefit, ["age", "income", "days"]),
    "complement": Case(calibrated_sigmoid, ["age", "fuel", "income"], positive="0"),
    "limits": Case(limited, ["age", "income", "visits", "region", "fuel", "days"], notes=LIMITS),
    "many_one_hot": Case(many_one_hot, ["page", "age"], customers=readers),
}


def absurd(frame: pd.DataFrame, used: list[str], seed: int) -> pd.DataFrame:
    """Return rows with a few values lost, unknown or extreme in the columns that the forest uses."""
    draw = np.random.default_rng(seed)
    out = frame.head(CHECKED_ROWS).reset_index(drop=True)
    for name in used:
        number = out[name].dtype != object
        values = out[name].tolist()
        for i in np.flatnonzero(draw.random(len(values)) < 0.08):
            kinds: list[Any] = (
                [np.nan, *draw.choice([*EXTREMES, *BEYOND], 3)] if number else [np.nan, "unseen", "North"]
            )
            values[i] = kinds[draw.integers(len(kinds))]
        out[name] = pd.Series(values, dtype="float64" if number else "object")
    return out


def write(name: str, case: Case, folder: Path) -> None:
    """Train a case's model, and write its bundle and its rows."""
    frame, y = (case.customers or customers)(TRAINING_ROWS + TEST_ROWS, len(name))
    frame, y = frame[case.columns], case.labels(y)
    model = case.model().fit(frame[:TRAINING_ROWS], y[:TRAINING_ROWS])
    test = frame[TRAINING_ROWS:].reset_index(drop=True)
    notes = tomllib.loads(case.notes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExportWarning)  # cases that refuse are made to
        done = export_bundle(
            model,
            test,
            folder / name,
            name=name,
            positive=case.positive,
            period="made up",
            columns=notes,
            labels=pd.Series(y[TRAINING_ROWS:]),
            created=CREATED,
            golden=140,
        )
    manifest = json.loads((folder / name / "manifest.json").read_text(encoding="utf-8"))
    used = {block["column"] for member in manifest["members"] for block in member["transform"]}
    rows = absurd(test, sorted(used), seed=len(name))
    contract = prepared(model, test, case.positive, notes).contract
    write_rows(folder / f"{name}.rows.csv", rows, contract.probabilities(rows))
    print(
        f"{name}: {done.members} forests, {done.trees} trees, {done.nodes} nodes, {done.golden} golden rows, "
        f"{done.refused} refused, {done.bytes} bytes"
    )


def main() -> None:
    """Write every case."""
    parser = argparse.ArgumentParser(description="Write the bundles that the loader's tests read.")
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, case in CASES.items():
        write(name, case, folder)


if __name__ == "__main__":
    main()
