"""What stands between two steps of a pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .blocks import Block
from .errors import ExportError


@dataclass
class Stage:
    """What stands between two steps: the blocks so far, a missing mark per column, and rows as they are here."""

    blocks: list[Block]
    blanks: dict[str, Any]
    sample: Any  # a DataFrame or an array, of rows that the pipeline takes

    @property
    def owners(self) -> list[tuple[Block, int]]:
        """Per column of the sample, the block that gives it and its place in the block."""
        return [(block, i) for block in self.blocks for i in range(block.width)]

    def pick(self, positions: list[int], where: str) -> Stage:
        """Return the stage of the columns at these positions."""
        owners = self.owners
        blocks = []
        rest = [owners[p] for p in positions]
        while rest:
            block = rest[0][0]
            whole, rest = rest[: block.width], rest[block.width :]
            if whole != [(block, i) for i in range(block.width)]:
                raise ExportError(f"step {where!r} takes apart what a OneHotEncoder gave for column {block.column!r}")
            blocks.append(block)
        frame = isinstance(self.sample, pd.DataFrame)
        return Stage(blocks, self.blanks, self.sample.iloc[:, positions] if frame else self.sample[:, positions])

    def altered(self, position: int, values: list[Any]) -> Any:
        """Return the first row once per value, with the value in one column."""
        number = self.owners[position][0].kind == "number"
        if isinstance(self.sample, pd.DataFrame):
            out = self.sample.iloc[[0] * len(values)].reset_index(drop=True)
            out.isetitem(position, pd.Series(values, dtype="float64" if number else "object"))
            return out
        array = np.repeat(self.sample[:1], len(values), axis=0)
        array[:, position] = values
        return array

    def blanked(self) -> Any:
        """Return one row in which every raw value is missing."""
        if isinstance(self.sample, pd.DataFrame):
            out = self.sample.iloc[[0]].reset_index(drop=True)
            for i, (block, _) in enumerate(self.owners):
                out.isetitem(i, pd.Series([self.blank(block)], dtype=out.dtypes.iloc[i]))
            return out
        array = self.sample[:1].copy()
        array[0, :] = [self.blank(block) for block, _ in self.owners]
        return array

    def blank(self, block: Block) -> Any:
        """Return the mark of a missing value of a block's column."""
        return np.nan if block.encoder else self.blanks[block.column]


def is_nan(value: Any) -> bool:
    """Say whether a value is a floating NaN."""
    return isinstance(value, float) and bool(np.isnan(value))


def is_mark(value: Any) -> bool:
    """Say whether a category stands for missing values."""
    return value is None or is_nan(value)
