"""What a step makes of one column. Numbers are computed by steps that are proven; tables are asked entry by entry."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from .ask import dense
from .blocks import REFUSE, Action, Arithmetic, Bin, Block, OneHot, Slot, Step, code_action, computed, slot_action
from .stage import Asked

# Numbers that a step is proven on, beside those of the rows and those around its edges.
PROBES = (0.0, -0.0, 1.0, -1.0, 1 / 3, 0.1, 5e-324, -1e-310, 1e-45, 16777217.0, -1e5 / 3, 2.0**53 + 2, 1e30 / 7)


class Output(Protocol):
    """One or more columns that a step makes of one."""

    @property
    def position(self) -> int:
        """The place of the column that it is made of."""

    @property
    def width(self) -> int:
        """How many columns it is."""

    def lower(self, asked: Asked) -> list[Block]:
        """Return a block per column."""


@dataclass(frozen=True)
class Number:
    """A column of numbers, computed; no steps leave it as it is, text included."""

    position: int
    steps: tuple[Step, ...] = ()
    width: int = 1

    def lower(self, asked: Asked) -> list[Block]:
        """Return the block with the steps, or with its table recoded."""
        block = asked.block
        if block.table is not None:
            return [recoded(asked)]
        if block.text:
            if self.steps:
                raise asked.error("takes numbers, and this is text: put OneHotEncoder or OrdinalEncoder before it")
            return [block]
        prove(asked, self.steps)
        return [block.then(*self.steps)]


@dataclass(frozen=True)
class Bins:
    """The bin of a number, as one column of bins or as a column per bin."""

    position: int
    edges: tuple[float, ...]
    hot: bool

    @property
    def width(self) -> int:
        """How many columns it is."""
        return len(self.edges) + 1 if self.hot else 1

    def lower(self, asked: Asked) -> list[Block]:
        """Return the block with its bins, or with its table recoded."""
        block = asked.block
        if block.table is not None:
            return split(asked) if self.hot else [recoded(asked)]
        if block.text:
            raise asked.error("takes numbers, and this is text: put OneHotEncoder or OrdinalEncoder before it")
        step = Bin(self.edges)
        prove(asked, (step,), hot=self.hot)
        if not self.hot:
            return [block.then(step)]
        places = tuple((float(i), i) for i in range(self.width))
        return slots(block.then(step), OneHot(self.width, places, REFUSE, REFUSE))


def slots(block: Block, one_hot: OneHot) -> list[Block]:
    """Return a block per feature of a one-hot; those that stay together become one block in the end."""
    return [block.then(Slot(one_hot, i)) for i in range(one_hot.width)]


def split(asked: Asked) -> list[Block]:
    """Return a block per feature of the one-hot that the step makes of a table's codes."""
    block = asked.block
    return slots(replace(block, steps=block.steps[:-1]), one_hot_of_table(asked))


def recoded(asked: Asked) -> Block:
    """Return the block with its table's codes as the step turns them, whatever the step computes."""
    table = asked.block.table
    if table is None:
        raise TypeError("the block has no table")
    answers = answers_of(asked, table.gives())

    def recode(code: float) -> Action:
        answer = answers[key(code)]
        return REFUSE if answer is None else code_action(number(asked, answer[0]))

    return asked.block.ending(table.recoded(recode))


def one_hot_of_table(asked: Asked) -> OneHot:
    """Return the one-hot that the step makes of a table's codes."""
    table = asked.block.table
    if isinstance(table, Slot):
        table = table.ordinal()
    if table is None:
        raise TypeError("the block has no table")
    answers = answers_of(asked, table.gives())

    def slot(code: float) -> Action:
        answer = answers[key(code)]
        return REFUSE if answer is None else slot_action(slot_of(answer))

    def act(action: Action) -> Action:
        return action if action == REFUSE else slot(action.number if action.name == "code" else math.nan)

    places = tuple((value, slot_of(answers[key(code)])) for value, code in table.categories)
    return OneHot(asked.outputs.stop - asked.outputs.start, places, act(table.missing), act(table.unknown))


def answers_of(asked: Asked, codes: list[float]) -> dict[Any, Any]:
    """Return what the step gives for each code, None for a missing value that it refuses."""
    answers = dict(zip(map(key, codes), asked.about_each(codes), strict=True))
    for code, answer in answers.items():
        if answer is None and code != "nan":
            raise asked.error(f"refuses {code!r}, which the encoder before it gives")
    return answers


def key(code: float) -> Any:
    """Return what a code is found by."""
    return "nan" if math.isnan(code) else code


def number(asked: Asked, answer: Any) -> float:
    """Return an answer as a number of the manifest."""
    if isinstance(answer, str):
        raise asked.error("puts text among the codes of the encoder before it: give it a fill_value that is a number")
    out = float(answer)
    if math.isinf(out):
        raise asked.error("gives an infinite number: leave it out")
    return out


def slot_of(row: Any) -> int:
    """Return where a row of a one-hot has its 1, -1 for all zeros."""
    return int(np.argmax(row)) if np.any(row) else -1


def prove(asked: Asked, steps: tuple[Step, ...], hot: bool = False) -> None:
    """Refuse steps that do not give what the step itself gives, bit for bit, for numbers chosen to tell."""
    for step in steps:
        learned = step.edges if isinstance(step, Bin) else (step.number,) if isinstance(step, Arithmetic) else ()
        if not np.isfinite(learned).all():
            raise asked.error("learned no finite number, as from a column that is always missing: leave the column out")
    values = [*sample_numbers(asked), *PROBES]
    values += [v for step in steps if isinstance(step, Bin) for e in step.edges for v in around(e)]
    if asked.stage.dtype(asked.position).kind == "b":
        values = [0.0, 1.0]
    for value, answer in zip(values, asked.about_each(values), strict=True):
        if answer is None:
            continue
        got = computed(value, steps)
        given = float(slot_of(answer) if hot else answer[0])
        if got != given and not (math.isnan(got) and math.isnan(given)):
            raise asked.error(
                f"gives {given!r} for {value!r}, and float64 arithmetic with what it learned gives {got!r}: "
                "fit it on float64 columns, without a dtype of its own"
            )


def sample_numbers(asked: Asked) -> list[float]:
    """Return the numbers that the rows hold in the column."""
    sample = asked.stage.sample
    column = sample.iloc[:, asked.position] if hasattr(sample, "iloc") else dense(sample[:, [asked.position]]).ravel()
    numbers = np.asarray(column, dtype=np.float64)
    return [float(v) for v in numbers[np.isfinite(numbers)]]


def around(edge: float) -> list[float]:
    """Return an edge and the numbers beside it."""
    return [edge, float(np.nextafter(edge, -np.inf)), float(np.nextafter(edge, np.inf))]
