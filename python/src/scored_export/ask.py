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
from .refusals import check_step, refused_model
from .steps import every_step, is_identity

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# What scikit-learn, and code of one's own in a step, raises for a value it does not take.
REFUSALS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
BATCH = 500  # rows among which refused ones are looked for at a time


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
            check_step(name, step)
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
        before = copy.deepcopy(self.before)
        for _, step in every_step("", before):
            if is_identity(step):
                step.feature_names_out = "one-to-one"  # it gives none of its own accord
        try:
            return [str(name) for name in before.get_feature_names_out()]
        except (AttributeError, ValueError) as err:
            raise ExportError(f"the pipeline gives no names of its features (get_feature_names_out): {err}") from err


def asked(model: Any, frame: pd.DataFrame, index: int, brief: Any = None) -> Floats:
    """Return one class's probability per row, NaN where the model refuses the row.

    A batch is refused as a whole, so that its rows have to be found: `brief` refuses what the model does, in less time.
    """
    if frame.empty:
        return np.empty(0)
    with quiet():
        try:
            answer: Floats = model.predict_proba(frame)[:, index]
            return answer
        except REFUSALS:
            if len(frame) == 1:
                return np.array([np.nan])
        taken = Sieve(model if brief is None else brief).taken(frame)
    if taken.all():  # in parts
        half = len(frame) // 2
        return np.concatenate([asked(model, part, index) for part in (frame.iloc[:half], frame.iloc[half:])])
    out = np.full(len(frame), np.nan)
    out[taken] = asked(model, frame[taken], index, brief)
    return out


class Sieve:
    """Finds the rows that a model refuses.

    Batches are halved until one row is left. Most rows are refused for one value: once it is known, rows that hold it
    are asked one by one, and spoil no batch.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.bad: dict[str, list[Any]] = {}  # values by column
        self.good: pd.DataFrame | None = None  # one row

    def taken(self, frame: pd.DataFrame) -> Flags:
        """Say which rows the model takes."""
        starts = range(0, len(frame), BATCH)
        return np.concatenate([self.of_batch(frame.iloc[at : at + BATCH], last=at == starts[-1]) for at in starts])

    def of_batch(self, rows: pd.DataFrame, *, last: bool) -> Flags:
        """Say which rows of a batch the model takes, and learn for the next one."""
        suspect = self.suspects(rows)
        out = np.zeros(len(rows), bool)
        out[suspect] = [self.takes(rows.iloc[[i]]) for i in np.flatnonzero(suspect)]
        out[~suspect] = self.halved(rows[~suspect])
        if not last:
            for i in np.flatnonzero(~suspect & ~out):
                self.learn(rows.iloc[[i]])
        return out

    def halved(self, rows: pd.DataFrame) -> Flags:
        """Say which rows the model takes, by asking about ever smaller parts."""
        if rows.empty or self.takes(rows):
            return np.ones(len(rows), bool)
        if len(rows) == 1:
            return np.zeros(1, bool)
        half = len(rows) // 2
        return np.concatenate([self.halved(rows.iloc[:half]), self.halved(rows.iloc[half:])])

    def takes(self, rows: pd.DataFrame) -> bool:
        """Say whether the model takes all of the rows."""
        try:
            self.model.predict_proba(rows)
        except REFUSALS:
            return False
        self.good = rows.iloc[[0]]
        return True

    def suspects(self, rows: pd.DataFrame) -> Flags:
        """Say which rows hold a value for which the model refused one."""
        out = np.zeros(len(rows), bool)
        for name, values in self.bad.items():
            out |= rows[name].isin(values).to_numpy(dtype=bool)
        return out

    def learn(self, row: pd.DataFrame) -> None:
        """Find the value for which a row is refused, by bisection: a good row takes over some of its values."""
        if self.good is None or self.suspects(row).any():
            return
        good, names = self.good, row.columns
        low, high = 0, len(names)  # with so many of them it is taken, with so many refused
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.takes(mixed(good, row, names[:middle])) else (low, middle)
        name = names[low]
        if not self.takes(mixed(good, row, names[low:high])):
            self.bad.setdefault(name, []).extend(row[name].tolist())  # Python's own NaN, which isin finds


def mixed(row: pd.DataFrame, other: pd.DataFrame, names: pd.Index) -> pd.DataFrame:
    """Return a row with another row's values under these names."""
    out = row.reset_index(drop=True)
    for name in names:
        out[name] = other[name].reset_index(drop=True)
    return out


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
            raise ExportError(
                f"say which class is the positive one: the forest knows {' and '.join(texts)}: give it as "
                f"positive={texts[-1]!r} (--positive {texts[-1]!r}), for example"
            )
        positive = texts[1]
    for i, each in enumerate(classes.tolist()):
        if each == positive or texts[i] == str(positive):
            return texts[i], i
    raise ExportError(f"the positive class {str(positive)!r} is not in the forest: it knows {' and '.join(texts)}")
