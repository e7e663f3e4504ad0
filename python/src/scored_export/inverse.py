"""Raw numbers for which a block's arithmetic gives what lies next to a threshold, found by bisection."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from functools import partial

import numpy as np

from .blocks import Arithmetic, Bin, Block, Clip, Impute, computed

Function = Callable[[float], float]
LARGEST = 1.7976931348623157e308


def beside(threshold: float) -> list[float]:
    """Return values around a threshold, the float32 on either side first.

    The cast rounds values between these two to the nearer one, so those next to their middle land on the other side of
    a threshold than they stand on themselves.
    """
    low, high, middle = around(threshold)
    near = [threshold, middle]
    return [low, high, threshold, *(float(np.nextafter(v, d)) for v in near for d in (-np.inf, np.inf))]


def around(threshold: float) -> tuple[float, float, float]:
    """Return the float32 on either side of a threshold, and their middle."""
    nearest = np.float32(threshold)
    down = nearest if float(nearest) <= threshold else np.nextafter(nearest, np.float32(-np.inf))
    low, high = float(down), float(np.nextafter(down, np.float32(np.inf)))
    return low, high, (low + high) / 2


def raw_beside(block: Block, threshold: float) -> list[float]:
    """Return raw numbers of a column whose features stand next to a threshold, one of either side first."""
    if block.numeric:
        return beside(threshold)
    if not arithmetic(block):
        return []
    _, _, middle = around(threshold)
    targets = [above(middle), middle, threshold, above(threshold)]
    return crossings(partial(computed, steps=block.steps), targets)


def arithmetic(block: Block) -> bool:
    """Say whether a block's feature rises or falls with the column's number."""
    return block.kind == "number" and all(isinstance(s, Impute | Arithmetic | Clip | Bin) for s in block.steps)


def raw_edges(block: Block) -> list[list[float]]:
    """Return, per edge of a bin that a table reads, raw numbers next to it; of others the trees' thresholds tell."""
    for i, step in enumerate(block.steps):
        before = block.steps[:i]
        if isinstance(step, Bin):
            if block.kind != "number" or not all(isinstance(s, Impute | Arithmetic | Clip) for s in before):
                return []
            return [crossings(partial(computed, steps=before), [edge]) for edge in step.edges]
    return []


def crossings(function: Function, targets: list[float]) -> list[float]:
    """Return, per target, the last number before which a monotone function reaches it and the first that does."""
    ends = function(-LARGEST), function(LARGEST)
    if any(math.isnan(end) for end in ends) or ends[0] == ends[1]:
        return []
    if ends[0] > ends[1]:
        return [-x for x in crossings(lambda x: function(-x), targets)]
    out = []
    for target in targets:
        if ends[0] < target <= ends[1]:
            first = first_reaching(function, target)
            out += [float(np.nextafter(first, -np.inf)), first]
    return list(dict.fromkeys(out))


def first_reaching(function: Function, target: float) -> float:
    """Return the least float64 for which a rising function gives at least the target."""
    low, high = rank(-LARGEST), rank(LARGEST)
    while high - low > 1:
        middle = (low + high) // 2
        if function(ranked(middle)) >= target:
            high = middle
        else:
            low = middle
    return ranked(high)


def above(x: float) -> float:
    """Return the next float64."""
    return float(np.nextafter(x, np.inf))


def rank(x: float) -> int:
    """Return a float64's place among all of them."""
    bits = int.from_bytes(struct.pack(">d", x), "big", signed=True)
    return bits if bits >= 0 else -(bits + (1 << 63))


def ranked(place: int) -> float:
    """Return the float64 at a place."""
    bits = place if place >= 0 else -place - (1 << 63)
    return float(struct.unpack(">d", bits.to_bytes(8, "big", signed=True))[0])
