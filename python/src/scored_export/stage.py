"""What stands between two steps of a pipeline, and how a step is asked what it does to one column of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from .ask import REFUSALS, dense
from .blocks import Block
from .errors import ExportError


@dataclass
class Stage:
    """What stands between two steps: a block per column, a missing mark per raw column, and rows as they are here."""

    blocks: list[Block]
    blanks: dict[str, Any]
    sample: Any  # a DataFrame, an array or a sparse matrix, of rows that the pipeline takes

    @property
    def sparse(self) -> bool:
        """Whether the rows are a sparse matrix, for which some steps compute otherwise."""
        return bool(sparse.issparse(self.sample))

    def pick(self, positions: list[int]) -> Stage:
        """Return the stage of the columns at these positions."""
        frame = isinstance(self.sample, pd.DataFrame)
        sample = self.sample.iloc[:, positions] if frame else self.sample[:, positions]
        return Stage([self.blocks[p] for p in positions], self.blanks, sample)

    def dtype(self, position: int) -> Any:
        """Return the type of a column here."""
        return self.sample.dtypes.iloc[position] if isinstance(self.sample, pd.DataFrame) else self.sample.dtype

    def altered(self, position: int, values: list[Any]) -> Any:
        """Return the first row once per value, with the value in one column."""
        if isinstance(self.sample, pd.DataFrame):
            out = self.sample.iloc[[0] * len(values)].reset_index(drop=True)
            out.isetitem(position, pd.Series(values, dtype=self.dtype(position)))
            return out
        array = np.repeat(dense(self.sample[:1]), len(values), axis=0)
        array[:, position] = values
        return type(self.sample)(array) if self.sparse else array

    def blank(self, block: Block) -> Any:
        """Return the mark of a missing value of a block's column."""
        return self.blanks[block.column] if block.text else np.nan


@dataclass(frozen=True)
class Asked:
    """A step, asked about one column that it takes and those that it makes of it."""

    where: str
    step: Any
    stage: Stage
    position: int
    outputs: slice

    @property
    def block(self) -> Block:
        """What the column is here."""
        return self.stage.blocks[self.position]

    def about(self, values: list[Any]) -> Any:
        """Return what the step gives for the first row with each of these values, or raise what it raises."""
        out = self.step.transform(self.stage.altered(self.position, values))
        if isinstance(out, pd.DataFrame):
            return out.iloc[:, self.outputs].to_numpy()
        return dense(out[:, self.outputs])

    def about_each(self, values: list[Any]) -> list[Any]:
        """Return what the step gives for each value, None for one that it refuses."""
        try:
            return list(self.about(values)) if values else []
        except REFUSALS:
            return [None] if len(values) == 1 else [self.about_each([value])[0] for value in values]

    def error(self, problem: str) -> ExportError:
        """Return an error that names the step and the column."""
        return ExportError(f"step {self.where!r} ({type(self.step).__name__}), column {self.block.column!r}: {problem}")


def is_nan(value: Any) -> bool:
    """Say whether a value is a floating NaN."""
    return isinstance(value, float) and bool(np.isnan(value))


def is_mark(value: Any) -> bool:
    """Say whether a category stands for missing values."""
    return value is None or is_nan(value)
