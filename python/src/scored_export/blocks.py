"""The transform language of docs/bundle.md: a block turns one raw column into features by steps."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["number", "text"]
Value = float | str


def typed(value: Value) -> dict[str, Any]:
    """Return a value under the key that says its type."""
    return {"text": value} if isinstance(value, str) else {"number": value}


@dataclass(frozen=True)
class Action:
    """What a missing value or an unknown category gives."""

    name: Literal["refuse", "zeros", "slot", "code", "missing"]
    number: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the action as the manifest holds it."""
        if self.name == "slot":
            return {"action": "slot", "slot": int(self.number)}
        if self.name == "code":
            return {"action": "code", "code": self.number}
        return {"action": self.name}


REFUSE = Action("refuse")


def slot_action(slot: int) -> Action:
    """Return the action for a slot of a one-hot; -1 is all zeros."""
    return Action("zeros") if slot < 0 else Action("slot", slot)


def code_action(code: float) -> Action:
    """Return the action for an ordinal's code; NaN is a missing value."""
    return Action("missing") if math.isnan(code) else Action("code", code)


@dataclass(frozen=True)
class Impute:
    """Puts a value where one is missing."""

    value: Value

    def as_json(self) -> dict[str, Any]:
        """Return the step as the manifest holds it."""
        return {"op": "impute", **typed(self.value)}


@dataclass(frozen=True)
class IsMissing:
    """Gives 1 where the value is missing, else 0."""

    def as_json(self) -> dict[str, Any]:
        """Return the step as the manifest holds it."""
        return {"op": "is_missing"}


@dataclass(frozen=True)
class Arithmetic:
    """One float64 operation with a number; missing stays missing."""

    op: Literal["add", "subtract", "multiply", "divide"]
    number: float

    def of(self, x: float) -> float:
        """Return what a number becomes."""
        match self.op:
            case "add":
                return x + self.number
            case "subtract":
                return x - self.number
            case "multiply":
                return x * self.number
            case "divide":
                return x / self.number

    def as_json(self) -> dict[str, Any]:
        """Return the step as the manifest holds it."""
        return {"op": self.op, "number": self.number}


@dataclass(frozen=True)
class Clip:
    """Moves a number into limits; missing stays missing."""

    low: float
    high: float

    def of(self, x: float) -> float:
        """Return what a number becomes."""
        return x if math.isnan(x) else min(max(x, self.low), self.high)

    def as_json(self) -> dict[str, Any]:
        """Return the step as the manifest holds it."""
        return {"op": "clip", "min": self.low, "max": self.high}


@dataclass(frozen=True)
class Bin:
    """Counts the edges that are at most the number; missing stays missing."""

    edges: tuple[float, ...]

    def of(self, x: float) -> float:
        """Return what a number becomes."""
        return x if math.isnan(x) else float(bisect_right(self.edges, x))

    def as_json(self) -> dict[str, Any]:
        """Return the step as the manifest holds it."""
        return {"op": "bin", "edges": list(self.edges)}


@dataclass(frozen=True)
class OneHot:
    """Gives `width` features, 1 in the category's slot."""

    width: int
    categories: tuple[tuple[Value, int], ...]
    missing: Action
    unknown: Action

    def as_json(self) -> dict[str, Any]:
        """Return the step as the manifest holds it."""
        return {
            "op": "one_hot",
            "width": self.width,
            "categories": [{**typed(value), "slot": slot} for value, slot in self.categories],
            "missing": self.missing.as_json(),
            "unknown": self.unknown.as_json(),
        }


@dataclass(frozen=True)
class Ordinal:
    """Gives the category's code."""

    categories: tuple[tuple[Value, float], ...]
    missing: Action
    unknown: Action

    def as_json(self) -> dict[str, Any]:
        """Return the step as the manifest holds it."""
        return {
            "op": "ordinal",
            "categories": [{**typed(value), "code": code} for value, code in self.categories],
            "missing": self.missing.as_json(),
            "unknown": self.unknown.as_json(),
        }

    def gives(self) -> list[float]:
        """Return every number that the table gives, NaN for a missing one."""
        codes = [code for _, code in self.categories]
        codes += [a.number if a.name == "code" else math.nan for a in (self.missing, self.unknown) if a != REFUSE]
        return list({("nan" if math.isnan(c) else c): c for c in codes}.values())

    def recoded(self, recode: Callable[[float], Action]) -> Ordinal:
        """Return the table with a function applied to every code, NaN standing for a missing value."""

        def act(action: Action) -> Action:
            if action == REFUSE:
                return action
            return recode(math.nan if action.name == "missing" else action.number)

        return Ordinal(
            tuple((value, code_of(recode(code))) for value, code in self.categories),
            act(self.missing),
            act(self.unknown),
        )


