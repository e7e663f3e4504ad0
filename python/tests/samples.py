"""Data, models and a second way to ask a pipeline, for the tests."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from scored_export import export_bundle
from scored_export.reference import Bundle, Raw

TRAIN = 400


def leads(rows: int = 600, seed: int = 3) -> tuple[pd.DataFrame, Any]:
    """Return leads with numbers, missing numbers, number categories and text, and labels."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": draw.normal(40, 12, rows),
            "income": np.where(draw.random(rows) < 0.2, np.nan, draw.lognormal(3, 1, rows)),
            "visits": np.where(draw.random(rows) < 0.15, np.nan, draw.poisson(3, rows)),
            "seats": draw.choice([2.0, 4.0, 5.0, 7.0, 9.0], rows, p=[0.1, 0.3, 0.45, 0.13, 0.02]),
            "doors": np.where(draw.random(rows) < 0.1, np.nan, draw.choice([2.0, 3.0, 5.0], rows)),
            "flag": draw.choice([0.0, 1.0], rows),
            "region": draw.choice(
                np.array(["north", "south", "öst", 'w,e"s\nt'], object), rows, p=[0.5, 0.3, 0.18, 0.02]
            ),
            "fuel": draw.choice(
                np.array(["diesel", "petrol", "NA", "007", np.nan], object), rows, p=[0.3, 0.3, 0.2, 0.1, 0.1]
            ),
            "channel": draw.choice(np.array(["web", "phone"], object), rows),
            "empty": np.full(rows, np.nan),
        }
    )
    frame = frame.astype(dict.fromkeys(["region", "fuel", "channel"], object))
    pull = (
        frame["age"] / 12
        + frame["visits"].fillna(9) / 2
        - frame["income"].fillna(0) / 20
        + (frame["region"] == "south")
    )
    pull = pull + frame["fuel"].isna() + (frame["seats"] == 5) + frame["flag"]
    return frame, (pull + draw.normal(0, 1, rows) > pull.median()).to_numpy().astype(int)


def forest(**options: Any) -> RandomForestClassifier:
    return RandomForestClassifier(**{"n_estimators": 5, "max_depth": 5, "random_state": 1} | options)


def pipeline(*transformers: tuple[str, Any, Any], remainder: Any = "drop", **options: Any) -> Pipeline:
    """Return a pipeline of a ColumnTransformer and a forest."""
    columns = ColumnTransformer(list(transformers), remainder=remainder, **options)
    return Pipeline([("columns", columns), ("forest", forest())])


def fitted(model: Any, columns: list[str] | None = None) -> tuple[Any, pd.DataFrame]:
    """Return the model, fitted on the first rows, and the rows it has not seen."""
    frame, y = leads()
    frame = frame[columns] if columns else frame
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(frame[:TRAIN], y[:TRAIN])
    return model, frame[TRAIN:].reset_index(drop=True)


def exported(model: Any, rows: pd.DataFrame, folder: Path, **options: Any) -> Bundle:
    """Export a model and read the bundle."""
    settings: dict[str, Any] = {"name": "m", "period": "test", "golden": 150}
    export_bundle(model, rows, folder / "bundle", **settings | options)
    return Bundle(folder / "bundle")


def answer(model: Any, row: pd.DataFrame, positive: int = 1) -> float:
    """Return what predict_proba says of one row, NaN where it raises."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return float(model.predict_proba(row)[0, positive])
        except (TypeError, ValueError):
            return float("nan")


def predicted(model: Any, rows: pd.DataFrame) -> list[float]:
    """Return what predict_proba says of rows, NaN for those for which it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return [float(p) for p in model.predict_proba(rows)[:, 1]]
        except ValueError:
            return [answer(model, rows.iloc[[i]]) for i in range(len(rows))]


def odd_rows(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return rows in which each of the columns holds something odd in turn."""
    draw = np.random.default_rng(11)
    out = []
    for name in columns:
        numeric = rows[name].dtype != object
        odd: list[Any] = (
            [np.nan, np.inf, -np.inf, 3.5e38, 1e-45, -0.0, 5.5] if numeric else [np.nan, "unseen", "North", "nan"]
        )
        for value in odd:
            row = rows.iloc[[int(draw.integers(len(rows)))]].copy()
            row[name] = pd.Series([value], index=row.index, dtype=rows[name].dtype if numeric else object)
            out.append(row)
    return pd.concat(out, ignore_index=True)


def as_raw(rows: pd.DataFrame) -> list[dict[str, Raw]]:
    """Return rows as the reference evaluator takes them."""
    records = rows.astype(object).to_dict("records")
    return [
        {str(k): None if pd.isna(v) else (v if isinstance(v, str) else float(v)) for k, v in r.items()} for r in records
    ]
