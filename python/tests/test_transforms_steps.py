"""Every step, alone and in chains, gives the features that the pipeline gives: bit for bit, hostile values included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest, SelectPercentile, VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from .samples import NEWER, features_of, fitted, forest, leads, pipeline

NUMBERS = ["age", "income", "visits"]
FULL = ["age", "seats", "flag"]  # without missing values
UNKNOWN: dict[str, Any] = {"handle_unknown": "use_encoded_value", "unknown_value": -1}


def on(step: Any, *columns: str) -> Callable[[], Pipeline]:
    """Return a pipeline with the step on some columns, beside a number as it is."""
    return lambda: pipeline(("step", step, list(columns) or NUMBERS), ("rest", "passthrough", ["doors"]))


def chain(*steps: Any, columns: list[str] | None = None) -> Callable[[], Pipeline]:
    return on(make_pipeline(*steps), *(columns or NUMBERS))


def mixed(*steps: Any, sparse: float = 0.0) -> Callable[[], Pipeline]:
    """Return a pipeline with steps after a one-hot, codes and numbers, all side by side."""

    def build() -> Pipeline:
        columns = ColumnTransformer(
            [
                ("hot", hot(sparse_output=sparse > 0), ["region", "fuel"]),
                ("code", codes(**UNKNOWN), ["channel", "seats"]),
                ("flags", SimpleImputer(add_indicator=True), ["income", "visits"]),
                ("age", "passthrough", ["age"]),
            ],
            sparse_threshold=sparse,
        )
        return Pipeline([("columns", columns), *((f"step{i}", s) for i, s in enumerate(steps)), ("forest", forest())])

    return build


def hot(**options: Any) -> OneHotEncoder:
    return OneHotEncoder(**{"handle_unknown": "ignore"} | options)


def codes(**options: Any) -> OrdinalEncoder:
    return OrdinalEncoder(**options)


def bins(encode: str = "ordinal", strategy: str = "uniform", n: int = 4, **options: Any) -> KBinsDiscretizer:
    quantile = {"quantile_method": "averaged_inverted_cdf"} if NEWER["quantile_method"] else {}
    return KBinsDiscretizer(n, encode=encode, strategy=strategy, random_state=0, **quantile, **options)


def fill(**options: Any) -> SimpleImputer:
    return SimpleImputer(**options)


STEPS: dict[str, Callable[[], Any]] = {
    # scalers
    "standard": on(StandardScaler()),
    "standard, not centred": on(StandardScaler(with_mean=False)),
    "standard, not scaled": on(StandardScaler(with_std=False)),
    "standard, neither": on(StandardScaler(with_mean=False, with_std=False)),
    "standard in place": on(StandardScaler(copy=False)),
    "min-max": on(MinMaxScaler()),
    "min-max clipped": on(MinMaxScaler(clip=True)),
    "min-max of another range": on(MinMaxScaler((-3, 0.1), clip=True)),
    "min-max of a narrow column": on(MinMaxScaler(clip=True), "narrow", "tiny"),
    "max-abs": on(MaxAbsScaler()),
    "robust": on(RobustScaler()),
    "robust, not centred": on(RobustScaler(with_centering=False)),
    "robust, not scaled": on(RobustScaler(with_scaling=False)),
    "robust of unit variance": on(RobustScaler(quantile_range=(5, 90), unit_variance=True)),
    "standard of constants": on(StandardScaler(), "constant", "zero", "age"),
    "min-max of constants": on(MinMaxScaler(clip=True), "constant", "zero", "age"),
    "max-abs of constants": on(MaxAbsScaler(), "constant", "zero", "age"),
    "robust of constants": on(RobustScaler(), "constant", "zero", "flag"),
    "scaled far": on(StandardScaler(), "huge", "tiny", "narrow"),
    # bins
    **{
        f"bins {strategy} {encode}": on(bins(encode, strategy), *FULL)
        for strategy in ("uniform", "quantile", "kmeans")
        for encode in ("ordinal", "onehot", "onehot-dense")
    },
    "bins of constants": on(bins(), "constant", "age"),
    "bins of constants, one-hot": on(bins("onehot"), "constant", "age"),
    "bins per column": on(bins(n=[2, 5, 3]), *FULL),  # type: ignore[arg-type]
    "bins in float64": on(bins(dtype=np.float64), *FULL),
    "binarizer": on(Binarizer(threshold=2.5), *FULL),
    "binarizer at zero": on(Binarizer(), "flag", "zero", "age"),
    "binarizer at a value": on(Binarizer(threshold=5), "seats"),
    # missing values
    "indicator of all": on(MissingIndicator(features="all"), *NUMBERS),
    "indicator": on(MissingIndicator(), *NUMBERS),
    "indicator, strict": on(MissingIndicator(error_on_new=True), "income", "age"),
    "indicator, sparse": on(MissingIndicator(sparse=True, error_on_new=False), *NUMBERS),
    "indicator of text": on(MissingIndicator(missing_values=np.nan), "fuel"),
    "indicator after codes": on(make_pipeline(codes(**UNKNOWN), MissingIndicator(features="all")), "fuel", "doors"),
    "imputer of a value after codes": on(
        make_pipeline(codes(encoded_missing_value=-7, **UNKNOWN), fill(missing_values=-7, strategy="median")), "fuel"
    ),
    "imputed after scaling": chain(StandardScaler(), fill(add_indicator=True)),
    "scaled after flags": chain(fill(add_indicator=True), StandardScaler(), MinMaxScaler()),
    "kept though empty": chain(fill(keep_empty_features=True), StandardScaler(), columns=["empty", "age"]),
    # encoders
    "target": on(TargetEncoder(random_state=0), "region", "fuel", "seats", "doors"),
    "target, smooth": on(TargetEncoder(smooth=50.0, random_state=0), "fuel"),
    "target, scaled": chain(TargetEncoder(random_state=0), StandardScaler(), columns=["region", "fuel"]),
    "target after imputer": chain(fill(strategy="most_frequent"), TargetEncoder(random_state=0), columns=["fuel"]),
    "codes, scaled": chain(codes(**UNKNOWN), StandardScaler(), columns=["region", "fuel"]),
    "codes, missing, scaled, imputed": chain(
        codes(**UNKNOWN), StandardScaler(), fill(strategy="constant", fill_value=9.5), columns=["fuel", "doors"]
    ),
    "codes of int, scaled": chain(codes(dtype=np.int16, **UNKNOWN), MinMaxScaler(), columns=["region"]),
    "codes of float32, scaled": chain(codes(dtype=np.float32, **UNKNOWN), StandardScaler(), columns=["region"]),
    "codes, binned": chain(codes(**UNKNOWN), bins("onehot"), columns=["region", "seats"]),
    "codes, then one-hot": chain(codes(**UNKNOWN), hot(), columns=["region", "fuel"]),
    "codes, then one-hot, strict": chain(codes(), hot(handle_unknown="error"), columns=["channel"]),
    "codes, then codes": chain(codes(), codes(min_frequency=50, **UNKNOWN), columns=["region"]),
    "codes as bits": chain(codes(**UNKNOWN), Binarizer(threshold=1), columns=["region"]),
    "one-hot, scaled": chain(hot(), StandardScaler(with_mean=False), columns=["region", "fuel"]),
    "one-hot, dense, scaled": chain(hot(sparse_output=False), StandardScaler(), columns=["region", "fuel"]),
    "one-hot of float32, scaled": chain(hot(sparse_output=False, dtype=np.float32), StandardScaler(), columns=["fuel"]),
    "one-hot, dropped, scaled": chain(hot(drop="first", sparse_output=False), RobustScaler(), columns=["region"]),
    "one-hot, strict, scaled": chain(
        hot(handle_unknown="error", sparse_output=False), MinMaxScaler((1, 3)), columns=["region"]
    ),
    "one-hot, infrequent, scaled": chain(
        hot(handle_unknown="infrequent_if_exist", min_frequency=60), MaxAbsScaler(), columns=["region", "fuel"]
    ),
    "one-hot, then one-hot": chain(hot(sparse_output=False), hot(), columns=["channel"]),
    "one-hot of bins": chain(bins(), hot(max_categories=3, handle_unknown="infrequent_if_exist"), columns=FULL),
    "one-hot of scaled numbers": chain(StandardScaler(), hot(), columns=["seats", "doors"]),
    "one-hot of flags": chain(MissingIndicator(features="all"), hot(), columns=["income", "visits"]),
    # chains
    "imputed, scaled, binned, one-hot": chain(fill(), StandardScaler(), bins("onehot")),
    "imputed, scaled, binned, encoded": chain(fill(strategy="median"), RobustScaler(), bins(), hot()),
    "scaled thrice": chain(StandardScaler(), MinMaxScaler((1, 2)), MaxAbsScaler()),
    "scaled and clipped twice": chain(MinMaxScaler(clip=True), StandardScaler(), MinMaxScaler((0, 5), clip=True)),
    "binned, scaled": chain(fill(), bins("onehot-dense"), StandardScaler()),
    "binned, sparse, scaled": chain(fill(), bins("onehot"), StandardScaler(with_mean=False)),
    "bins, scaled": chain(fill(), bins(), StandardScaler(), bins(n=2)),
    "bits, scaled": chain(fill(), Binarizer(threshold=3), StandardScaler()),
    "nested": chain(make_pipeline("passthrough", make_pipeline(fill(), StandardScaler())), FunctionTransformer()),
    "binned though beyond float64": chain(StandardScaler(), bins(), columns=["tiny", "age"]),
    "clipped though beyond float64": chain(MinMaxScaler(clip=True), columns=["tiny", "narrow", "age"]),
    "clipped by a later step": chain(StandardScaler(), MinMaxScaler(clip=True), columns=["tiny", "age"]),
    # after the whole
    "all scaled": mixed(StandardScaler()),
    "all scaled, sparse": mixed(StandardScaler(with_mean=False), sparse=1.0),
    "all scaled by the largest, sparse": mixed(MaxAbsScaler(), sparse=1.0),
    "all scaled robustly, sparse": mixed(RobustScaler(with_centering=False), sparse=1.0),
    "all bits, sparse": mixed(Binarizer(threshold=0.5), sparse=1.0),
    "all imputed": mixed(fill()),
    "all imputed, scaled, binned": mixed(fill(), StandardScaler(), bins(strategy="uniform", n=2)),
    "all in pandas": lambda: mixed(fill(), StandardScaler())().set_output(transform="pandas"),
    "all in pandas, binned": lambda: mixed(bins("onehot-dense", n=2))().set_output(transform="pandas"),
    "split again": mixed(ColumnTransformer([("some", StandardScaler(), [1, 0, 9]), ("two", "passthrough", [2, 7])])),
    "one-hot reversed": mixed(ColumnTransformer([("back", "passthrough", [3, 2, 1, 0])])),
    "one-hot twice": mixed(
        ColumnTransformer([("a", "passthrough", [0, 1, 2, 3]), ("b", MinMaxScaler(), [0, 1, 2, 3])])
    ),
    # selection
    "variance": mixed(VarianceThreshold(0.1)),
    "variance, sparse": mixed(VarianceThreshold(0.1), sparse=1.0),
    "best": mixed(SelectKBest(k=5)),
    "best in pandas": lambda: mixed(StandardScaler(), SelectPercentile(percentile=40))().set_output(transform="pandas"),
    "by a model": mixed(SelectFromModel(ExtraTreesClassifier(5, random_state=0)), StandardScaler()),
    "by elimination": mixed(fill(), RFE(ExtraTreesClassifier(2, random_state=0), n_features_to_select=4, step=5)),
    "of numbers": chain(fill(add_indicator=True), SelectKBest(k=2)),
    "of numbers with missing ones": chain(VarianceThreshold()),
    # columns
    "union": on(FeatureUnion([("mean", fill()), ("scaled", StandardScaler()), ("no", "drop"), ("as", "passthrough")])),
    "union with weights": on(FeatureUnion([("a", fill()), ("b", StandardScaler())], transformer_weights={"a": 0.3})),
    "union of sparse": lambda: pipeline(
        ("union", FeatureUnion([("a", hot()), ("b", hot(drop="first"))]), ["region", "fuel"]), ("age", fill(), ["age"])
    ),
    "weights": lambda: pipeline(
        ("hot", hot(), ["fuel"]), ("n", fill(), NUMBERS), transformer_weights={"hot": 0.1, "n": 3}
    ),
    "weights of flags": lambda: pipeline(
        ("flags", MissingIndicator(features="all"), NUMBERS),
        ("n", "passthrough", NUMBERS),
        transformer_weights={"flags": 7},
    ),
    "remainder scaled": lambda: pipeline(
        ("no", "drop", ["region", "fuel", "channel", "empty"]), remainder=make_pipeline(fill(), StandardScaler())
    ),
    "frozen": chain(FrozenEstimator(StandardScaler().fit(leads()[0][NUMBERS]))),
    "columns in columns": lambda: pipeline(
        ("inner", ColumnTransformer([("a", hot(), ["region"])], remainder=MinMaxScaler()), ["age", "region", "seats"])
    ),
}


@pytest.mark.parametrize("name", STEPS)
def test_features(name: str) -> None:
    model, rows = fitted(STEPS[name](), wide=True)
    blocks, refused = features_of(model, rows)
    numbers = {block["column"] for block in blocks} & set(rows.select_dtypes("float64"))
    assert refused or not numbers, "hostile rows that the pipeline refuses are part of the test"


@pytest.mark.parametrize("name", ["one-hot, strict, scaled", "one-hot, dense, scaled"])
def test_a_one_hot_that_is_scaled_is_told_in_full_once(name: str) -> None:
    """A table per feature, each with every category, would be too large for a manifest."""
    model, rows = fitted(STEPS[name](), wide=True)
    blocks, _ = features_of(model, rows)
    tables = [block["steps"][-1]["categories"] for block in blocks if block["column"] == "region"]
    assert [len(table) for table in tables] == [4, 1, 1, 1]
