"""The benchmark's forests: made-up rows, trained by scikit-learn, kept on disk by what they were made of."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import sklearn
from sklearn.ensemble import RandomForestClassifier

from scored_export.trees import Trees, trees_of

FEATURES, TRAINING_ROWS, POSITIVE = 58, 50_000, 0.05
COUNTS, FLAGS = 24, 12  # the other features are continuous
NEAR_ROWS = 4_096
SEED = 20240611


@dataclass(frozen=True)
class Shape:
    """What a forest is trained with, and how many rows it scores."""

    name: str
    title: str
    trees: int
    depth: int | None
    leaf: int
    rows: int = 100_000


D12 = Shape("d12", "500 trees, depth 12", 500, 12, 1)
UL5 = Shape("ul5", "500 trees, unlimited depth, 5 samples per leaf", 500, None, 5)
UL1 = Shape("ul1", "500 trees, unlimited depth, 1 sample per leaf", 500, None, 1)
T50 = Shape("t50", "50 trees, depth 12", 50, 12, 1)
SHAPES = (D12, UL5, UL1, T50)


@dataclass(frozen=True)
class Forest:
    """A trained forest on disk: its folder holds what the engines read."""

    shape: Shape
    folder: Path
    nodes: int
    deepest: int
    visits: float  # nodes that a row passes in all trees, the leaves included, on average
    training_seconds: float

    @property
    def rows(self) -> Path:
        """The rows that are timed: float32, row by row."""
        return self.folder / "rows.f32"

    @property
    def near(self) -> Path:
        """Rows that sit on the thresholds or next to them: float32, row by row."""
        return self.folder / "near.f32"

    def answers(self, rows: Path) -> npt.NDArray[np.float64]:
        """scikit-learn's probabilities for a file of rows."""
        return np.fromfile(rows.with_suffix(".f64"), dtype=np.float64)

    def model(self) -> RandomForestClassifier:
        """The fitted forest."""
        return joblib.load(self.folder / "forest.joblib")


def read_rows(path: Path) -> npt.NDArray[np.float32]:
    """Read a file of rows."""
    return np.fromfile(path, dtype=np.float32).reshape(-1, FEATURES)


def forest(shape: Shape, cache: Path) -> Forest:
    """Return the shape's forest; train it unless the cache holds it."""
    made_of = json.dumps([asdict(shape), FEATURES, TRAINING_ROWS, POSITIVE, NEAR_ROWS, SEED, sklearn.__version__])
    folder = cache.resolve() / f"{shape.name}-{hashlib.sha256(made_of.encode()).hexdigest()[:10]}"
    facts = folder / "facts.json"
    if not facts.exists():
        folder.mkdir(parents=True, exist_ok=True)
        facts.write_text(json.dumps(train(shape, folder)))
    model = joblib.load(folder / "forest.joblib")
    # Written at every run, for the format is the exporter's and not a part of the cache's name.
    trees_of(model, 1).write(folder / "forest.bin")
    return Forest(shape=shape, folder=folder, **json.loads(facts.read_text()))


def train(shape: Shape, folder: Path) -> dict[str, Any]:
    """Train a forest and write it, the rows and scikit-learn's answers into the folder."""
    random = np.random.default_rng(SEED)
    X, y = draw(random, TRAINING_ROWS)
    start = time.perf_counter()
    model = RandomForestClassifier(
        shape.trees, max_depth=shape.depth, min_samples_leaf=shape.leaf, n_jobs=2, random_state=SEED
    ).fit(X, y)
    seconds = time.perf_counter() - start
    rows, _ = draw(random, shape.rows)
    model.n_jobs = 1
    joblib.dump(model, folder / "forest.joblib")
    for name, x in ("rows", rows), ("near", near(random, trees_of(model, 1), rows[:NEAR_ROWS])):
        x.tofile(folder / f"{name}.f32")
        model.predict_proba(x)[:, 1].tofile(folder / f"{name}.f64")
    trees = [estimator.tree_ for estimator in model.estimators_]
    return {
        "nodes": int(sum(tree.node_count for tree in trees)),
        "deepest": int(max(tree.max_depth for tree in trees)),
        "visits": visits(model, rows[:NEAR_ROWS]),
        "training_seconds": seconds,
    }


def draw(random: np.random.Generator, rows: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Draw counts, flags and continuous features, and labels that some of them explain in part."""
    X = np.empty((rows, FEATURES), dtype=np.float32)
    for i in range(COUNTS):
        X[:, i] = random.negative_binomial(1 + i % 4, 1 / (1 + 0.3 * (1 + i)), rows)
    for i in range(FLAGS):
        X[:, COUNTS + i] = random.random(rows) < 0.02 + 0.05 * i
    for i in range(COUNTS + FLAGS, FEATURES):
        X[:, i] = (random.normal(0, 1, rows), random.lognormal(9, 1, rows), random.uniform(0, 365, rows))[i % 3]
    z = (
        1.1 * np.log1p(X[:, 3])
        + 0.7 * np.log1p(X[:, 7])
        - 0.4 * np.log1p(X[:, 11])
        + 1.2 * X[:, COUNTS + 2]
        - 0.8 * X[:, COUNTS + 9]
        + 0.9 * np.sin(X[:, 36] * 2)
        + 0.6 * (np.log(X[:, 37]) - 9) * (X[:, COUNTS + 5] - 0.3)
        - 0.004 * X[:, 38]
        + 0.5 * X[:, 39] * X[:, 42]
        + random.logistic(0, 1, rows)
    )
    return X, z > np.quantile(z, 1 - POSITIVE)


def near(random: np.random.Generator, trees: Trees, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Put half of the rows' values on thresholds, or next to them in float32."""
    X = rows.copy()
    for feature in range(FEATURES):
        thresholds = trees.threshold[trees.feature == feature].astype(np.float32)
        if len(thresholds) == 0:
            continue
        at = random.choice(thresholds, len(X))
        side = random.integers(0, 3, len(X))
        at = np.where(side == 0, np.nextafter(at, np.float32(-np.inf)), at)
        at = np.where(side == 1, np.nextafter(at, np.float32(np.inf)), at)
        X[:, feature] = np.where(random.random(len(X)) < 0.5, at, X[:, feature])
    return X


def visits(model: RandomForestClassifier, rows: npt.NDArray[np.float32]) -> float:
    """Count the nodes that a row passes in all trees, on average."""
    return float(sum(estimator.tree_.decision_path(rows).nnz for estimator in model.estimators_) / len(rows))
