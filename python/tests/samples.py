"""Data, models and a second way to ask a pipeline, for the tests."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import KBinsDiscretizer

from scored_export import ExportWarning, export_bundle
from scored_export.ask import Oracle
from scored_export.blocks import Block
from scored_export.columns import raw_columns
from scored_export.inverse import raw_edges
from scored_export.lower import lower
from scored_export.reference import Bundle, Raw, Refused, block_features

TRAIN = 400
# What the scikit-learn that runs the tests knows, and older ones do not.
NEWER = {"quantile_method": "quantile_method" in KBinsDiscretizer().get_params()}


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


def with_absurd(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the leads with columns that hardly vary, or that are very large or small."""
    age = frame["age"]
    return frame.assign(
        constant=7.25, zero=0.0, huge=age * 1e35, tiny=age * 1e-150, narrow=1e6 + np.round(age) * 2.0**-30
    )


def forest(**options: Any) -> RandomForestClassifier:
    return RandomForestClassifier(**{"n_estimators": 5, "max_depth": 5, "random_state": 1} | options)


def pipeline(*transformers: tuple[str, Any, Any], remainder: Any = "drop", **options: Any) -> Pipeline:
    """Return a pipeline of a ColumnTransformer and a forest."""
    columns = ColumnTransformer(list(transformers), remainder=remainder, **options)
    return Pipeline([("columns", columns), ("forest", forest())])


def fitted(model: Any, columns: list[str] | None = None, wide: bool = False) -> tuple[Any, pd.DataFrame]:
    """Return the model, fitted on the first rows, and the rows it has not seen; wide ones have absurd columns, too."""
    frame, y = leads()
    frame = with_absurd(frame) if wide else frame
    frame = frame[columns] if columns else frame
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(frame[:TRAIN], y[:TRAIN])
    return model, frame[TRAIN:].reset_index(drop=True)


def exported(model: Any, rows: pd.DataFrame, folder: Path, **options: Any) -> Bundle:
    """Export a model and read the bundle."""
    settings: dict[str, Any] = {"name": "m", "period": "test", "golden": 60}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExportWarning)  # rows that hurt are refused more often than in life
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


def features_of(model: Any, rows: pd.DataFrame) -> tuple[list[dict[str, Any]], int]:
    """Compare the features that the blocks give with those of the pipeline, on these rows and on hostile ones.

    Returns:
        The blocks as the manifest holds them, and how many of the rows the pipeline refused.
    """
    oracle = Oracle(model, None)
    columns, frame, said = raw_columns(rows, oracle, [oracle.serial])
    accepted = np.flatnonzero(~np.isnan(said))
    blocks = lower(oracle, columns, frame.iloc[accepted[:20]].reset_index(drop=True))
    told = [block.as_json() for block in blocks]
    asked = pd.concat([frame.iloc[accepted[:30]], hostile_rows(frame.iloc[accepted], blocks)], ignore_index=True)

    optional = {c.name: c.nullable for c in columns}
    got = [reckoned_features(told, optional, row) for row in as_raw(asked)]
    # Rows that should be refused are asked one by one: a batch is refused as a whole.
    p = np.full(len(asked), np.nan)
    taken = np.array([features is not None for features in got])
    p[taken] = oracle.probabilities(asked[taken])
    for alone in np.flatnonzero(~taken):
        p[alone] = oracle.probabilities(asked.iloc[[alone]])[0]

    expected: list[list[float] | None] = [None] * len(asked)
    answered = np.flatnonzero(~np.isnan(p))
    if answered.size:
        for at, features in zip(answered.tolist(), oracle.features(asked.iloc[answered]).tolist(), strict=True):
            expected[at] = features
    for i, (have, want) in enumerate(zip(got, expected, strict=True)):
        if have is None or want is None:
            assert have is want, (i, asked.iloc[i].to_dict(), have, want)
        else:
            np.testing.assert_array_equal(have, want, err_msg=str(asked.iloc[i].to_dict()))
    return told, len(asked) - len(answered)


def reckoned_features(blocks: list[dict[str, Any]], optional: dict[str, bool], row: dict[str, Raw]) -> Any:
    """Return the features of a raw row by the reference evaluator, None for one that the bundle rejects."""
    if any((v is None and not optional[name]) or (isinstance(v, float) and math.isinf(v)) for name, v in row.items()):
        return None
    try:
        out = [x for block in blocks for x in block_features(block, row[block["column"]])]
    except Refused:
        return None
    with np.errstate(over="ignore"):
        return None if np.isinf(np.array(out).astype(np.float32)).any() else out


HOSTILE = [1e-45, 5e-324, -0.0, 0.0, 5.5, 16777217.0, 1 / 3, -1.7e308]
REFUSED = [np.inf, -np.inf, 3.5e38, -3.5e38]


def hostile_rows(rows: pd.DataFrame, blocks: list[Block]) -> pd.DataFrame:
    """Return rows with one hostile value each: near the edges of bins, nearly in a category, missing, absurd."""
    draw = np.random.default_rng(12)
    out = []
    beyond = REFUSED
    for name in dict.fromkeys(block.column for block in blocks):
        of_column = [block for block in blocks if block.column == name]
        values: list[Any] = [np.nan]
        if of_column[0].kind == "number":
            near = [v for block in of_column[:3] for edge in raw_edges(block)[:6] for v in edge]
            values, beyond = [np.nan, *beyond, *HOSTILE, *near], []
        for block in of_column[:3]:
            for value, _ in block.encoder.categories[:4] if block.encoder else ():
                values += [value, value.swapcase(), f"{value} "] if isinstance(value, str) else [value, value + 1e-9]
        picked = rows.iloc[draw.integers(len(rows), size=len(values))].reset_index(drop=True)
        picked[name] = pd.Series(values, dtype=rows[name].dtype)
        out.append(picked)
    return pd.concat(out, ignore_index=True)
