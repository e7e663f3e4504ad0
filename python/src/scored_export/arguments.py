"""Refuses arguments that cannot be meant, by name, before anything is asked or written."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from .dataset import Dataset
from .errors import ExportError

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def check_arguments(
    pipeline: Any,
    rows: Any,
    columns: Any,
    *,
    name: Any,
    period: Any,
    source: Any,
    training: Any,
    moments: Mapping[str, Any],
) -> None:
    """Refuse arguments of export_bundle that are of another kind than it takes."""
    check_inputs(pipeline, rows, columns)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ExportError(
            f"the name {name!r} is not lower case letters, digits and _, beginning with a letter, at most 40"
        )
    if not isinstance(period, str):
        raise ExportError(f"period is a {kind(period)}: give text, such as 'June 2026'")
    if not isinstance(source, str):
        raise ExportError(f"source is a {kind(source)}: give text, or leave it out")
    check_training(training)
    for argument, moment in moments.items():
        check_moment(argument, moment)


def check_inputs(pipeline: Any, rows: Any, columns: Any) -> None:
    """Refuse what is no model, no rows or no columns."""
    if isinstance(pipeline, str | os.PathLike):
        raise ExportError("pipeline is a path: load it with joblib.load, and give what comes out")
    if isinstance(pipeline, GridSearchCV | RandomizedSearchCV) and not hasattr(pipeline, "best_estimator_"):
        raise ExportError(
            f"pipeline is a {kind(pipeline)} that holds no best_estimator_: fit it with refit=True, and give its "
            "best_estimator_"
        )
    if isinstance(rows, Dataset):
        raise ExportError("rows is a Dataset: give its X, or the rows of X that are the test period's")
    if not isinstance(rows, pd.DataFrame):
        raise ExportError(f"rows is a {kind(rows)}: give a DataFrame with the columns' names, as read_dataset(path).X")
    if isinstance(columns, str | os.PathLike):
        raise ExportError("columns is a path: give read_columns(path)")
    if columns is not None and not isinstance(columns, Mapping):
        raise ExportError(f"columns is a {kind(columns)}: give what read_columns returns")


def check_training(training: Any) -> None:
    """Refuse what JSON does not hold, by its key."""
    if training is None:
        return
    if not isinstance(training, Mapping):
        raise ExportError(f"training is a {kind(training)}: give a dict of what to remember")
    for key, value in training.items():
        if not isinstance(key, str):
            raise ExportError(f"training holds what JSON does not, the key {key!r}: give text as keys")
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as err:
            raise ExportError(
                f"training holds what JSON does not, under {key!r}: give text, finite numbers, or lists and dicts of "
                f"them ({err})"
            ) from err


def check_moment(argument: str, moment: Any) -> None:
    """Refuse what is no instant; one without a time zone could be anywhere's."""
    if moment is None:
        return
    if not isinstance(moment, datetime):
        raise ExportError(f"{argument} is a {kind(moment)}: give a datetime with a time zone, as datetime.now(UTC)")
    if moment.tzinfo is None:
        raise ExportError(f"{argument} has no time zone: give it a time zone, as datetime.now(UTC) has")


def checked_grades(grades: Any) -> list[tuple[str, int]]:
    """Return the grades, or refuse what are no pairs, and cut-offs that do not descend to 0."""
    out = [checked_grade(pair) for pair in items("grades", grades)]
    cutoffs = [least for _, least in out]
    descending = all(a > b for a, b in pairwise(cutoffs))
    if not out or not descending or cutoffs[-1] != 0 or cutoffs[0] > 100 or not all(grade for grade, _ in out):
        raise ExportError(f"grades need cut-offs from at most 100 down to 0, each below the one before: {out}")
    if len({grade for grade, _ in out}) < len(out):
        raise ExportError(f"grades need a name each: {out}")
    return out


def items(argument: str, value: Any) -> Iterable[Any]:
    """Return what can be gone through; the keys of a dict, or the letters of a text, cannot be meant."""
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ExportError(f"{argument} is a {kind(value)}: give pairs, as [('A', 90), ('B', 70), ('D', 0)]")
    return value


def checked_grade(pair: Any) -> tuple[str, int]:
    """Return one grade and its cut-off."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ExportError(f"grades holds {pair!r}, which is no pair: give a name and a cut-off, as ('A', 90)")
    grade, least = pair
    if isinstance(least, bool) or not isinstance(least, int | float | np.number) or not float(least).is_integer():
        raise ExportError(f"grades: the cut-off of {grade!r} is {least!r}: give a whole number from 0 to 100")
    return str(grade), int(least)


def checked_labels(labels: Any) -> pd.Series | npt.NDArray[Any] | None:
    """Return the labels as a Series or an array, or refuse what does not hold one label per row."""
    if labels is None or isinstance(labels, pd.Series):
        return labels
    if isinstance(labels, pd.DataFrame):
        raise ExportError("labels is a DataFrame: give the column of it that holds the labels")
    if isinstance(labels, np.ndarray) and labels.ndim != 1:
        raise ExportError(f"labels is an array of {labels.ndim} dimensions: give one label per row, as labels.ravel()")
    if not isinstance(labels, list | tuple | np.ndarray | pd.Index | pd.api.extensions.ExtensionArray):
        raise ExportError(f"labels is a {kind(labels)}: give a Series, an array or a list with one label per row")
    return np.fromiter(labels, dtype=object, count=len(labels)) if isinstance(labels, list | tuple) else labels


def kind(value: Any) -> str:
    """Return a value's class, as an error names it."""
    return type(value).__name__
