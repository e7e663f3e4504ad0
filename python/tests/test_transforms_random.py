"""Pipelines put together at random, with a seed, give the features of the pipeline: bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from .samples import as_raw, exported, features_of, fitted, forest, predicted

NUMBERS = ["age", "income", "visits", "seats", "doors", "flag", "narrow", "constant"]
TEXTS = ["region", "fuel", "channel"]

SCALERS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    MinMaxScaler(clip=True),
    MinMaxScaler((-2, 5)),
    MaxAbsScaler(),
    RobustScaler(unit_variance=True),
]
FILLS = [
    SimpleImputer(),
    SimpleImputer(strategy="median", add_indicator=True),
    SimpleImputer(strategy="constant", fill_value=-3.5, keep_empty_features=True),
]
# These take no missing values.
STRICT = [
    Binarizer(threshold=2),
    KBinsDiscretizer(3, encode="ordinal", strategy="uniform"),
    KBinsDiscretizer(5, encode="onehot-dense", strategy="uniform"),
    SelectKBest(k=1),
]
ENCODERS = [
    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=60, sparse_output=False),
    OneHotEncoder(handle_unknown="ignore", drop="first", dtype=np.float32, sparse_output=False),
    OneHotEncoder(handle_unknown="ignore", max_categories=3),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=9, max_categories=3, encoded_missing_value=-2),
    TargetEncoder(random_state=0),
]


class Builder:
    """Draws pipelines."""

    def __init__(self, seed: int) -> None:
        self.draw = np.random.default_rng(seed)

    def one(self, steps: list[Any]) -> Any:
        return clone(steps[self.draw.integers(len(steps))])

    def often(self, chance: float) -> bool:
        return bool(self.draw.random() < chance)

    def numbers(self) -> Any:
        """Return a chain for numbers: filled, scaled, binned, scaled again, each or not."""
        steps = [self.one(SCALERS)] if self.often(0.3) else []
        filled = self.often(0.7)
        steps += [self.one(FILLS)] if filled else []
        steps += [self.one(SCALERS)] if self.often(0.6) else []
        steps += [self.one(STRICT)] if filled and self.often(0.6) else []
        steps += [self.one(SCALERS)] if self.often(0.4) else []
        if self.often(0.15):
            return FeatureUnion([("a", make_pipeline(*steps, "passthrough")), ("b", MissingIndicator(features="all"))])
        return make_pipeline(*steps, "passthrough")

    def categories(self) -> Any:
        """Return a chain for categories: filled or not, encoded, perhaps encoded again, scaled or binned."""
        fill = [SimpleImputer(strategy="most_frequent")] if self.often(0.4) else []
        encoder = self.one(ENCODERS)
        if isinstance(encoder, OneHotEncoder) and encoder.sparse_output:
            after = [self.one([StandardScaler(with_mean=False), MaxAbsScaler()])]
        else:
            after = [self.one([*SCALERS, *STRICT[:3]])]
        return make_pipeline(*fill, encoder, *(after if self.often(0.5) else []))

    def columns(self) -> ColumnTransformer:
        parts: list[Any] = []
        for i in range(self.draw.integers(1, 4)):
            parts.append((f"n{i}", self.numbers(), self.some(NUMBERS)))
        for i in range(self.draw.integers(1, 4)):
            parts.append((f"c{i}", self.categories(), self.some([*TEXTS, "seats"] if self.often(0.3) else TEXTS)))
        weights = {"c0": 0.3, "n0": 7} if self.often(0.15) else None
        threshold = float(self.draw.choice([0.0, 1.0]))
        return ColumnTransformer(parts, transformer_weights=weights, sparse_threshold=threshold)

    def some(self, names: list[str]) -> list[str]:
        return [str(n) for n in self.draw.choice(names, self.draw.integers(1, min(4, len(names)) + 1), replace=False)]

    def pipeline(self) -> Pipeline:
        """Return a pipeline whose last steps take all columns: they may be sparse, or hold missing values."""
        steps: list[Any] = [self.columns(), SimpleImputer(keep_empty_features=True)]
        steps += [self.one([MaxAbsScaler(), StandardScaler(with_mean=False)])] if self.often(0.4) else []
        steps += [VarianceThreshold(float(self.draw.choice([0, 0.05])))] if self.often(0.4) else []
        model = make_pipeline(*steps, forest(n_estimators=3))
        pandas = self.often(0.3) and not steps[0].sparse_threshold
        pandas = pandas and not any(
            getattr(s, "sparse_output", False) for chain in steps[0].transformers for s in members(chain[1])
        )
        return model.set_output(transform="pandas") if pandas else model


def members(chain: Any) -> list[Any]:
    return [step for _, step in chain.steps] if isinstance(chain, Pipeline) else []


@pytest.mark.parametrize("seed", range(14))
def test_random_pipelines(seed: int) -> None:
    model, rows = fitted(Builder(seed).pipeline(), wide=True)
    features_of(model, rows)


@pytest.mark.parametrize("seed", range(100, 102))
def test_random_pipelines_as_bundles(seed: int, tmp_path: Path) -> None:
    """The files, too, and the forest behind the features."""
    model, rows = fitted(Builder(seed).pipeline(), wide=True)
    bundle = exported(model, rows, tmp_path, golden=80)
    np.testing.assert_array_equal(bundle.probabilities(as_raw(rows)), predicted(model, rows))
