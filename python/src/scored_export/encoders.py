"""OneHotEncoder and OrdinalEncoder as blocks. They are asked where each category goes, and whether they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from .ask import REFUSALS, Floats, dense
from .blocks import REFUSE, Action, Block, OneHot, Ordinal, Value, code_action, slot_action
from .errors import ExportError
from .stage import Stage, is_mark


@dataclass(frozen=True)
class Asked:
    """An encoder, asked about one of its columns."""

    step: Any
    stage: Stage
    position: int
    block: Block
    categories: list[Value]  # missing ones left out

    def table(
        self, read: Callable[[Floats], list[Any]], act: Callable[[Any], Action]
    ) -> tuple[tuple[tuple[Value, Any], ...], Action, Action]:
        """Return what each category gives, then what a missing and an unknown value give."""

        def given(value: Any) -> Action:
            try:
                return act(read(self.outputs([value]))[0])
            except REFUSALS:
                return REFUSE

        places = read(self.outputs(self.categories)) if self.categories else []
        missing = REFUSE if self.block.imputed else given(self.stage.blank(self.block))
        return tuple(zip(self.categories, places, strict=True)), missing, given(unseen(self.block, self.categories))

    def outputs(self, values: list[Any]) -> Floats:
        """Return the encoder's output for a row with each of these values in the column."""
        return np.asarray(dense(self.step.transform(self.stage.altered(self.position, values))), dtype=np.float64)


def one_hot_encoder(where: str, step: OneHotEncoder, stage: Stage) -> list[Block]:
    """Return the blocks with their tables of slots."""
    blocks = []
    start = 0
    for asked in asked_columns(where, step, stage):
        place = slice(start, start + one_hot_width(step, asked.position))
        width = place.stop - place.start
        if width == 0:
            raise ExportError(
                f"step {where!r} drops the only category of column {asked.block.column!r}: leave the column out"
            )

        def slots(out: Floats, place: slice = place) -> list[int]:
            return [int(row.argmax()) if row.any() else -1 for row in out[:, place]]

        blocks.append(asked.block.then(OneHot(width, *asked.table(slots, slot_action))))
        start = place.stop
    return blocks


def one_hot_width(step: OneHotEncoder, position: int) -> int:
    """Return how many features a column gets: its categories, the infrequent ones as one, less a dropped one."""
    infrequent = getattr(step, "infrequent_categories_", None)
    grouped = infrequent[position] if infrequent is not None else None
    dropped = step.drop_idx_ is not None and step.drop_idx_[position] is not None
    return len(step.categories_[position]) - (len(grouped) - 1 if grouped is not None else 0) - int(dropped)


def ordinal_encoder(where: str, step: OrdinalEncoder, stage: Stage) -> list[Block]:
    """Return the blocks with their tables of codes."""
    blocks = []
    for asked in asked_columns(where, step, stage):

        def codes(out: Floats, position: int = asked.position) -> list[float]:
            return [float(code) for code in out[:, position]]

        blocks.append(asked.block.then(Ordinal(*asked.table(codes, code_action))))
    return blocks


def asked_columns(where: str, step: Any, stage: Stage) -> list[Asked]:
    """Return an encoder's columns, or refuse one that a table cannot hold."""
    out = []
    for i, ((block, _), known) in enumerate(zip(stage.owners, step.categories_, strict=True)):
        if not (block.steps == () or (len(block.steps) == 1 and block.imputed)):
            raise ExportError(f"step {where!r} encodes column {block.column!r} a second time: encode it once")
        marks = [c for c in known.tolist() if is_mark(c)]
        if len(marks) > 1:
            raise ExportError(
                f"step {where!r} knows both None and NaN as categories of column {block.column!r}, and a warehouse has "
                "one NULL: train on what read_dataset gives"
            )
        if None in marks and stage.blank(block) is not None and not block.imputed:
            raise ExportError(
                f"step {where!r} was trained on None as a category of column {block.column!r}, and the rows do not "
                "show that None stands for missing: train on what read_dataset gives"
            )
        categories = [category(where, block, c) for c in known.tolist() if not is_mark(c)]
        out.append(Asked(step, stage, i, block, categories))
    return out


def category(where: str, block: Block, value: Any) -> Value:
    """Return a category as the contract's type holds it."""
    name = f"step {where!r} has for column {block.column!r}"
    if block.kind == "text":
        if not isinstance(value, str):
            raise ExportError(
                f"{name} a category that is a {type(value).__name__}, and the rows hold text: use one type"
            )
        if value == "":
            raise ExportError(
                f"{name} empty text as a category, which scored reads as missing: train on what read_dataset gives"
            )
        try:
            value.encode()
        except UnicodeEncodeError as err:
            raise ExportError(f"{name} a category that is not Unicode: clean it in the dataprep SQL") from err
        return value
    if not isinstance(value, bool | int | float):
        raise ExportError(
            f"{name} a category that is a {type(value).__name__}, and the rows hold numbers: use one type"
        )
    if float(value) != value or not np.isfinite(value):
        raise ExportError(f"{name} a category that float64 does not hold: make the column text in the dataprep SQL")
    return float(value)


def unseen(block: Block, categories: list[Value]) -> Value:
    """Return a value that is in no category."""
    if block.kind == "text":
        text = "unseen"
        while text in categories:
            text += "-"
        return text
    number = 0.5
    while number in categories:
        number += 1
    return number
