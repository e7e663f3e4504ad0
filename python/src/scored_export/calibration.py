"""A model as the mean of its forests: one, or those of a CalibratedClassifierCV, each with its own curve."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from .ask import KINDS, Floats, Oracle, asked, column_names, in_one_thread, one_tree, positive_class
from .errors import ExportError

MAX_MEMBERS = 64
# Threads add up in any order.
SAME = 1e-12


@dataclass(frozen=True)
class Sigmoid:
    """1 / (1 + exp(a p + b))."""

    a: float
    b: float
    complement: bool

    def as_json(self) -> dict[str, Any]:
        """Return the calibration as the manifest holds it."""
        return {"method": "sigmoid", "a": self.a, "b": self.b, **flag(self.complement)}


@dataclass(frozen=True)
class Isotonic:
    """The line through the points."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    complement: bool

    def as_json(self) -> dict[str, Any]:
        """Return the calibration as the manifest holds it."""
        return {"method": "isotonic", "x": list(self.x), "y": list(self.y), **flag(self.complement)}


Calibration = Sigmoid | Isotonic


def flag(complement: bool) -> dict[str, bool]:
    """Return the key that says that the score is the other class's."""
    return {"complement": True} if complement else {}


@dataclass(frozen=True)
class Member:
    """A forest with the transform before it, and the curve behind it."""

    oracle: Oracle
    calibration: Calibration | None


class Model:
    """A fitted model, asked in one thread, and the members it is the mean of."""

    def __init__(self, model: Any, positive: str | float | None) -> None:
        self._given = model
        steps, (where, last) = flattened("", model)
        if type(last) is CalibratedClassifierCV:
            check_calibrated(where, last)
            self.classes = last.classes_
            self.positive, self.positive_index = positive_class(self.classes, positive)
            self.members = [
                calibrated(steps, f"{where}/{i}", each, complement=self.positive_index == 0)
                for i, each in enumerate(last.calibrated_classifiers_, 1)
            ]
            self._serial = piped(steps, where, with_forests(last, in_one_thread))
            self._brief = piped(steps, where, with_forests(last, one_tree))
        else:
            oracle = Oracle(piped(steps, where, last), positive)
            self.classes = oracle.forest.classes_
            self.positive, self.positive_index = oracle.positive, oracle.positive_index
            self.members = [Member(oracle, None)]
            self._serial, self._brief = oracle.serial, oracle.brief
        self.columns = column_names(model)
        self.kind = KINDS[type(self.members[0].oracle.forest)]

    @property
    def calibrated(self) -> bool:
        """Whether a curve comes behind each forest."""
        return self.members[0].calibration is not None

    def probabilities(self, frame: pd.DataFrame) -> Floats:
        """Return the positive class's probability per row, NaN where the model refuses the row."""
        return asked(self._serial, frame, self.positive_index, self._brief)

    def check_given(self, frame: pd.DataFrame, p: Floats) -> None:
        """Refuse a model that does otherwise than its steps do on rows: a class of one's own may."""
        given = asked(self._given, frame, self.positive_index)
        if not (np.abs(given - p) <= SAME).all():
            raise ExportError(
                f"the {type(self._given).__name__} predicts otherwise than its steps do: export its steps as a plain "
                "Pipeline"
            )


def flattened(where: str, model: Any) -> tuple[list[tuple[str, Any]], tuple[str, Any]]:
    """Return the steps before the last one, and the last one, of pipelines within pipelines; frozen ones thawed."""
    if type(model) is FrozenEstimator:
        return flattened(where, model.estimator)
    if not isinstance(model, Pipeline):
        return [], (where or "forest", model)
    *steps, (name, last) = [(f"{where}/{name}".lstrip("/"), step) for name, step in model.steps]
    inner, end = flattened(name, last)
    return [*steps, *inner], end


def piped(steps: list[tuple[str, Any]], where: str, last: Any) -> Any:
    """Return the steps as a pipeline; what has none before it stays alone."""
    return Pipeline([*steps, (where, last)]) if steps else last


def check_calibrated(where: str, step: Any) -> None:
    """Refuse a calibration that a bundle does not hold."""
    if not hasattr(step, "calibrated_classifiers_"):
        raise ExportError(f"step {where!r} is not fitted: call fit first")
    if len(step.classes_) != 2:
        raise ExportError(
            f"step {where!r} calibrates {len(step.classes_)} classes: train it on two, the positive one against the "
            "rest"
        )
    if step.method not in ("sigmoid", "isotonic"):
        raise ExportError(
            f"step {where!r} calibrates by {step.method!r}, which a bundle cannot carry: use method='sigmoid' or "
            "'isotonic'"
        )
    if (folds := len(step.calibrated_classifiers_)) > MAX_MEMBERS:
        raise ExportError(
            f"step {where!r} holds {folds} forests, and a bundle {MAX_MEMBERS}: use fewer folds (cv=5), or "
            "ensemble=False"
        )


def calibrated(steps: list[tuple[str, Any]], where: str, each: Any, *, complement: bool) -> Member:
    """Return a member of a CalibratedClassifierCV: its curve maps the share that its forest gives the second class."""
    inner, (name, forest) = flattened(where, each.estimator)
    if type(forest) is CalibratedClassifierCV:
        raise ExportError(f"step {name!r} is calibrated twice: calibrate the forest once")
    classes = getattr(forest, "classes_", each.classes)
    if len(classes) != 2:
        raise ExportError(f"step {name!r} has seen one class only: use stratified folds, as cv=5 does")
    oracle = Oracle(piped([*steps, *inner], name, forest), str(classes.tolist()[1]))
    return Member(oracle, curve(name, each.calibrators[0], complement=complement))


def curve(where: str, calibrator: Any, *, complement: bool) -> Calibration:
    """Return a calibrator's curve."""
    if hasattr(calibrator, "X_thresholds_"):
        x = tuple(float(v) for v in calibrator.X_thresholds_)
        y = tuple(float(v) for v in calibrator.y_thresholds_)
        if not all(math.isfinite(v) for v in x) or not all(a < b for a, b in pairwise(x)):
            raise ExportError(f"step {where!r}: the points of its isotonic curve do not ascend: calibrate by sigmoid")
        if not all(0 <= v <= 1 for v in y):
            raise ExportError(
                f"step {where!r}: its isotonic curve leaves 0 to 1: calibrate without negative sample weights"
            )
        return Isotonic(x, y, complement)
    a, b = float(calibrator.a_), float(calibrator.b_)
    if not (math.isfinite(a) and math.isfinite(b)):
        raise ExportError(f"step {where!r}: its sigmoid is not finite: calibrate on more rows of both classes")
    return Sigmoid(a, b, complement)


def with_forests(step: Any, changed: Callable[[Any], Any]) -> Any:
    """Return a CalibratedClassifierCV with its forests changed."""
    out = copy.copy(step)
    out.calibrated_classifiers_ = []
    for each in step.calibrated_classifiers_:
        one = copy.copy(each)
        inner, (name, forest) = flattened("", each.estimator)
        one.estimator = piped(inner, name, changed(forest))
        out.calibrated_classifiers_.append(one)
    return out
