"""Golden rows, chosen to hurt: an evaluator that is nearly right must fail on them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .ask import Floats, Oracle
from .blocks import Block, Value
from .columns import ANSWER
from .contract import Contract
from .inverse import arithmetic, raw_beside, raw_edges

FLOAT32_MAX = 3.4028234663852886e38
# The last fits in a float64 and not in a float32; just before it, the largest that the cast rounds down.
EXTREMES = (0.0, -0.0, 1e-45, -1e-45, 1.17e-38, FLOAT32_MAX, -FLOAT32_MAX, 3.4028235677973362e38, -1e300)
BEYOND = (3.4028235677973366e38, -3.5e38, np.inf, -np.inf)
# A node counts as felt when its two sides differ by this much in the forest's answer; a thousand times the tolerance.
FELT = 1e-6
SAMPLE = 400


@dataclass(frozen=True)
class Node:
    """A split on what a column's number became, and a row that reaches it."""

    column: str
    row: int
    beside: Callable[[], list[float]]  # raw numbers next to it; the first two lie on either side


@dataclass(frozen=True)
class Mutant:
    """A row with some values replaced."""

    row: int
    values: dict[str, Any]


Part = tuple[list[Block], Oracle]  # a member: its blocks, and what they were made from


def golden_rows(
    frame: pd.DataFrame, p: Floats, contract: Contract, parts: list[Part], limit: int, seed: int
) -> tuple[pd.DataFrame, Floats]:
    """Return at most `limit` rows and what the pipeline says of them after the contract's rules, NaN where refused."""
    return Chooser(frame, p, contract, parts, seed).choose(limit)


