"""The contract: what a raw value must be, and what becomes of one that is not, before the pipeline sees it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from .ask import Floats
from .blocks import Block
from .columns import Oracle, RawColumn
from .notes import Note, Notes

Abnormal = Literal["refuse", "clip", "missing", "pass"]
Refused = npt.NDArray[np.bool_]


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

    def apply(self, values: pd.Series) -> tuple[pd.Series, Refused]:
        """Return the values as they are let through, and which of them refuse their row."""
        values, refused = self.numbers(values) if self.column.kind == "number" else self.texts(values)
        if not self.nullable and self.column.nullable:
            refused |= values.isna().to_numpy()
        return values, refused

    def numbers(self, values: pd.Series) -> tuple[pd.Series, Refused]:
        """Apply the limits."""
        x = values.to_numpy(dtype="float64")
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        abnormal = np.isinf(x) | (x < low) | (x > high)
        if not abnormal.any() or self.abnormal == "refuse":
            return values, abnormal
        other = np.where(x < low, low, high) if self.abnormal == "clip" else np.full(len(x), np.nan)
        return self.column.series(np.where(abnormal, other, x).tolist()), np.zeros(len(x), bool)

    def texts(self, values: pd.Series) -> tuple[pd.Series, Refused]:
        """Apply the categories."""
        none = np.zeros(len(values), bool)
        if self.categories is None or self.abnormal == "pass":
            return values, none
        known = set(self.categories)
        abnormal = np.array([isinstance(v, str) and v not in known for v in values], dtype=bool)
        if self.abnormal == "refuse":
            return values, abnormal
        cells = zip(values, abnormal, strict=True)
        return self.column.series([self.column.blank if odd else v for v, odd in cells]), none


@dataclass(frozen=True)
class Contract:
    """The rules of all columns, and the model behind them."""

    rules: Sequence[Rule]
    oracle: Oracle

    def as_json(self) -> list[dict[str, Any]]:
        """Return the contract as the manifest holds it."""
        return [rule.as_json() for rule in self.rules]

    def admitted(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, Refused]:
        """Return the rows as they are let through, and which of them are refused."""
        refused = np.zeros(len(frame), bool)
        out = {}
        for rule in self.rules:
            out[rule.column.name], odd = rule.apply(frame[rule.column.name])
            refused |= odd
        return pd.DataFrame(out, index=frame.index), refused

    def probabilities(self, frame: pd.DataFrame) -> Floats:
        """Return what the model says of rows that the contract lets through, NaN where either refuses."""
        rows, refused = self.admitted(frame)
        out = np.full(len(frame), np.nan)
        out[~refused] = self.oracle.probabilities(rows[~refused])
        return out


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
