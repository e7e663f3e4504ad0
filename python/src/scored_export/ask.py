"""Asks a fitted pipeline, row by row where it must: what it refuses is part of what it does."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from .errors import ExportError

Floats = npt.NDArray[np.float64]

# What scikit-learn raises for a value it does not take.
REFUSALS = (TypeError, ValueError)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings about the absurd values that probing consists of."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


class Oracle:
    """A fitted pipeline whose `predict_proba` runs in one thread, so that its sums have one order."""

    def __init__(self, model: Any, positive: str | None) -> None:
        steps = list(model.steps) if isinstance(model, Pipeline) else [("forest", model)]
        self.forest = checked_forest(*steps[-1])
        self.before = model[:-1] if len(steps) > 1 else None
        self.columns = column_names(model)
        self.positive, self.positive_index = positive_class(self.forest.classes_, positive)

        serial = copy.copy(self.forest)
        serial.n_jobs = 1
        self._model = Pipeline([*steps[:-1], (steps[-1][0], serial)])

    def probabilities(self, frame: pd.DataFrame) -> Floats:
        """Return the positive class's probability per row, NaN where the pipeline refuses the row."""
        with quiet():
            return self._ask(frame)

    def answers(self, frame: pd.DataFrame) -> bool:
        """Say whether the pipeline takes every row."""
        return not np.isnan(self.probabilities(frame)).any()

    def features(self, frame: pd.DataFrame) -> Floats:
        """Return the forest's features of rows that the pipeline takes."""
        with quiet():
            out = frame if self.before is None else self.before.transform(frame)
            return np.asarray(dense(out), dtype=np.float64)

    def feature_names(self) -> list[str]:
        """Return the names of the forest's features as the pipeline gives them."""
        if self.before is None:
            return list(self.columns)
        try:
            return [str(name) for name in self.before.get_feature_names_out()]
        except (AttributeError, ValueError) as err:
            raise ExportError(f"the pipeline gives no names of its features (get_feature_names_out): {err}") from err

    def _ask(self, frame: pd.DataFrame) -> Floats:
        if frame.empty:
            return np.empty(0)
        try:
            answer: Floats = self._model.predict_proba(frame)[:, self.positive_index]
            return answer
        except REFUSALS:
            if len(frame) == 1:
                return np.array([np.nan])
        half = len(frame) // 2
        return np.concatenate([self._ask(frame.iloc[:half]), self._ask(frame.iloc[half:])])


def dense(matrix: Any) -> Any:
    """Return a matrix that is not sparse."""
    return matrix.toarray() if hasattr(matrix, "toarray") else matrix


def checked_forest(name: str, forest: Any) -> RandomForestClassifier:
    """Return the forest, or refuse what is not a fitted binary random forest."""
    if type(forest) is not RandomForestClassifier:
        instead = "; export its best_estimator_" if hasattr(forest, "best_estimator_") else ""
        raise ExportError(
            f"step {name!r} is a {type(forest).__name__}: a bundle carries a RandomForestClassifier, as the last step"
            + instead
        )
    if not hasattr(forest, "estimators_"):
        raise ExportError(f"step {name!r} is not fitted: call fit first")
    if forest.n_outputs_ != 1:
        raise ExportError(f"step {name!r} has {forest.n_outputs_} outputs: train one forest per output")
    if forest.n_classes_ != 2:
        raise ExportError(
            f"step {name!r} has {forest.n_classes_} classes: train it on two, the positive one against the rest"
        )
    return forest


def column_names(model: Any) -> list[str]:
    """Return the raw columns in training order."""
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        raise ExportError(
            "the pipeline does not know its columns' names: fit it on a DataFrame with text column names, and let its "
            "first step be a transformer (not 'passthrough', which does not remember them)"
        )
    return [str(name) for name in names]


def positive_class(classes: npt.NDArray[Any], positive: str | None) -> tuple[str, int]:
    """Return the positive class as text and its index; without a wish, that of 0/1 and of false/true."""
    texts = [str(c) for c in classes.tolist()]
    if positive is None:
        if texts not in (["0", "1"], ["0.0", "1.0"], ["False", "True"]):
            raise ExportError(f"say which class is the positive one: the forest knows {' and '.join(texts)}")
        positive = texts[1]
    if positive not in texts:
        raise ExportError(f"the positive class {positive!r} is not in the forest: it knows {' and '.join(texts)}")
    return positive, texts.index(positive)
