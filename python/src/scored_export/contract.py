"""The contract: what a raw value must be, and what becomes of one that is not, before the pipeline sees it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from .ask import Floats
from .blocks import Block
from .columns import Oracle, RawColumn
from .notes import Note, Notes

Abnormal = Literal["refuse", "clip", "missing", "pass"]
Flags = npt.NDArray[np.bool_]


class Admitted(NamedTuple):
    """Values, or rows, as they are let through, which of them refuse their row, and which are others than they were."""

    values: Any
    refused: Flags
    changed: Flags


@dataclass(frozen=True)
class Rule:
    """What a column of the contract lets through."""

    column: RawColumn
    nullable: bool
    abnormal: Abnormal
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the column as the contract holds it."""
        limits = {key: value for key, value in (("min", self.low), ("max", self.high)) if value is not None}
        known = {} if self.categories is None else {"categories": list(self.categories)}
        return {
            "name": self.column.name,
            "type": self.column.kind,
            "nullable": self.nullable,
            "abnormal": self.abnormal,
            **limits,
            **known,
        }

    def apply(self, values: pd.Series) -> Admitted:
        """Return a column's values as they are let through."""
        abnormal, none = self.are_abnormal(values), np.zeros(len(values), bool)
        refused, changed = (abnormal, none) if self.abnormal == "refuse" else (none, abnormal)
        if not self.nullable and self.column.nullable:
            refused = refused | values.isna().to_numpy()
        if changed.any():
            cells = [self.instead(v) if odd else v for v, odd in zip(values, changed, strict=True)]
            values = self.column.series(cells).set_axis(values.index)
        return Admitted(values, refused, changed)

    def are_abnormal(self, values: pd.Series) -> Flags:
        """Say which values are beyond the limits or in no category, where there is a rule for those."""
        if self.column.kind == "number":
            x = values.to_numpy(dtype="float64")
            low = -math.inf if self.low is None else self.low
            high = math.inf if self.high is None else self.high
            return np.asarray(np.isinf(x) | (x < low) | (x > high))
        if self.categories is None or self.abnormal == "pass":
            return np.zeros(len(values), bool)
        known = set(self.categories)
        return np.array([isinstance(v, str) and v not in known for v in values], dtype=bool)

    def instead(self, value: Any) -> Any:
        """Return what an abnormal value becomes."""
        if self.abnormal == "clip":
            return self.low if value < self.low else self.high
        return self.column.blank


@dataclass(frozen=True)
class Contract:
    """The rules of all columns, and the model behind them."""

    rules: Sequence[Rule]
    oracle: Oracle

    def as_json(self) -> list[dict[str, Any]]:
        """Return the contract as the manifest holds it."""
        return [rule.as_json() for rule in self.rules]

    def admitted(self, frame: pd.DataFrame) -> Admitted:
        """Return the rows as they are let through."""
        refused, changed = np.zeros(len(frame), bool), np.zeros(len(frame), bool)
        out = {}
        for rule in self.rules:
            out[rule.column.name], odd, other = rule.apply(frame[rule.column.name])
            refused |= odd
            changed |= other
        return Admitted(pd.DataFrame(out, index=frame.index), refused, changed)

    def probabilities(self, frame: pd.DataFrame, said: Floats | None = None) -> Floats:
        """Return what the model says of rows that the contract lets through, NaN where either refuses.

        `said` is what the model says of the rows as they stand, if that is known: it is asked about the others only.
        """
        rows, refused, changed = self.admitted(frame)
        out = np.full(len(frame), np.nan) if said is None else np.where(refused, np.nan, said)
        asked = ~refused if said is None else ~refused & changed
        out[asked] = self.oracle.probabilities(rows[asked])
        return out

    def refusals(self, frame: pd.DataFrame) -> dict[str, int]:
        """Return how many rows each column's rule refuses, of the columns that refuse any."""
        counts = {rule.column.name: int(rule.apply(frame[rule.column.name]).refused.sum()) for rule in self.rules}
        return {name: count for name, count in counts.items() if count}

    def changes(self, frame: pd.DataFrame) -> dict[str, int]:
        """Return how many values of a column are clipped or made missing, of the columns that have any."""
        made = {"clip": "clipped", "missing": "made missing"}
        counts = [(rule, int(rule.apply(frame[rule.column.name]).changed.sum())) for rule in self.rules]
        return {f"{rule.column.name} is {made[rule.abnormal]}": count for rule, count in counts if count}


def contract_of(notes: Notes, members: list[list[Block]], oracle: Oracle) -> Contract:
    """Return the contract that the pipeline implies, with the data scientist's words over it."""
    return Contract([ruled(note, known_categories(note.column.name, members)) for note in notes.notes], oracle)


def ruled(note: Note, known: tuple[str, ...] | None) -> Rule:
    """Return a column's rule, or refuse one that cannot be followed."""
    column, nullable = note.column, note.nullable()
    abnormal = note.abnormal("refuse" if column.kind == "number" else "pass")
    low, high, categories = note.limit("min"), note.limit("max"), note.categories(known)
    if low is not None and high is not None and low > high:
        raise note.error("min", "it is above max")
    if abnormal == "clip" and (low is None or high is None):
        raise note.error("abnormal", f'"clip" takes the nearer limit: give {"min" if low is None else "max"}, too')
    if abnormal == "missing" and not nullable:
        why = "the pipeline refuses a row without this column" if not column.nullable else "nullable is false"
        raise note.error("abnormal", f'"missing" makes a value missing, and {why}')
    if column.kind == "text" and abnormal != "pass" and categories is None:
        raise note.error(
            "abnormal", f'"{abnormal}" is for text in no category, and no encoder knows any: give categories'
        )
    return Rule(column, nullable, cast(Abnormal, abnormal), low, high, categories)


def known_categories(name: str, members: list[list[Block]]) -> tuple[str, ...] | None:
    """Return the texts that any encoder of the column knows, in its order; None without one."""
    encoders = [b.encoder for blocks in members for b in blocks if b.column == name and b.kind == "text" and b.encoder]
    known = dict.fromkeys(v for encoder in encoders for v, _ in encoder.categories if isinstance(v, str))
    return tuple(known) or None
