"""SimpleImputer as blocks. What it puts in, and what it sees as missing, is what it does to a row without values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer

from .ask import dense
from .blocks import Block, Impute, IsMissing, OneHot, Ordinal
from .errors import ExportError
from .stage import Stage, is_nan


def simple_imputer(where: str, step: SimpleImputer, stage: Stage) -> list[Block]:
    """Return the blocks with what the imputer puts in, then those of its indicator."""
    if not (step.missing_values is None or is_nan(step.missing_values)):
        raise ExportError(
            f"step {where!r} imputes {step.missing_values!r}: make it NULL in the dataprep SQL, and impute np.nan"
        )
    owners = stage.owners
    kept = np.ones(len(owners), bool) if step.keep_empty_features else ~pd.isna(step.statistics_)
    out = np.asarray(dense(step.transform(stage.blanked())), dtype=object)[0]
    flags = [] if step.indicator_ is None else list(step.indicator_.features_)

    blocks = []
    for value, (block, place) in zip(out, [o for o, keep in zip(owners, kept, strict=True) if keep], strict=False):
        if place == 0:
            blocks.append(imputed(where, block, value))
    one_hot = [block.column for (block, _), keep in zip(owners, kept, strict=True) if block.width > 1 and not keep]
    one_hot += [owners[f][0].column for f in flags if owners[f][0].width > 1]
    if one_hot:
        raise ExportError(f"step {where!r} takes apart what a OneHotEncoder gave for column {one_hot[0]!r}")
    for flag, seen in zip(flags, out[int(kept.sum()) :], strict=True):
        blocks.append(flagged(where, owners[flag][0], bool(seen)))
    return blocks


def imputed(where: str, block: Block, value: Any) -> Block:
    """Return the block with a missing value replaced."""
    if pd.isna(value) or isinstance(block.encoder, OneHot) or block.flags:
        return block
    if isinstance(block.encoder, Ordinal):
        fill = float(value)
        return block.ending(block.encoder.recoded(lambda code: fill if np.isnan(code) else code))
    if block.steps:
        return block  # imputed before
    if isinstance(value, str) != (block.kind == "text"):
        raise ExportError(
            f"step {where!r} puts {'text' if isinstance(value, str) else 'a number'} into column {block.column!r}, "
            f"which holds {block.kind}: give it a fill_value of that type"
        )
    return block.then(Impute(value if isinstance(value, str) else float(value)))


def flagged(where: str, block: Block, seen: bool) -> Block:
    """Return the indicator of the block's missing values."""
    if isinstance(block.encoder, Ordinal):
        return block.ending(block.encoder.recoded(lambda code: float(np.isnan(code))))
    if block.flags or (not seen and not block.imputed):
        raise ExportError(f"step {where!r} flags column {block.column!r}, whose missing values it does not see")
    return block.then(IsMissing())
