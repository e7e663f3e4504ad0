"""Scalers and bins. The order of operations is the library's own, which differs between dense and sparse rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

from .blocks import Arithmetic, Bin, Clip, Step, computed
from .errors import ExportError
from .outputs import Bins, Number, Output
from .stage import Stage

MAX = float(np.finfo(np.float64).max)


def standard_scaler(where: str, step: StandardScaler, stage: Stage) -> list[Output]:
    """Return what (x - mean) / scale gives."""
    return centred(stage, step.mean_ if step.with_mean else None, step.scale_ if step.with_std else None)


def robust_scaler(where: str, step: RobustScaler, stage: Stage) -> list[Output]:
    """Return what (x - center) / scale gives."""
    return centred(stage, step.center_ if step.with_centering else None, step.scale_ if step.with_scaling else None)


def max_abs_scaler(where: str, step: MaxAbsScaler, stage: Stage) -> list[Output]:
    """Return what x / scale gives, clipped where that is asked for."""
    outputs = centred(stage, None, step.scale_)
    return [clipped(o, -1.0, 1.0) for o in outputs] if getattr(step, "clip", False) else outputs


def min_max_scaler(where: str, step: MinMaxScaler, stage: Stage) -> list[Output]:
    """Return what x * scale + min gives, clipped where that is asked for."""
    outputs: list[Output] = []
    for i, (scale, least) in enumerate(zip(step.scale_, step.min_, strict=True)):
        output = Number(i, (arithmetic("multiply", scale), arithmetic("add", least)))
        outputs.append(clipped(output, *map(float, step.feature_range)) if step.clip else output)
    return outputs


def centred(stage: Stage, centre: Any, scale: Any) -> list[Output]:
    """Return (x - centre) / scale; sparse rows are multiplied by the reciprocal."""
    outputs: list[Output] = []
    for i in range(len(stage.blocks)):
        steps: list[Step] = []
        if centre is not None:
            steps.append(arithmetic("subtract", centre[i]))
        if scale is not None:
            steps.append(arithmetic("multiply", 1 / scale[i]) if stage.sparse else arithmetic("divide", scale[i]))
        outputs.append(Number(i, tuple(steps)))
    return outputs


def arithmetic(op: Literal["add", "subtract", "multiply", "divide"], number: Any) -> Arithmetic:
    """Return a step with a number that was learned."""
    return Arithmetic(op, float(number))


def clipped(output: Any, low: float, high: float) -> Number:
    """Return the output within limits.

    Arithmetic that leaves float64 rejects a row, and numpy clips what it gives: numbers far beyond the limits are moved
    before the arithmetic to where it stays in float64, still beyond the limits.
    """
    far = MAX
    with np.errstate(all="ignore"):
        while any(math.isinf(computed(x, output.steps)) for x in (far, -far)):
            far /= 2
    before = () if far == MAX else (Clip(-far, far),)
    return Number(output.position, (*before, *output.steps, Clip(low, high)))


def binarizer(where: str, step: Binarizer, stage: Stage) -> list[Output]:
    """Return whether x is above the threshold: whether it is at least the next number."""
    edge = float(np.nextafter(step.threshold, np.inf))
    return [Number(i, (Bin((edge,)),)) for i in range(len(stage.blocks))]


def k_bins_discretizer(where: str, step: KBinsDiscretizer, stage: Stage) -> list[Output]:
    """Return the bins between the inner edges."""
    if step.dtype is not None and np.dtype(step.dtype) != np.float64:
        raise ExportError(f"step {where!r} (KBinsDiscretizer) bins in {np.dtype(step.dtype)}: leave its dtype out")
    hot = step.encode != "ordinal"
    return [Bins(i, tuple(float(e) for e in edges[1:-1]), hot) for i, edges in enumerate(step.bin_edges_)]


RULES: dict[type, Callable[[str, Any, Stage], list[Output]]] = {
    StandardScaler: standard_scaler,
    RobustScaler: robust_scaler,
    MaxAbsScaler: max_abs_scaler,
    MinMaxScaler: min_max_scaler,
    Binarizer: binarizer,
    KBinsDiscretizer: k_bins_discretizer,
}
