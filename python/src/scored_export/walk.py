"""Walks a fitted pipeline to the step that raises on a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import _safe_indexing

from .ask import REFUSALS


@dataclass(frozen=True)
class Refusal:
    """A step that raises."""

    where: str
    step: Any
    data: Any  # what it was given
    error: Exception


def refusal(where: str, step: Any, data: Any) -> Refusal | None:
    """Return the innermost step that raises on the data, None if none does."""
    if type(step) is FrozenEstimator:
        return refusal(where, step.estimator, data)
    try:
        for name, inner, given in parts(step, data):
            if (found := refusal(f"{where}/{name}".lstrip("/"), inner, given)) is not None:
                return found
        answer(step, data)
    except REFUSALS as err:
        return Refusal(where, step, data, err)
    return None


def parts(step: Any, data: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield what a step consists of, in the order in which it is asked, with what each part is given."""
    if isinstance(step, Pipeline):
        for name, inner in step.steps:
            yield name, inner, data
            data = answer(inner, data)
    elif isinstance(step, ColumnTransformer):
        for name, inner, columns in step.transformers_:
            given = _safe_indexing(data, columns, axis=1)
            if given.shape[1]:
                yield name, inner, given
    elif isinstance(step, FeatureUnion):
        yield from ((name, inner, data) for name, inner in step.transformer_list)


def answer(step: Any, data: Any) -> Any:
    """Return what a step makes of the data; 'passthrough' and 'drop' take anything."""
    if step is None or isinstance(step, str):
        return data
    return step.transform(data) if hasattr(step, "transform") else step.predict_proba(data)
