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
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.pipeline import Pipeline

from .errors import ExportError
from .refusals import check_fitted, refused_model

Floats = npt.NDArray[np.float64]

# What scikit-learn, and code of one's own in a step, raises for a value it does not take.
REFUSALS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings about the absurd values that probing consists of."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


class Oracle:
    """A forest and what comes before it; its `predict_proba` runs in one thread, so that its sums have one order."""

    def __init__(self, model: Any, positive: str | float | None) -> None:
        steps = list(model.steps) if isinstance(model, Pipeline) else [("forest", model)]
        self.forest = checked_forest(*steps[-1])
        for name, step in steps[:-1]:
            check_fitted(name, step)
        self.before = model[:-1] if len(steps) > 1 else None
        self.columns = column_names(model)
        self.positive, self.positive_index = positive_class(self.forest.classes_, positive)
        self.serial = Pipeline([*steps[:-1], (steps[-1][0], in_one_thread(self.forest))])
        self.brief = Pipeline([*steps[:-1], (steps[-1][0], one_tree(self.forest))])

    def probabilities(self, frame: pd.DataFrame) -> Floats:
        """Return the positive class's probability per row, NaN where the pipeline refuses the row."""
        return asked(self.serial, frame, self.positive_index, self.brief)

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


def asked(model: Any, frame: pd.DataFrame, index: int, brief: Any = None) -> Floats:
    """Return one class's probability per row, NaN where the model refuses the row.

    A batch is refused as a whole, so that rows are found by halving: `brief` refuses what the model does, in less time.
    """

    def ask(of: Any, rows: pd.DataFrame) -> Floats:
        if rows.empty:
            return np.empty(0)
        try:
            answer: Floats = of.predict_proba(rows)[:, index]
            return answer
        except REFUSALS:
            if len(rows) == 1:
                return np.array([np.nan])
        if of is model and brief is not None:
            taken = ~np.isnan(ask(brief, rows))
            if not taken.all():
                out = np.full(len(rows), np.nan)
                out[taken] = ask(model, rows[taken])
                return out
        half = len(rows) // 2
        return np.concatenate([ask(of, rows.iloc[:half]), ask(of, rows.iloc[half:])])

    with quiet():
        return ask(model, frame)


def in_one_thread(forest: Any) -> Any:
    """Return the forest with sums in tree order: threads add up in whatever order they end."""
    serial = copy.copy(forest)
    serial.n_jobs = 1
    return serial


def one_tree(forest: Any) -> Any:
    """Return the forest cut to its first tree, the one that it asks whether it takes missing values."""
    brief = in_one_thread(forest)
    brief.estimators_ = forest.estimators_[:1]
    return brief


def dense(matrix: Any) -> Any:
    """Return a matrix that is not sparse."""
    return matrix.toarray() if hasattr(matrix, "toarray") else matrix


KINDS = {RandomForestClassifier: "random_forest_classifier", ExtraTreesClassifier: "extra_trees_classifier"}


def checked_forest(name: str, forest: Any) -> Any:
    """Return the forest, or refuse what is not a fitted forest of classes."""
    if type(forest) not in KINDS:
        raise refused_model(name, forest)
    if not hasattr(forest, "estimators_"):
        raise ExportError(f"step {name!r} is not fitted: call fit first")
    if forest.n_outputs_ != 1:
        raise ExportError(f"step {name!r} has {forest.n_outputs_} outputs: train one forest per output")
    if forest.n_classes_ < 2:
        raise ExportError(f"step {name!r} has seen one class only: train it on rows of two")
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


def positive_class(classes: npt.NDArray[Any], positive: str | float | None) -> tuple[str, int]:
    """Return the positive class as text and its index; without a wish, that of 0/1 and of false/true."""
    texts = [str(c) for c in classes.tolist()]
    if positive is None:
        if texts not in (["0", "1"], ["0.0", "1.0"], ["False", "True"]):
            raise ExportError(f"say which class is the positive one: the forest knows {' and '.join(texts)}")
        positive = texts[1]
    positive = str(positive)
    if positive not in texts:
        raise ExportError(f"the positive class {positive!r} is not in the forest: it knows {' and '.join(texts)}")
    return positive, texts.index(positive)
