"""What does not end in a forest of two classes, fitted as a whole, is refused: what, where, and what instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from scored_export import ExportError

from .samples import exported, forest, leads


class XGBClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Stands for the class of that name, which the tests need not install."""

    def fit(self, X: Any, y: Any) -> Any:
        self.classes_ = np.unique(y)
        self.feature_names_in_ = X.columns
        return self


class Sampler(BaseEstimator):  # type: ignore[misc]
    """Stands for the samplers of imbalanced-learn: they work in training only."""

    def fit_resample(self, X: Any, y: Any) -> Any:
        return X, y

    def fit(self, X: Any, y: Any = None) -> Any:
        self.feature_names_in_ = X.columns
        return self

    def transform(self, X: Any) -> Any:
        return X


class MyForest(RandomForestClassifier):  # type: ignore[misc]
    pass


class Squared(Pipeline):  # type: ignore[misc]
    """A pipeline that predicts otherwise than its steps do."""

    def predict_proba(self, X: Any, **params: Any) -> Any:
        return super().predict_proba(X, **params) ** 2


def fit(model: Any) -> Callable[[pd.DataFrame, Any], Any]:
    return lambda X, y: model.fit(X, y)


def unfitted_before(X: pd.DataFrame, y: Any) -> Any:
    fitted = forest().fit(X, y)
    return Pipeline([("inner", Pipeline([("scale", StandardScaler())])), ("forest", fitted)])


def unfitted_columns(X: pd.DataFrame, y: Any) -> Any:
    fitted = forest().fit(X, y)
    return Pipeline([("columns", ColumnTransformer([("scale", StandardScaler(), ["age"])])), ("forest", fitted)])


BOOSTED = "boosted trees .* are not read yet; train a forest"
MODELS: dict[str, tuple[Callable[[pd.DataFrame, Any], Any], str]] = {
    "histogram boosting": (
        fit(HistGradientBoostingClassifier(max_iter=2)),
        f"HistGradientBoostingClassifier: .*{BOOSTED}",
    ),
    "boosting": (fit(GradientBoostingClassifier(n_estimators=2)), f"is a GradientBoostingClassifier: .*{BOOSTED}"),
    "XGBoost": (fit(XGBClassifier()), f"step 'forest' is a XGBClassifier: .*{BOOSTED}"),
    "tree": (
        fit(make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=2))),
        "step 'decisiontreeclassifier' is a .*one tree, trained anew",
    ),
    "subclass": (
        fit(MyForest(2)),
        r'is a MyForest: .*a subclass, .*: use RandomForestClassifier\(class_weight="balanced_subsample"\)',
    ),
    "tuple": (
        lambda X, y: (forest().fit(X, y), ["age"]),
        "step 'forest' is a tuple: .*: give the fitted pipeline itself",
    ),
    "dict": (
        lambda X, y: {"model": forest().fit(X, y)},
        "step 'forest' is a dict: .*: give the fitted pipeline itself",
    ),
    "pipeline with a mind of its own": (
        fit(Squared([("fill", SimpleImputer()), ("forest", forest())])),
        "the Squared predicts otherwise than its steps do: export its steps as a plain Pipeline",
    ),
    "the same, calibrated": (
        fit(CalibratedClassifierCV(Squared([("fill", SimpleImputer()), ("forest", forest())]), cv=2)),
        "the CalibratedClassifierCV predicts otherwise than its steps do",
    ),
    "regressor": (fit(RandomForestRegressor(2)), "is a RandomForestRegressor: .*on two classes, the outcome"),
    "search": (fit(GridSearchCV(forest(), {"max_depth": [2]}, cv=2)), "is a GridSearchCV: .*best_estimator_"),
    "bagging": (fit(BaggingClassifier(forest(), 2)), "is a BaggingClassifier: .*bagged already"),
    "vote": (fit(VotingClassifier([("a", forest())])), "is a VotingClassifier: .*one of its forests"),
    "threshold": (fit(FixedThresholdClassifier(forest())), "is a FixedThresholdClassifier: .*its estimator_"),
    "several outputs": (
        lambda X, y: MultiOutputClassifier(forest()).fit(X, np.c_[y, y]),
        "is a MultiOutputClassifier: .*one forest per output",
    ),
    "two outputs": (lambda X, y: forest().fit(X, np.c_[y, y]), "has 2 outputs: train one forest per output"),
    "no forest": (
        fit(make_pipeline(StandardScaler(), SimpleImputer())),
        "step 'simpleimputer' is a SimpleImputer: .*the fitted forest",
    ),
    "a model that is not known": (fit(Sampler()), "step 'forest' is a Sampler: a bundle carries"),
    "calibrated for three classes": (
        lambda X, y: CalibratedClassifierCV(forest(), cv=2).fit(X, np.arange(len(y)) % 3),
        "calibrates 3 classes: train it on two, the positive one against the rest",
    ),
    "sampler": (
        fit(Pipeline([("over", Sampler()), ("forest", forest())])),
        "step 'over' is a Sampler, .*works in training only",
    ),
    "not fitted": (lambda X, y: RandomForestClassifier(2), "step 'forest' is not fitted: call fit first"),
    "a step that is not fitted": (
        unfitted_before,
        "step 'inner/scale' is a StandardScaler that is not fitted: fit the whole",
    ),
    "columns that are not fitted": (unfitted_columns, "step 'columns' is a ColumnTransformer that is not fitted"),
    "fitted on an array": (lambda X, y: RandomForestClassifier(2).fit(X.to_numpy(), y), "fit it on a DataFrame"),
    "one class": (lambda X, y: RandomForestClassifier(2).fit(X, y * 0), "has seen one class only"),
    "classes without an obvious positive": (
        lambda X, y: RandomForestClassifier(2).fit(X, np.where(y, "won", "lost")),
        "which class is the positive one: the forest knows lost and won",
    ),
    "three classes without an obvious positive": (
        lambda X, y: RandomForestClassifier(2).fit(X, np.arange(len(y)) % 3),
        "which class is the positive one: the forest knows",
    ),
    "classes of 1 and 2": (lambda X, y: RandomForestClassifier(2).fit(X, y + 1), "the forest knows 1 and 2"),
}


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str, tmp_path: Path) -> None:
    build, message = MODELS[name]
    frame, y = leads()
    X = frame[["age", "seats"]]
    with pytest.raises(ExportError, match=message) as refused:
        exported(build(X, y), X, tmp_path)
    assert len(str(refused.value)) < 400
    assert not list(tmp_path.iterdir())
