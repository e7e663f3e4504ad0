"""The last look at the blocks: what the whole pipeline refuses, and one-hots put together again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from .ask import Oracle
from .blocks import REFUSE, Bin, Block, OneHot, Ordinal, Slot, Value
from .columns import RawColumn
from .encoders import unseen
from .errors import ExportError

T = TypeVar("T", OneHot, Ordinal)


def finished(blocks: list[Block], columns: list[RawColumn], sample: pd.DataFrame, oracle: Oracle) -> list[Block]:
    """Return the blocks as a manifest holds them."""
    hard = Hardener(columns, sample, oracle)
    blocks = [hard.hardened(block) for block in blocks]
    hard.check_left_out(blocks)
    return joined(blocks)


class Hardener:
    """Asks the whole pipeline what it refuses: a step may refuse what an encoder before it gives."""

    def __init__(self, columns: list[RawColumn], sample: pd.DataFrame, oracle: Oracle) -> None:
        self.columns = {c.name: c for c in columns}
        self.sample = sample
        self.oracle = oracle
        self.answers: dict[tuple[str, Any], bool] = {}
        self.tables: dict[int, tuple[OneHot, OneHot]] = {}

    def refused(self, name: str, value: Any) -> bool:
        """Say whether the pipeline refuses a row with the value in a column."""
        key = (name, repr(value))
        if key not in self.answers:
            self.answers[key] = not self.oracle.answers(self.row({name: value}))
        return self.answers[key]

    def none_refused(self, values: dict[str, Any]) -> bool:
        """Say whether the pipeline takes a row with all of the values at once."""
        if not self.oracle.answers(self.row(values)):
            return False
        self.answers |= {(name, repr(value)): False for name, value in values.items()}
        return True

    def row(self, values: dict[str, Any]) -> pd.DataFrame:
        """Return a row that the pipeline takes, with some values replaced."""
        row = self.sample.iloc[[0]].reset_index(drop=True)
        for name, value in values.items():
            row[name] = self.columns[name].series([value])
        return row

    def unseen(self, name: str, known: list[Value]) -> Value:
        """Return a value that is in no category, but no number that a later step refuses for its size."""
        present = [v for v in self.sample[name].tolist() if not pd.isna(v)]
        if self.columns[name].kind == "text" or not present:
            return unseen(self.columns[name].kind == "text", [*known, *present])
        number = float(present[0])
        while number in known or number in present:
            number = float(np.nextafter(number, np.inf))
        return number

    def hardened(self, block: Block) -> Block:
        """Return the block with `refuse` where a later step refuses what this one gives."""
        table = block.table
        if table is None:
            return block
        if isinstance(table, Ordinal):
            return block.ending(self.refusing(block, table))
        # The features of a one-hot share it, before and after.
        if id(table.one_hot) not in self.tables:
            self.tables[id(table.one_hot)] = (table.one_hot, self.refusing(block, table.one_hot))
        return block.ending(replace(table, one_hot=self.tables[id(table.one_hot)][1]))

    def refusing(self, block: Block, table: T) -> T:
        """Return the table with `refuse` where the pipeline refuses."""
        if any(isinstance(step, Bin) for step in block.steps):
            return table  # every bin is a category
        if table.unknown != REFUSE and self.refused(block.column, self.unseen(block.column, raws(table))):
            table = replace(table, unknown=REFUSE)
        if table.missing != REFUSE and not self.columns[block.column].nullable:
            table = replace(table, missing=REFUSE)
        return table

    def check_left_out(self, blocks: list[Block]) -> None:
        """Refuse columns whose unknown categories the pipeline refuses although no feature comes from their table."""
        values = {}
        for name in self.columns:
            tables = [t.one_hot if isinstance(t, Slot) else t for b in blocks if b.column == name and (t := b.table)]
            if not any(t.unknown == REFUSE for t in tables):
                values[name] = self.unseen(name, [value for t in tables for value in raws(t)])
        if self.none_refused(values):
            return
        for name, value in values.items():
            if self.refused(name, value):
                raise ExportError(
                    f"column {name!r}: the pipeline refuses its unknown categories although no feature comes from it: "
                    "leave the column out, or use handle_unknown='ignore'"
                )


def raws(table: OneHot | Ordinal) -> list[Value]:
    """Return the table's categories."""
    return [value for value, _ in table.categories]


def joined(blocks: list[Block]) -> list[Block]:
    """Return the blocks with one-hots put together where their features stand side by side, and tables elsewhere."""
    out: list[Block] = []
    told: set[int] = set()
    at = 0
    while at < len(blocks):
        block = blocks[at]
        if not isinstance(block.table, Slot):
            out.append(block)
            at += 1
            continue
        one_hot = block.table.one_hot
        features = blocks[at : at + one_hot.width]
        if len(features) == one_hot.width and all(is_part(b, block, i) for i, b in enumerate(features)):
            out.append(block.ending(one_hot))
            at += one_hot.width
        else:
            # One table refuses for all features of the one-hot.
            out.append(block.ending(block.table.ordinal(brief=id(one_hot) in told)))
            at += 1
        told.add(id(one_hot))
    return out


def is_part(block: Block, first: Block, index: int) -> bool:
    """Say whether a block is the feature at an index of the one-hot whose first one is given."""
    a, b = block.table, first.table
    return (
        isinstance(a, Slot)
        and isinstance(b, Slot)
        and a.one_hot is b.one_hot
        and a.index == index
        and a.plain
        and block.steps[:-1] == first.steps[:-1]
        and block.column == first.column
    )
