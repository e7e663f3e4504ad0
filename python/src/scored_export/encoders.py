"""OneHotEncoder, OrdinalEncoder and TargetEncoder. They are asked where each category goes, and whether they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from .blocks import REFUSE, Action, Block, OneHot, Ordinal, Value, code_action, slot_action
from .errors import ExportError
from .outputs import Output, recoded, slot_of, slots, split
from .stage import Asked, Stage, is_mark

# So many categories are asked about at a time: a row each, as wide as all of the encoder's features.
AT_ONCE = 500


@dataclass(frozen=True)
class Encoded:
    """A column's category as a code, or as a column per category."""

    position: int
    known: list[Any]
    width: int
    hot: bool

    def lower(self, asked: Asked) -> list[Block]:
        """Return the block with its table."""
        block = asked.block
        if block.table is not None:
            return split(asked) if self.hot else [recoded(asked)]
        categories = known_categories(asked, self.known)
        if self.hot:
            return slots(block, OneHot(self.width, *table(asked, categories, slot_of, slot_action)))
        return [block.then(Ordinal(*table(asked, categories, code, code_action)))]


def code(row: Any) -> float:
    """Return the code that a row holds."""
    return float(row[0])


def table(
    asked: Asked, categories: list[Value], read: Callable[[Any], Any], act: Callable[[Any], Action]
) -> tuple[tuple[tuple[Value, Any], ...], Action, Action]:
    """Return what each category gives, then what a missing and an unknown value give."""

    def given(value: Any) -> Action:
        (answer,) = asked.about_each([value])
        return REFUSE if answer is None else act(read(answer))

    places: list[Any] = []
    for start in range(0, len(categories), AT_ONCE):
        places += [read(row) for row in asked.about(categories[start : start + AT_ONCE])]
    missing = REFUSE if asked.block.never_missing else given(asked.stage.blank(asked.block))
    return tuple(zip(categories, places, strict=True)), missing, given(unseen(asked.block.text, categories))


def one_hot_encoder(where: str, step: OneHotEncoder, stage: Stage) -> list[Output]:
    """Return a column per category."""
    return [Encoded(i, known.tolist(), one_hot_width(step, i), hot=True) for i, known in enumerate(step.categories_)]


def one_hot_width(step: OneHotEncoder, position: int) -> int:
    """Return how many features a column gets: its categories, the infrequent ones as one, less a dropped one."""
    infrequent = getattr(step, "infrequent_categories_", None)
    grouped = infrequent[position] if infrequent is not None else None
    dropped = step.drop_idx_ is not None and step.drop_idx_[position] is not None
    return len(step.categories_[position]) - (len(grouped) - 1 if grouped is not None else 0) - int(dropped)


def ordinal_encoder(where: str, step: OrdinalEncoder, stage: Stage) -> list[Output]:
    """Return a column of codes."""
    return [Encoded(i, known.tolist(), 1, hot=False) for i, known in enumerate(step.categories_)]


def target_encoder(where: str, step: TargetEncoder, stage: Stage) -> list[Output]:
    """Return a column of codes: what training learned of the target, per category."""
    if step.target_type_ == "multiclass":
        raise ExportError(
            f"step {where!r} is a TargetEncoder of several classes: fit it on two, the positive one against the rest"
        )
    return [Encoded(i, known.tolist(), 1, hot=False) for i, known in enumerate(step.categories_)]


RULES: dict[type, Callable[[str, Any, Stage], list[Output]]] = {
    OneHotEncoder: one_hot_encoder,
    OrdinalEncoder: ordinal_encoder,
    TargetEncoder: target_encoder,
}


def known_categories(asked: Asked, known: list[Any]) -> list[Value]:
    """Return the categories that are values, or refuse those that a table cannot hold."""
    marks = [c for c in known if is_mark(c)]
    if len(marks) > 1:
        raise asked.error(
            "knows both None and NaN as categories, and a warehouse has one NULL: train on what read_dataset gives"
        )
    if None in marks and asked.stage.blank(asked.block) is not None and not asked.block.never_missing:
        raise asked.error(
            "was trained on None as a category, and the rows do not show that None stands for missing: train on what "
            "read_dataset gives"
        )
    return [category(asked, c) for c in known if not is_mark(c)]


def category(asked: Asked, value: Any) -> Value:
    """Return a category as the column's type holds it."""
    if asked.block.text:
        if not isinstance(value, str):
            raise asked.error(f"has a category that is a {type(value).__name__}, and the rows hold text: use one type")
        if value == "":
            raise asked.error(
                "has empty text as a category, which scored reads as missing: train on what read_dataset gives"
            )
        try:
            value.encode()
        except UnicodeEncodeError as err:
            raise asked.error("has a category that is not Unicode: clean it in the dataprep SQL") from err
        return value
    if not isinstance(value, bool | int | float):
        raise asked.error(f"has a category that is a {type(value).__name__}, and the rows hold numbers: use one type")
    if float(value) != value or not np.isfinite(value):
        raise asked.error("has a category that float64 does not hold: make the column text in the dataprep SQL")
    return float(value)


def unseen(text: bool, categories: list[Value]) -> Value:
    """Return a value that is in no category."""
    taken = set(categories)
    if text:
        word = "unseen"
        while word in taken:
            word += "-"
        return word
    number = 0.5
    while number in taken:
        number += 1
    return number