def code_of(action: Action) -> float:
    """Return the code of an action that gives one, NaN for a missing value."""
    return action.number if action.name == "code" else math.nan


@dataclass(frozen=True)
class Slot:
    """One feature of a one-hot on its own: a number in its slot, and another elsewhere. No manifest holds it."""

    one_hot: OneHot
    index: int
    on: float = 1.0
    off: float = 0.0

    @property
    def plain(self) -> bool:
        """Whether no later step changed the feature."""
        return (self.on, self.off) == (1.0, 0.0)

    def gives(self) -> list[float]:
        """Return every number that the feature takes."""
        return [self.on, self.off]

    def recoded(self, recode: Callable[[float], Action]) -> Slot:
        """Return the feature with a function applied to both numbers."""
        return replace(self, on=code_of(recode(self.on)), off=code_of(recode(self.off)))

    def ordinal(self, brief: bool = False) -> Ordinal:
        """Return the feature as a table of codes; briefly where another block refuses what the one-hot refuses."""

        def code(slot: float) -> float:
            return self.on if slot == self.index else self.off

        def act(action: Action) -> Action:
            if action == REFUSE:
                return code_action(self.off) if brief else action
            return code_action(code(action.number if action.name == "slot" else -1))

        missing, unknown = act(self.one_hot.missing), act(self.one_hot.unknown)
        table = tuple((value, code(slot)) for value, slot in self.one_hot.categories)
        if brief:
            table = tuple((value, c) for value, c in table if code_action(c) != unknown)
        return Ordinal(table, missing, unknown)


Table = Ordinal | Slot
Step = Impute | IsMissing | Arithmetic | Clip | Bin | OneHot | Ordinal | Slot


@dataclass(frozen=True)
class Block:
    """One raw column and the steps that turn it into features."""

    column: str
    kind: Kind
    steps: tuple[Step, ...] = ()

    @property
    def width(self) -> int:
        """How many features the block gives."""
        return self.steps[-1].width if self.steps and isinstance(self.steps[-1], OneHot) else 1

    @property
    def encoder(self) -> OneHot | Ordinal | None:
        """The table that raw values are looked up in, if one ends the block."""
        last = self.steps[-1] if self.steps else None
        if isinstance(last, OneHot | Ordinal) and all(isinstance(step, Impute) for step in self.steps[:-1]):
            return last
        return None

    @property
    def table(self) -> Table | None:
        """The table that ends the block, whatever comes before it."""
        last = self.steps[-1] if self.steps else None
        return last if isinstance(last, Ordinal | Slot) else None

    @property
    def text(self) -> bool:
        """Whether what the block gives is text."""
        return self.kind == "text" and all(isinstance(step, Impute) for step in self.steps)

    @property
    def never_missing(self) -> bool:
        """Whether a missing value is replaced or flagged before the end."""
        return any(isinstance(step, Impute | IsMissing) for step in self.steps)

    @property
    def numeric(self) -> bool:
        """Whether the feature is the column's own number, missing ones imputed or not."""
        return self.kind == "number" and all(isinstance(step, Impute) for step in self.steps)

    def then(self, *steps: Step) -> Block:
        """Return the block with more steps."""
        return replace(self, steps=(*self.steps, *steps))

    def ending(self, step: Step) -> Block:
        """Return the block with its last step replaced."""
        return replace(self, steps=(*self.steps[:-1], step))

    def as_json(self) -> dict[str, Any]:
        """Return the block as the manifest holds it."""
        return {"column": self.column, "steps": [as_json(step) for step in self.steps]}


def as_json(step: Step) -> dict[str, Any]:
    """Return a step as the manifest holds it."""
    if isinstance(step, Slot):
        raise TypeError("a slot has no place in a manifest: it becomes a table or part of a one-hot first")
    return step.as_json()


def computed(x: float, steps: tuple[Step, ...]) -> float:
    """Return what arithmetic and bins make of a number."""
    for step in steps:
        if isinstance(step, Arithmetic | Clip | Bin):
            x = step.of(x)
    return x
