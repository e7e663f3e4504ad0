"""Writes the small bundles that the loader's tests read, each with the rows of a second opinion beside it.

    python make_testdata.py [FOLDER]

Each case trains a real forest on a made-up data set. `<case>/` is the bundle, `<case>.rows.csv` holds 200 more raw rows
with what the fitted pipeline says of them, in the format of golden.csv. Two runs write the same bytes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from scored_export import export_bundle
from scored_export.ask import Oracle
from scored_export.golden import BEYOND, EXTREMES, write_rows

FOLDER = Path(__file__).parents[1] / "pipeline" / "model" / "testdata"
CREATED = datetime(2026, 11, 1, tzinfo=UTC)
TRAINING_ROWS, TEST_ROWS, CHECKED_ROWS = 1200, 400, 200


@dataclass(frozen=True)
class Case:
    """A bundle to write."""

    model: Callable[[], Any]
    columns: list[str]
    positive: str | None = None
    labels: Callable[[Any], Any] = lambda y: y


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
}


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
    frame, y = customers(TRAINING_ROWS + TEST_ROWS, seed=len(name))
    frame, y = frame[case.columns], case.labels(y)
    model = case.model().fit(frame[:TRAINING_ROWS], y[:TRAINING_ROWS])
    test = frame[TRAINING_ROWS:].reset_index(drop=True)
    done = export_bundle(
        model, test, folder / name, name=name, positive=case.positive, period="made up", created=CREATED, golden=140
    )
    manifest = json.loads((folder / name / "manifest.json").read_text(encoding="utf-8"))
    rows = absurd(test, sorted({block["column"] for block in manifest["transform"]}), seed=len(name))
    write_rows(folder / f"{name}.rows.csv", rows, Oracle(model, case.positive).probabilities(rows))
    print(f"{name}: {done.trees} trees, {done.nodes} nodes, {done.golden} golden rows, {done.refused} refused")


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
