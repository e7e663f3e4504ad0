"""Trains the sample's lead scoring model on what `scored dataset` wrote, and writes its bundle.

    python train_lead_scoring.py build/lead_scoring.csv configs/bundles/lead_scoring

The split is by time: the last instants are the test period, and between the two lies the label's horizon, so that every
label of training was known before the first test row. What is printed is what came out; nothing is tuned towards it.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from scored_export import Columns, Dataset, DatasetError, ExportError, export_bundle, read_columns, read_dataset

MAX_BYTES = 2_000_000
# 37 bytes a node: 200 trees of at most 112 leaves stay below 1.7 MB, whatever the data.
TREES, LEAVES = 200, 112
ONE_HOT_UP_TO = 20  # categories; text with more of them gets ordinal codes


@dataclass(frozen=True)
class Split:
    """Rows to train on, and later ones to test on."""

    train: npt.NDArray[np.bool_]
    test: npt.NDArray[np.bool_]


def split_by_time(as_of: pd.Series, horizon: pd.Timedelta, test_share: float) -> Split:
    """Return the last share of the instants as test, and what lies a horizon or more before them as training."""
    instants = np.sort(as_of.unique())
    begin = instants[min(int(len(instants) * (1 - test_share)), len(instants) - 1)]
    test = (as_of >= begin).to_numpy()
    return Split(train=(as_of <= begin - horizon).to_numpy() & ~test, test=test)


def build(X: pd.DataFrame) -> Pipeline:
    """Return the unfitted pipeline for these columns."""
    text = [name for name in X.columns if X[name].dtype == object]
    few = [name for name in text if X[name].nunique() <= ONE_HOT_UP_TO]
    many = [name for name in text if name not in few]
    numbers = [name for name in X.columns if name not in text]
    missing = SimpleImputer(strategy="constant", fill_value="missing")
    columns = ColumnTransformer(
        [
            ("few", make_pipeline(missing, OneHotEncoder(handle_unknown="ignore", sparse_output=False)), few),
            (
                "many",
                OrdinalEncoder(
                    handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2, min_frequency=20
                ),
                many,
            ),
            ("numbers", "passthrough", numbers),  # the trees route missing ones
        ]
    )
    forest = RandomForestClassifier(
        n_estimators=TREES,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=10,
        class_weight="balanced_subsample",
        random_state=1,
        n_jobs=2,
    )
    return Pipeline([("columns", columns), ("forest", forest)])


def both_classes(y: pd.Series, what: str) -> None:
    """Refuse a period that cannot be learnt from, or judged by."""
    if set(y.unique()) != {0, 1}:
        raise DatasetError(f"the {what} period needs labels 0 and 1, and has {sorted(y.unique())}: take a longer one")


def labelled(data: Dataset) -> tuple[pd.DataFrame, pd.Series, pd.Series, pd.Series]:
    """Return the features, label, key and as_of of rows that have a label."""
    if data.y is None or data.y.dtype == object:
        raise DatasetError("the data set needs a label of 0 and 1: run scored dataset with --labels")
    known = data.y.notna().to_numpy()
    return data.X[known], data.y[known].astype(int), data.key[known], data.as_of[known]


def source() -> str:
    """Return what the bundle says of the code that trained it: this file's digest, which no commit can change."""
    script = Path(__file__)
    return f"{script.name} sha256:{hashlib.sha256(script.read_bytes()).hexdigest()}"


def train(
    data: Dataset, out: Path, *, name: str, horizon_days: float, test_share: float, columns: Columns | None = None
) -> None:
    """Train, print what came out, and write the bundle."""
    X, y, key, as_of = labelled(data)
    split = split_by_time(as_of, pd.Timedelta(days=horizon_days), test_share)
    both_classes(y[split.train], "training")
    both_classes(y[split.test], "test")
    model = build(X[split.train]).fit(X[split.train], y[split.train])
    trained = datetime.now(UTC)
    forest = model[-1]
    forest.n_jobs = 1
    truth, p = y[split.test].to_numpy(), model.predict_proba(X[split.test])[:, 1]

    figures: dict[str, Any] = {}
    for what, rows in (("training", split.train), ("test", split.test)):
        figures |= {
            f"{what}_rows": int(rows.sum()),
            f"{what}_leads": int(key[rows].nunique()),
            f"{what}_base_rate": round(float(y[rows].mean()), 6),
            f"{what}_period": f"{as_of[rows].min():%Y-%m-%dT%H:%M:%SZ} to {as_of[rows].max():%Y-%m-%dT%H:%M:%SZ}",
        }
    figures |= {
        "label_horizon_days": horizon_days,
        "roc_auc": round(float(roc_auc_score(truth, p)), 6),
        "sql_digest": data.meta.get("sql_digest"),
    }
    done = export_bundle(
        model,
        X[split.test],
        out,
        name=name,
        positive="1",
        period=figures["test_period"],
        training=figures,
        columns=columns,
        labels=y[split.test],
        trained=trained,
        source=source(),
    )
    figures |= {f"captured_by_top_{top:.0%}": round(share, 6) for top, share in done.gains.items()}
    for figure, value in figures.items():
        print(f"{figure:24} {value}")
    print(f"{'trees, nodes':24} {done.trees}, {done.nodes}")
    print(f"{'features':24} {done.features}")
    print(f"{'test rows scored':24} {done.account.scored} of {done.account.rows}")
    for what, count in done.account.figures().items():
        print(f"{what:24} {count}")
    print(f"{'golden rows':24} {done.golden}, {done.refused} of them refused by the pipeline")
    print(f"{'equal to the pipeline on':24} {done.verified} rows")
    print(f"{'bundle':24} {done.bytes} bytes in {done.folder}")
    if done.bytes > MAX_BYTES:
        raise ExportError(f"the bundle has {done.bytes} bytes: {MAX_BYTES} are what the project ships at most")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Exit codes: 0 written, 1 failed, 2 usage."""
    parser = argparse.ArgumentParser(description="Train the sample's lead scoring model and write its bundle.")
    parser.add_argument("dataset", type=Path, help="the CSV of `scored dataset`")
    parser.add_argument("out", type=Path, help="the bundle's folder")
    parser.add_argument("--name", default="lead_scoring")
    parser.add_argument("--columns", type=Path, help="limits and words for reasons, by column (TOML)")
    parser.add_argument("--horizon-days", type=float, default=30, help="how long after as_of the label looks")
    parser.add_argument("--test-share", type=float, default=0.3, help="the part of the instants, the last, to test on")
    args = parser.parse_args(argv)
    if not 0 < args.test_share < 1 or args.horizon_days < 0:
        parser.error("--test-share lies between 0 and 1, --horizon-days is not negative")
    try:
        train(
            read_dataset(args.dataset),
            args.out,
            name=args.name,
            horizon_days=args.horizon_days,
            test_share=args.test_share,
            columns=None if args.columns is None else read_columns(args.columns),
        )
    except (DatasetError, ExportError, OSError) as err:
        print(f"train_lead_scoring: {err}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
