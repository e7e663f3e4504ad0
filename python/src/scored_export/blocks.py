"""The transform language of docs/bundle.md: a block turns one raw column into features by steps."""

from __future__ import annotations

import math
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

    def recoded(self, recode: Callable[[float], float]) -> Ordinal:
        """Return the table with a function applied to every code, NaN standing for a missing value."""

        def act(action: Action) -> Action:
            if action.name == "refuse":
                return action
            return code_action(recode(math.nan if action.name == "missing" else action.number))

        return Ordinal(
            tuple((value, recode(code)) for value, code in self.categories), act(self.missing), act(self.unknown)
        )


Encoder = OneHot | Ordinal
Step = Impute | IsMissing | OneHot | Ordinal


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
    def encoder(self) -> Encoder | None:
        """The encoder that ends the block, if one does."""
        last = self.steps[-1] if self.steps else None
        return last if isinstance(last, OneHot | Ordinal) else None

    @property
    def flags(self) -> bool:
        """Whether the block ends in an indicator of missing values."""
        return bool(self.steps) and isinstance(self.steps[-1], IsMissing)

    @property
    def imputed(self) -> bool:
        """Whether a missing value is replaced before anything else sees it."""
        return bool(self.steps) and isinstance(self.steps[0], Impute)

    @property
    def numeric(self) -> bool:
        """Whether the feature is the column's own number, missing ones imputed or not."""
        return self.kind == "number" and all(isinstance(step, Impute) for step in self.steps)

    def then(self, step: Step) -> Block:
        """Return the block with one more step."""
        return replace(self, steps=(*self.steps, step))

    def ending(self, step: Step) -> Block:
        """Return the block with its last step replaced."""
        return replace(self, steps=(*self.steps[:-1], step))

    def as_json(self) -> dict[str, Any]:
        """Return the block as the manifest holds it."""
        return {"column": self.column, "steps": [step.as_json() for step in self.steps]}
