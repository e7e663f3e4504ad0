"""SimpleImputer and MissingIndicator. What they see as missing, and put in, is what they do to a missing value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.impute import MissingIndicator, SimpleImputer

from .blocks import Block, Impute, IsMissing
from .outputs import Output, recoded
from .stage import Asked, Stage, is_nan


@dataclass(frozen=True)
class Filled:
    """A column with its missing values replaced."""

    position: int
    mark: Any
    width: int = 1

    def lower(self, asked: Asked) -> list[Block]:
        """Return the block with what the imputer puts in."""
        block = asked.block
        if block.table is not None:
            return [recoded(asked)]
        check_mark(asked, self.mark)
        if block.never_missing:
            return [block]
        (answer,) = asked.about_each([asked.stage.blank(block)])
        if answer is None:
            return [block]
        value = answer[0]
        if value is None and asked.stage.blank(block) is not None:
            raise asked.error(
                "puts None where text is missing, as it was trained on rows with None, which is a value to it: train "
                "on what read_dataset gives, or give it missing_values=None"
            )
        if pd.isna(value):
            return [block]
        if isinstance(value, str) != block.text:
            raise asked.error(
                f"puts {'text' if isinstance(value, str) else 'a number'} where the column holds "
                f"{'text' if block.text else 'numbers'}: give it a fill_value of that type"
            )
        return [block.then(Impute(value if isinstance(value, str) else float(value)))]


@dataclass(frozen=True)
class Marked:
    """1 where a column is missing, else 0."""

    position: int
    mark: Any
    width: int = 1

    def lower(self, asked: Asked) -> list[Block]:
        """Return the indicator of the block's missing values."""
        block = asked.block
        if block.table is not None:
            return [recoded(asked)]
        check_mark(asked, self.mark)
        if not block.never_missing:
            (answer,) = asked.about_each([asked.stage.blank(block)])
            if answer is not None and not answer[0]:
                raise asked.error("flags missing values and does not see those of this column: fit it on NaN")
        return [block.then(IsMissing())]


def check_mark(asked: Asked, mark: Any) -> None:
    """Refuse a mark that is a value."""
    if not (mark is None or is_nan(mark)):
        raise asked.error(f"takes {mark!r} for missing: make it NULL in the dataprep SQL, and use np.nan")


def simple_imputer(where: str, step: SimpleImputer, stage: Stage) -> list[Output]:
    """Return the columns that are kept, then those of the indicator."""
    learned = step.statistics_ == step.statistics_  # all but NaN: None is a value to it
    kept = np.ones(len(stage.blocks), bool) if step.keep_empty_features else learned
    outputs: list[Output] = [Filled(int(i), step.missing_values) for i in np.flatnonzero(kept)]
    if step.indicator_ is not None:
        outputs += missing_indicator(where, step.indicator_, stage)
    return outputs


def missing_indicator(where: str, step: MissingIndicator, stage: Stage) -> list[Output]:
    """Return a flag per column."""
    return [Marked(int(i), step.missing_values) for i in step.features_]


RULES: dict[type, Callable[[str, Any, Stage], list[Output]]] = {
    SimpleImputer: simple_imputer,
    MissingIndicator: missing_indicator,
}
