"""From a fitted pipeline to blocks: through its steps in order, each asked what it does rather than read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline

from . import encoders, imputers, scalers
from .ask import REFUSALS, Oracle, quiet
from .blocks import Arithmetic, Block
from .columns import RawColumn
from .errors import ExportError
from .finish import finished
from .outputs import Number, Output
from .refusals import refused_step
from .stage import Asked, Stage
from .steps import is_identity, is_selection

Rule = Callable[[str, Any, Stage], list[Output]]
RULES: dict[type, Rule] = {**scalers.RULES, **encoders.RULES, **imputers.RULES}


def lower(oracle: Oracle, columns: list[RawColumn], sample: pd.DataFrame) -> list[Block]:
    """Return the blocks whose outputs, side by side, are the forest's features."""
    stage = Stage([Block(c.name, c.kind) for c in columns], {c.name: c.blank for c in columns}, sample)
    with quiet():
        for name, step in oracle.before.steps if oracle.before is not None else []:
            stage = through(name, step, stage)
        for block in stage.blocks:
            if block.text:
                raise ExportError(
                    f"column {block.column!r} reaches the forest as text: put OneHotEncoder or OrdinalEncoder before it"
                )
        width = len(stage.blocks)
        if width != oracle.forest.n_features_in_:
            raise ExportError(
                f"the transform gives {width} features and the forest takes {oracle.forest.n_features_in_}: fit the "
                "pipeline as a whole"
            )
        return finished(stage.blocks, columns, sample, oracle)


def through(where: str, step: Any, stage: Stage) -> Stage:
    """Return the stage after a step."""
    if step is None or isinstance(step, str):
        if step in (None, "passthrough"):
            return stage
        raise ExportError(f"step {where!r} is {step!r}, which is no transformer: use 'passthrough' or leave it out")
    if is_identity(step):
        return stage
    if type(step) is FrozenEstimator:
        return through(where, step.estimator, stage)
    if isinstance(step, Pipeline):
        for name, inner in step.steps:
            stage = through(f"{where}/{name}", inner, stage)
        return stage
    if type(step) is ColumnTransformer:
        return after(where, step, stage, column_transformer(where, step, stage))
    if type(step) is FeatureUnion:
        return after(where, step, stage, feature_union(where, step, stage))
    rule = rule_of(step)
    if rule is None:
        raise refused_step(where, step)
    return applied(where, step, stage, rule(where, step, stage))


def rule_of(step: Any) -> Rule | None:
    """Return what is known of a step's class; a class of one's own may do anything."""
    if is_selection(step):
        return selector
    return RULES.get(type(step))


def selector(where: str, step: SelectorMixin, stage: Stage) -> list[Output]:
    """Return the columns that a feature selection keeps."""
    return [Number(int(i)) for i in step.get_support(indices=True)]


def applied(where: str, step: Any, stage: Stage, outputs: list[Output]) -> Stage:
    """Return the stage after a step, from its outputs in order."""
    blocks: list[Block] = []
    start = 0
    for output in outputs:
        place = slice(start, start + output.width)
        if output.width:
            blocks += output.lower(Asked(where, step, stage, output.position, place))
        start = place.stop
    return after(where, step, stage, blocks)


def after(where: str, step: Any, stage: Stage, blocks: list[Block]) -> Stage:
    """Return the stage after a step, with its rows transformed."""
    try:
        sample = step.transform(stage.sample.copy())
    except REFUSALS as err:
        raise ExportError(f"step {where!r} refuses rows that the pipeline takes: {err}") from err
    if not (isinstance(sample, pd.DataFrame | np.ndarray) or sparse.issparse(sample)):
        raise ExportError(
            f"step {where!r} gives a {type(sample).__name__}: use set_output(transform='default') or 'pandas'"
        )
    if sample.shape[1] != len(blocks):
        raise ExportError(
            f"step {where!r} is a {type(step).__name__} that gives {sample.shape[1]} columns, and {len(blocks)} were "
            "expected: this is a fault of the exporter, please report it"
        )
    return Stage(blocks, stage.blanks, sample)


@dataclass(frozen=True)
class Weight:
    """What transformer_weights do: a step of its own."""

    weight: float

    def transform(self, X: Any) -> Any:
        """Return the columns, each times the weight."""
        return X * self.weight


def weighted(where: str, stage: Stage, weights: dict[str, float] | None, name: str) -> Stage:
    """Return the stage with the weight of a transformer, if it has one."""
    if not weights or weights.get(name) is None:
        return stage
    step = Weight(weights[name])
    times = Arithmetic("multiply", float(step.weight))
    return applied(
        f"{where} (transformer_weights)", step, stage, [Number(i, (times,)) for i in range(len(stage.blocks))]
    )


def column_transformer(where: str, step: ColumnTransformer, stage: Stage) -> list[Block]:
    """Return the blocks of each transformer, side by side."""
    blocks: list[Block] = []
    for name, inner, columns in step.transformers_:
        positions = resolve(columns, stage.sample)
        if positions and not (isinstance(inner, str) and inner == "drop"):
            inside = f"{where}/{name}"
            blocks += weighted(
                inside, through(inside, inner, stage.pick(positions)), step.transformer_weights, name
            ).blocks
    return blocks


def feature_union(where: str, step: FeatureUnion, stage: Stage) -> list[Block]:
    """Return the blocks of each transformer, side by side."""
    blocks: list[Block] = []
    for name, inner in step.transformer_list:
        if not (isinstance(inner, str) and inner == "drop"):
            inside = f"{where}/{name}"
            given = through(inside, inner, stage)
            blocks += weighted(inside, given, step.transformer_weights, name).blocks
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
