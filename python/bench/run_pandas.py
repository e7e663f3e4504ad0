"""The benchmark of a whole run, cmd/bench/run: its model, and the same work by pandas and scikit-learn.

`model` trains a pipeline on made-up leads and exports it. `score` reads the rows of a query from PostgreSQL, scores
them and compares the scores with those that were confirmed, in one process.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

TRAINING_ROWS, TEST_ROWS = 50_000, 20_000
COUNTS, FLAGS, AMOUNTS = 24, 12, 19
NULLABLE = 8  # of the amounts
TEXTS = {
    "source": ["web form", "phone", "fair", "referral", "partner", "newsletter", "import", "chat"],
    "city": [f"city {i:02d}" for i in range(40)],
    "stage": ["new", "contacted", "test drive", "offer", "on hold", "returning"],
}
SEED = 20261122
CHUNK = 50_000


def leads(random: np.random.Generator, rows: int) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """Draw leads of 58 columns, and labels that some of the columns explain in part."""
    columns: dict[str, Any] = {}
    for i in range(COUNTS):
        columns[f"count_{i:02d}"] = random.negative_binomial(1 + i % 4, 1 / (1 + 0.3 * (1 + i)), rows).astype(float)
    for i in range(FLAGS):
        columns[f"flag_{i:02d}"] = (random.random(rows) < 0.02 + 0.05 * i).astype(float)
    for i in range(AMOUNTS):
        values = (
            random.normal(0, 1, rows),
            random.lognormal(9, 1, rows).round(2),
            random.uniform(0, 365, rows).round(1),
        )[i % 3]
        if i < NULLABLE:
            values[random.random(rows) < 0.1] = np.nan
        columns[f"amount_{i:02d}"] = values
    for name, words in TEXTS.items():
        weights = 1 / np.arange(1, len(words) + 1)
        columns[name] = random.choice(np.array(words, dtype=object), rows, p=weights / weights.sum())
    frame = pd.DataFrame(columns)
    z = (
        1.1 * np.log1p(frame["count_03"])
        + 0.7 * np.log1p(frame["count_07"])
        - 0.4 * np.log1p(frame["count_11"])
        + 1.2 * frame["flag_02"]
        - 0.8 * frame["flag_09"]
        + 0.9 * np.sin(frame["amount_09"] * 2)
        + 0.4 * (np.log(frame["amount_10"]) - 9)
        + 0.5 * frame["source"].isin(["referral", "phone"])
        + 0.7 * (frame["stage"] == "offer")
        + random.logistic(0, 1, rows)
    )
    return frame, (z > np.quantile(z, 0.95)).to_numpy().astype(np.int64)


def train(out: Path, trees: int, depth: int) -> None:
    """Train, keep the fitted pipeline beside its bundle, and rows that show what its columns hold."""
    from scored_export import export_bundle

    random = np.random.default_rng(SEED)
    X, y = leads(random, TRAINING_ROWS)
    numbers = [name for name in X.columns if name not in TEXTS]
    prepare = ColumnTransformer(
        [
            ("numbers", SimpleImputer(strategy="median"), numbers),
            ("few", OneHotEncoder(handle_unknown="ignore"), ["source", "stage"]),
            ("many", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["city"]),
        ]
    )
    forest = RandomForestClassifier(trees, max_depth=depth, n_jobs=2, random_state=SEED)
    model = Pipeline([("prepare", prepare), ("forest", forest)]).fit(X, y)
    forest.n_jobs = 1
    test, _ = leads(random, TEST_ROWS)
    out.mkdir(parents=True, exist_ok=True)
    export_bundle(model, test, out / "bundle", name="benchmark", period="made up")
    test.to_csv(out / "rows.csv", index=False)
    joblib.dump(model, out / "model.joblib")  # last: who finds it finds all


def score(model: Path, url: str, query: str, key: str, confirmed: Path) -> dict[str, float]:
    """Read, score and compare; what is timed begins once the model is loaded, as a daemon's run does."""
    import psycopg

    pipeline = joblib.load(model)
    pipeline.named_steps["forest"].n_jobs = 2
    begin = time.perf_counter()
    scored, reading, predicting = [], 0.0, 0.0
    with psycopg.connect(url) as connection, connection.cursor(name="rows") as cursor:
        cursor.itersize = CHUNK
        cursor.execute(query)
        while True:
            start = time.perf_counter()
            rows = cursor.fetchmany(CHUNK)
            if not rows:
                break
            names = [column.name for column in cursor.description or ()]
            frame = pd.DataFrame.from_records(rows, columns=names)
            reading += time.perf_counter() - start
            start = time.perf_counter()
            X = frame.drop(columns=key)
            texts = [name for name in X.columns if name in TEXTS]
            X = X.astype({name: float for name in X.columns if name not in texts})
            probability = pipeline.predict_proba(X)[:, 1]
            scored.append(pd.DataFrame({"key": frame[key], "probability": probability}))
            predicting += time.perf_counter() - start
    start = time.perf_counter()
    now = pd.concat(scored, ignore_index=True)
    before = pd.read_csv(confirmed, dtype={"key": str, "score": "int64"})
    quantiles = json.loads(confirmed.with_suffix(".json").read_text())
    now["score"] = np.maximum(np.searchsorted(quantiles, now["probability"], side="right") - 1, 0)
    both = now.merge(before, on="key", how="left", suffixes=("", "_before"))
    changes = both[both["score"] != both["score_before"]].sort_values("key")
    comparing = time.perf_counter() - start
    return {
        "rows": len(now),
        "changes": len(changes),
        "seconds": time.perf_counter() - begin,
        "reading": reading,
        "predicting": predicting,
        "comparing": comparing,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("model")
    make.add_argument("--out", type=Path, required=True)
    make.add_argument("--trees", type=int, default=500)
    make.add_argument("--depth", type=int, default=12)
    run = commands.add_parser("score")
    run.add_argument("--model", type=Path, required=True)
    run.add_argument("--url", required=True)
    run.add_argument("--query", required=True)
    run.add_argument("--key", required=True)
    run.add_argument("--confirmed", type=Path, required=True)
    args = parser.parse_args()
    if args.command == "model":
        train(args.out, args.trees, args.depth)
    else:
        print(json.dumps(score(args.model, args.url, args.query, args.key, args.confirmed)))


if __name__ == "__main__":
    main()