class Chooser:
    """Draws golden rows from the rows of the test period, and mutates them."""

    def __init__(self, frame: pd.DataFrame, p: Floats, contract: Contract, parts: list[Part], seed: int) -> None:
        self.frame, self.p, self.contract = frame, p, contract
        self.rules = {rule.column.name: rule for rule in contract.rules}
        self.columns = {name: rule.column for name, rule in self.rules.items()}
        self.blocks = [block for blocks, _ in parts for block in blocks]
        self.random = np.random.default_rng(seed)
        self.accepted = np.flatnonzero(~np.isnan(p) & carried(frame))
        if not self.accepted.size:
            self.accepted = np.flatnonzero(~np.isnan(p))
        members = [self.splits(*part, trees=max(60 // len(parts), 4)) for part in parts]
        self.nodes = [node for turn in zip_longest(*members) for node in turn if node is not None]

    def choose(self, limit: int) -> tuple[pd.DataFrame, Floats]:
        """Return the rows of every family, each within its share of the limit."""
        limits = list(self.limits())
        share = 0.9 if limits else 1.0
        families = [
            (0.2 * share, self.real()),
            (0.4 * share, self.near_thresholds(int(0.4 * share * limit))),
            (0.14 * share, self.missing()),
            (0.14 * share, self.categories()),
            (0.12 * share, self.extremes()),
            (0.1, iter(limits)),
        ]
        mutants = [m for share, family in families for m in islice(family, int(share * limit))]
        rows = self.built(mutants)
        rows = rows[carried(rows)].reset_index(drop=True)
        rows = rows[~duplicated(rows)].reset_index(drop=True)
        return rows, self.contract.probabilities(rows)

    def real(self) -> Iterator[Mutant]:
        """Yield rows as they are: all of the distribution, then a few that the pipeline refuses."""
        ranked = self.accepted[np.argsort(self.p[self.accepted], kind="stable")]
        spread = np.unique(np.linspace(0, len(ranked) - 1, min(len(ranked), 60)).astype(int))
        yield from (Mutant(int(ranked[i]), {}) for i in spread)
        refused = np.flatnonzero(np.isnan(self.p))[:5]
        yield from (Mutant(int(i), {}) for i in refused)

    def splits(self, blocks: list[Block], oracle: Oracle, trees: int) -> list[Node]:
        """Return a member's nodes that split on what became of a column's number, the columns taking turns."""
        owners = numeric_features(blocks)
        rows = self.random.permutation(self.accepted)[:SAMPLE]
        x = oracle.features(self.contract.admitted(self.frame.iloc[rows])[0]).astype(np.float32)
        by_column: dict[str, list[tuple[float, Node]]] = {}
        for i in self.random.permutation(len(oracle.forest.estimators_))[:trees]:
            estimator = oracle.forest.estimators_[i]
            tree, paths = estimator.tree_, estimator.decision_path(x).tocsc()
            for node in np.flatnonzero(tree.children_left >= 0):
                block = owners.get(int(tree.feature[node]))
                reached = paths.indices[paths.indptr[node] : paths.indptr[node + 1]]
                if block and reached.size and np.isfinite(tree.threshold[node]):
                    threshold, row = float(tree.threshold[node]), int(rows[self.random.choice(reached)])
                    near = partial(raw_beside, block, threshold)
                    by_column.setdefault(block.column, []).append((threshold, Node(block.column, row, near)))
        # Thresholds between two float32 that round up come first: they tell rounding down from rounding to nearest.
        queues = [
            [node for _, node in sorted(nodes, key=lambda n: float(np.float32(n[0])) <= n[0])]
            for nodes in by_column.values()
        ]
        queues += [self.edges(block) for block in blocks]
        return [node for turn in zip_longest(*queues) for node in turn if node is not None]

    def edges(self, block: Block) -> list[Node]:
        """Return the edges of bins that a one-hot reads, of which the trees' thresholds tell nothing."""
        edges = raw_edges(block) if block.width > 1 else []
        return [Node(block.column, self.any_row(), partial(list, values)) for values in edges]

    def near_thresholds(self, budget: int) -> Iterator[Mutant]:
        """Yield values next to thresholds, from groups whose two sides the forest tells apart."""
        tried = [(node, values) for node in self.nodes[: 4 * budget] if len(values := node.beside()) > 1]
        sides = [Mutant(node.row, {node.column: v}) for node, values in tried for v in values[:2]]
        felt = self.contract.probabilities(self.built(sides)).reshape(-1, 2)
        for (node, values), (low, high) in zip(tried, felt, strict=True):
            if abs(high - low) > FELT:
                yield from (Mutant(node.row, {node.column: v}) for v in values)

    def missing(self) -> Iterator[Mutant]:
        """Yield rows with one value missing, all that may be, and all."""
        optional = [rule.column for rule in self.contract.rules if rule.nullable]
        first = self.any_row()
        yield Mutant(first, {c.name: c.blank for c in self.columns.values()})
        yield Mutant(first, {c.name: c.blank for c in optional})
        yield Mutant(self.any_row(), {c.name: c.blank for c in optional})
        yield from (
            Mutant(self.any_row(), {rule.column.name: rule.column.blank})
            for rule in self.contract.rules
            if not rule.nullable
        )
        reaching = {node.column: node.row for node in self.nodes}
        yield from (Mutant(reaching.get(c.name, self.any_row()), {c.name: c.blank}) for c in optional)
        may_be_missing = {c.name for c in optional}
        for node in self.nodes:
            if node.column in may_be_missing:
                yield Mutant(node.row, {node.column: np.nan})

    def categories(self) -> Iterator[Mutant]:
        """Yield unknown categories, near misses and every known one, the columns taking turns."""
        known: dict[str, list[Value]] = {}
        for block in self.blocks:
            if block.encoder:
                known.setdefault(block.column, []).extend(value for value, _ in block.encoder.categories)
        for rule in self.contract.rules:
            if rule.categories:
                known.setdefault(rule.column.name, []).extend(rule.categories)
        distinct = {name: list(dict.fromkeys(values)) for name, values in known.items()}
        queues = [[(name, v) for v in [*near_misses(values), *values]] for name, values in distinct.items()]
        for turn in zip_longest(*queues):
            yield from (Mutant(self.any_row(), {pair[0]: pair[1]}) for pair in turn if pair)

    def limits(self) -> Iterator[Mutant]:
        """Yield values at limits, next to them and far beyond, the columns taking turns."""
        queues = []
        for rule in self.contract.rules:
            low, high = rule.low, rule.high
            beyond = [] if low is None else [float(np.nextafter(low, -np.inf)), low, low - abs(low) - 1]
            beyond += [] if high is None else [float(np.nextafter(high, np.inf)), high, high + abs(high) + 1]
            queues.append([(rule.column.name, v) for v in [*beyond, *([np.inf, -np.inf] if beyond else [])]])
        for turn in zip_longest(*queues):
            yield from (Mutant(self.any_row(), {pair[0]: pair[1]}) for pair in turn if pair)

    def extremes(self) -> Iterator[Mutant]:
        """Yield absurd numbers: in every column at once, then in one column after the other."""
        used = list(dict.fromkeys(b.column for b in self.blocks if b.kind == "number"))
        if not used:
            return
        row = self.any_row()
        yield from (Mutant(row, dict.fromkeys(used, x)) for x in EXTREMES)
        values = [*BEYOND, *EXTREMES]
        for turn in range(len(used)):
            for i, x in enumerate(values):
                yield Mutant(self.any_row(), {used[(i + turn) % len(used)]: x})

    def any_row(self) -> int:
        """Return a row that the pipeline takes."""
        return int(self.random.choice(self.accepted))

    def built(self, mutants: list[Mutant]) -> pd.DataFrame:
        """Return the mutants as rows."""
        out = self.frame.iloc[[m.row for m in mutants]].reset_index(drop=True)
        changes: dict[str, dict[int, Any]] = {}
        for i, mutant in enumerate(mutants):
            for name, value in mutant.values.items():
                changes.setdefault(name, {})[i] = value
        for name, cells in changes.items():
            values = out[name].tolist()
            for i, value in cells.items():
                values[i] = value
            out[name] = self.columns[name].series(values)
        return out


def numeric_features(blocks: list[Block]) -> dict[int, Block]:
    """Return, per feature that arithmetic makes of a column's number, its block."""
    starts = np.cumsum([0, *(b.width for b in blocks)])
    return {int(at): b for at, b in zip(starts, blocks, strict=False) if b.kind == "number" and arithmetic(b)}


def near_misses(values: list[Value]) -> list[Value]:
    """Return values that are in no category, some of them nearly."""
    if not values:
        return []
    first = values[-1]
    if isinstance(first, str):
        candidates: list[Value] = ["unseen", f"{first} ", first.swapcase(), f" {first}", first[:-1]]
    else:
        candidates = [float(np.nextafter(first, np.inf)), first + 0.5, -1e6]
    return [v for v in dict.fromkeys(candidates) if v not in values and v != ""]


def carried(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Say which rows a CSV carries unchanged: readers may turn a carriage return in quotes into a newline."""
    keep = np.ones(len(rows), bool)
    for name in rows.select_dtypes(include=object).columns:
        keep &= np.array([not (isinstance(v, str) and "\r" in v) for v in rows[name]], dtype=bool)
    return keep


def duplicated(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Say which rows stand above already, as they are written."""
    seen: set[tuple[str, ...]] = set()
    out = []
    for row in cells(rows):
        out.append(tuple(row) in seen)
        seen.add(tuple(row))
    return np.array(out, dtype=bool)


def cells(rows: pd.DataFrame) -> Iterator[list[str]]:
    """Yield rows as golden.csv writes them."""
    written = [[cell(v) for v in rows[name].tolist()] for name in rows.columns]
    yield from (list(row) for row in zip(*written, strict=True))


def cell(value: Any) -> str:
    """Return a value as golden.csv writes it."""
    if isinstance(value, str):
        return value
    return "" if pd.isna(value) else repr(float(value))


def write_rows(path: Path, rows: pd.DataFrame, p: Floats) -> None:
    """Write rows and their probabilities in the format of golden.csv."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*rows.columns, ANSWER])
        for row, probability in zip(cells(rows), p, strict=True):
            writer.writerow([*row, "refused" if np.isnan(probability) else repr(float(probability))])
