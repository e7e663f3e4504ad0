"""What a pipeline is made of: steps, and steps within steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer


def every_step(where: str, step: Any) -> Iterator[tuple[str, Any]]:
    """Yield a step's path and the step, then those within it."""
    yield where, step
    for path, inner in inner_steps(where, step):
        yield from every_step(path, inner)


def inner_steps(where: str, step: Any) -> list[tuple[str, Any]]:
    """Return the steps right within a step, with their paths."""
    if isinstance(step, Pipeline):
        return [(f"{where}/{name}", inner) for name, inner in step.steps]
    if type(step) is FeatureUnion:
        return [(f"{where}/{name}", inner) for name, inner in step.transformer_list]
    if type(step) is ColumnTransformer:
        outputs = getattr(step, "output_indices_", {})
        # One that got no columns gives none, and was never fitted.
        used = {name for name, place in outputs.items() if place.start < place.stop}
        return [(f"{where}/{name}", inner) for name, inner, _ in getattr(step, "transformers_", []) if name in used]
    if type(step) is FrozenEstimator:
        return [(where, step.estimator)]
    return []


def is_of_scikit_learn(step: Any) -> bool:
    """Say whether a step's class is scikit-learn's own."""
    return type(step).__module__.split(".")[0] == "sklearn"


def is_selection(step: Any) -> bool:
    """Say whether a step does nothing but keep some columns, whoever wrote how they are chosen."""
    return isinstance(step, SelectorMixin) and type(step).transform is SelectorMixin.transform


def is_identity(step: Any) -> bool:
    """Say whether a step is a FunctionTransformer without a function."""
    return type(step) is FunctionTransformer and step.func is None
