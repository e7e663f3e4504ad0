"""From a fitted pipeline to blocks: through its steps in order, each asked what it does rather than read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder

from .ask import Oracle, dense, quiet
from .blocks import REFUSE, Block
from .columns import RawColumn
from .encoders import one_hot_encoder, ordinal_encoder, unseen
from .errors import ExportError
from .imputers import simple_imputer
from .stage import Stage

IN_SQL = "compute it in the dataprep SQL, which every run shares"
INSTEAD = {
    "StandardScaler": "leave it out: a forest needs no scaling",
    "MinMaxScaler": "leave it out: a forest needs no scaling",
    "MaxAbsScaler": "leave it out: a forest needs no scaling",
    "RobustScaler": "leave it out: a forest needs no scaling",
    "Normalizer": "leave it out: a forest needs no scaling",
    "KNNImputer": "use SimpleImputer, or let the forest route missing values",
    "IterativeImputer": "use SimpleImputer, or let the forest route missing values",
    "MissingIndicator": "use SimpleImputer(add_indicator=True)",
    "TargetEncoder": "use OneHotEncoder or OrdinalEncoder",
    "FeatureUnion": "use ColumnTransformer",
}


def lower(oracle: Oracle, columns: list[RawColumn], sample: pd.DataFrame) -> list[Block]:
    """Return the blocks whose outputs, side by side, are the forest's features."""
    stage = Stage([Block(c.name, c.kind) for c in columns], {c.name: c.blank for c in columns}, sample)
    with quiet():
        for name, step in oracle.before.steps if oracle.before is not None else []:
            stage = through(name, step, stage)
    blocks = stage.blocks
    for block in blocks:
        if block.kind == "text" and not (block.encoder or block.flags):
            raise ExportError(f"column {block.column!r} reaches the forest as text: put an encoder before it")
    width = sum(block.width for block in blocks)
    if width != oracle.forest.n_features_in_:
        raise ExportError(f"the transform gives {width} features and the forest takes {oracle.forest.n_features_in_}")
    return [hardened(block, columns, sample, oracle) for block in blocks]


def through(where: str, step: Any, stage: Stage) -> Stage:
    """Return the stage after a step."""
    if step is None or isinstance(step, str):
        if step in (None, "passthrough"):
            return stage
        raise ExportError(f"step {where!r} is {step!r}")
    if type(step) is FunctionTransformer and step.func is None:
        return stage
    if isinstance(step, Pipeline):
        for name, inner in step.steps:
            stage = through(f"{where}/{name}", inner, stage)
        return stage
    rules = {
        ColumnTransformer: column_transformer,
        SimpleImputer: simple_imputer,
        OneHotEncoder: one_hot_encoder,
        OrdinalEncoder: ordinal_encoder,
    }
    rule = rules.get(type(step))
    if rule is None:
        kind = type(step).__name__
        raise ExportError(f"step {where!r} is a {kind}, which a bundle cannot carry: {INSTEAD.get(kind, IN_SQL)}")
    blocks = rule(where, step, stage)
    return Stage(blocks, stage.blanks, dense(step.transform(stage.sample)))


def column_transformer(where: str, step: ColumnTransformer, stage: Stage) -> list[Block]:
    """Return the blocks of each transformer, side by side."""
    if step.transformer_weights:
        raise ExportError(f"step {where!r} has transformer_weights: leave them out, a forest needs no scaling")
    blocks: list[Block] = []
    for name, inner, columns in step.transformers_:
        positions = resolve(columns, stage.sample)
        if positions and not (isinstance(inner, str) and inner == "drop"):
            inside = f"{where}/{name}"
            blocks += through(inside, inner, stage.pick(positions, inside)).blocks
    return blocks


def resolve(columns: Any, sample: Any) -> list[int]:
    """Return the positions of columns given as names, indexes, slices or a mask."""
    names = sample.columns if isinstance(sample, pd.DataFrame) else range(sample.shape[1])
    positions = pd.Series(range(len(names)), index=names)
    if isinstance(columns, slice):
        by_name = isinstance(columns.start, str) or isinstance(columns.stop, str)
    else:
        columns = [columns] if isinstance(columns, str | int) else list(columns)
        by_name = any(isinstance(c, str) for c in columns)
        if not columns:
            return []
    chosen = positions.loc[columns] if by_name else positions.iloc[columns]
    return [int(p) for p in chosen]


def hardened(block: Block, columns: list[RawColumn], sample: pd.DataFrame, oracle: Oracle) -> Block:
    """Return the block with `refuse` where a later step refuses what this one gives."""
    column = next(c for c in columns if c.name == block.column)

    def refused(value: Any) -> bool:
        row = sample.iloc[[0]].reset_index(drop=True)
        row[column.name] = column.series([value])
        return not oracle.answers(row)

    if block.kind == "number" and not (refused(np.inf) and refused(-np.inf)):
        raise ExportError(
            f"column {block.column!r}: the pipeline answers for an infinite number, which scored rejects: give "
            "number columns a step of their own, apart from text"
        )
    if block.encoder is None:
        return block
    encoder = block.encoder
    if encoder.unknown != REFUSE and refused(unseen(block, [value for value, _ in encoder.categories])):
        encoder = replace(encoder, unknown=REFUSE)
    if encoder.missing != REFUSE and refused(column.blank):
        encoder = replace(encoder, missing=REFUSE)
    return block.ending(encoder)
