"""The raw columns: numbers as float64, text as objects, and one mark for what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Protocol

import numpy as np
import pandas as pd

from .ask import Floats, quiet
from .blocks import Kind
from .errors import ExportError
from .walk import refusal

Missing = float | None
ANSWER = "probability"  # heads the expected answers, in golden.csv and in rows to verify
MAX_NAME_BYTES = 127
TRIED = 5  # values of a column, to find out whether it is the one that a row is refused for


class Oracle(Protocol):
    """What answers for rows: a model, or a part of one."""

    columns: list[str]

    def probabilities(self, frame: pd.DataFrame) -> Floats:
        """Return a probability per row, NaN where the row is refused."""


@dataclass(frozen=True)
class RawColumn:
    """A column that the pipeline takes."""

    name: str
    kind: Kind
    blank: Missing = np.nan  # what the pipeline was trained to see where text is missing
    nullable: bool = True

    def series(self, values: list[Any]) -> pd.Series:
        """Return values of this column as the pipeline gets them."""
        return pd.Series(values, dtype="float64" if self.kind == "number" else "object", name=self.name)


def raw_columns(
    rows: pd.DataFrame, oracle: Oracle, pipelines: Iterable[Any]
) -> tuple[list[RawColumn], pd.DataFrame, Floats]:
    """Return the pipeline's columns, the rows in the types that `scored` holds them in, and what the oracle says.

    `pipelines` are what the oracle asks: they tell which step refuses rows that are all refused.
    """
    rows = selected(rows, oracle.columns)
    kinds = {name: kind_of(rows[name]) for name in oracle.columns}
    frame = pd.DataFrame({name: canonical(rows[name], kinds[name]) for name in oracle.columns})
    columns = [RawColumn(name, kinds[name]) for name in oracle.columns]

    sample = frame.iloc[np.unique(np.linspace(0, len(frame) - 1, 50).astype(int))]
    if np.isnan(oracle.probabilities(sample)).all():
        refuse(sample, columns, oracle, pipelines)
    given, probabilities = oracle.probabilities(rows), oracle.probabilities(frame)
    check_same(rows, frame, columns, given, probabilities, oracle)

    columns = [with_blank(column, frame, oracle, probabilities) for column in columns]
    if remarked := [column for column in columns if has_other_mark(column, frame)]:
        for column in remarked:
            frame[column.name] = column.series([column.blank if pd.isna(v) else v for v in frame[column.name]])
        probabilities = oracle.probabilities(frame)
    return with_nullable(columns, frame, oracle, probabilities), frame, probabilities


def refuse(sample: pd.DataFrame, columns: list[RawColumn], oracle: Oracle, pipelines: Iterable[Any]) -> NoReturn:
    """Refuse rows that the pipeline refuses, by the step that raises on the first of them."""
    with quiet():
        walks = (refusal("", pipeline, sample.iloc[[0]]) for pipeline in pipelines)
        found = next((walk for walk in walks if walk is not None), None)
    if found is None:
        raise ExportError("the pipeline refuses the rows: were they made in the same way as those of training?")
    given = list(found.data.columns) if isinstance(found.data, pd.DataFrame) else []
    read = [column for column in columns if column.name in given] or columns
    guilty = read if len(read) == 1 else [c for c in read if takes_another(c, sample, oracle)]
    why = f", for column {', '.join(repr(column.name) for column in guilty)}" if guilty else ""
    raise ExportError(
        f"the pipeline refuses the rows: step {found.where!r} ({type(found.step).__name__}) raises "
        f"{type(found.error).__name__} on the first of them{why}: make the rows in the same way as those of training"
    ) from found.error


def takes_another(column: RawColumn, sample: pd.DataFrame, oracle: Oracle) -> bool:
    """Say whether the first row would be taken with another value in the column: another row's, or 0."""
    values = [*sample[column.name].drop_duplicates()[:TRIED], *([0.0] if column.kind == "number" else [])]
    rows = sample.iloc[[0] * len(values)].reset_index(drop=True)
    rows[column.name] = column.series(values)
    return not np.isnan(oracle.probabilities(rows)).all()


def has_other_mark(column: RawColumn, frame: pd.DataFrame) -> bool:
    """Say whether missing text stands there otherwise than the pipeline was trained to see it."""
    missing = [v for v in frame[column.name] if pd.isna(v)] if column.kind == "text" else []
    return any((v is None) != (column.blank is None) for v in missing)


def selected(rows: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return the named columns in order."""
    if rows.empty:
        raise ExportError("there are no rows: give those of the test period")
    if len(set(names)) != len(names):
        raise ExportError("two columns have the same name: rename one before training")
    if "" in names:
        raise ExportError("a column has no name: give it one in the dataprep script, and train again")
    if ANSWER in names:
        raise ExportError(
            f"column {ANSWER!r} has the name under which a bundle holds the expected answers: rename it in the "
            "dataprep script, and train again"
        )
    if long := next((name for name in names if len(name.encode()) > MAX_NAME_BYTES), None):
        raise ExportError(
            f"column {long[:40]!r}... has a name of {len(long.encode())} bytes, and Redshift's have at most "
            f"{MAX_NAME_BYTES}: shorten it in the dataprep script, and train again"
        )
    if missing := [name for name in names if name not in rows.columns]:
        raise ExportError(f"the rows lack columns that the pipeline was trained on: {', '.join(missing)}")
    duplicated = set(rows.columns[rows.columns.duplicated()])
    if twice := [name for name in names if name in duplicated]:
        raise ExportError(f"the rows have columns more than once: {', '.join(twice)}: leave out or rename all but one")
    return rows[names].reset_index(drop=True)


def kind_of(values: pd.Series) -> Kind:
    """Return a column's kind by its dtype, or by its values where the dtype says nothing."""
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_numeric_dtype(values.dtype):
        if pd.api.types.is_complex_dtype(values.dtype):
            raise ExportError(f"column {values.name!r} holds complex numbers")
        return "number"
    present = values.dropna()
    if all(isinstance(v, str) for v in present):
        check_text(str(values.name), present.unique())
        return "text"
    if all(isinstance(v, int | float | np.number | np.bool_) for v in present):
        return "number"
    types = sorted({type(v).__name__ for v in present})
    raise ExportError(
        f"column {values.name!r} holds {', '.join(types)}: make it either numbers or text in the dataprep SQL"
    )


def check_text(column: str, values: Any) -> None:
    """Refuse text that does not reach the pipeline as it was."""
    for value in values:
        if value == "":
            raise ExportError(
                f"column {column!r} holds empty text, which scored reads as missing: train on what read_dataset gives"
            )
        try:
            value.encode()
        except UnicodeEncodeError as err:
            raise ExportError(
                f"column {column!r} holds text that is not Unicode: clean it in the dataprep SQL"
            ) from err


def canonical(values: pd.Series, kind: Kind) -> pd.Series:
    """Return a column as read_dataset would give it."""
    if kind == "number":
        return pd.Series(values.to_numpy(dtype="float64", na_value=np.nan), name=values.name)
    return pd.Series([np.nan if pd.isna(v) and v is not None else v for v in values], dtype="object", name=values.name)


def check_same(
    rows: pd.DataFrame,
    frame: pd.DataFrame,
    columns: list[RawColumn],
    given: Floats,
    probabilities: Floats,
    oracle: Oracle,
) -> None:
    """Refuse a pipeline for which the rows as given differ from the rows as `scored` holds them."""
    differing = np.flatnonzero((given != probabilities) & ~(np.isnan(given) & np.isnan(probabilities)))
    for i in differing:
        row = rows.iloc[[i]]
        for column in columns:
            mixed = row.copy()
            mixed[column.name] = frame[column.name].iloc[[i]]
            if not np.array_equal(oracle.probabilities(mixed), given[[i]], equal_nan=True):
                raise ExportError(
                    f"column {column.name!r}: as {rows[column.name].dtype} the pipeline answers otherwise than as "
                    f"{frame[column.name].dtype} (row {i}): train on what read_dataset gives"
                )
        raise ExportError(
            f"row {i}: the pipeline answers otherwise once numbers are float64: train on what read_dataset gives"
        )


def with_blank(column: RawColumn, frame: pd.DataFrame, oracle: Oracle, p: Floats) -> RawColumn:
    """Find out whether missing text is None or NaN to the pipeline, where that makes a difference."""
    if column.kind == "number":
        return column
    base = accepted_row(frame, p, 2)
    base[column.name] = column.series([np.nan, None])
    as_nan, as_none = oracle.probabilities(base)
    if as_nan == as_none or (np.isnan(as_nan) and np.isnan(as_none)):
        return column
    missing = [v for v in frame[column.name] if pd.isna(v)]
    has_none = any(v is None for v in missing)
    has_nan = any(v is not None for v in missing)
    if has_none and has_nan:
        raise ExportError(
            f"column {column.name!r}: None and NaN mean different things to the pipeline, and a warehouse has one "
            "NULL: train on what read_dataset gives"
        )
    only_none = has_none if missing else np.isnan(as_nan)
    return replace(column, blank=None if only_none else np.nan)


def with_nullable(columns: list[RawColumn], frame: pd.DataFrame, oracle: Oracle, p: Floats) -> list[RawColumn]:
    """Find out for which columns the pipeline answers when they are missing: a row per column, without its value."""
    rows = accepted_row(frame, p, len(columns))
    for i, column in enumerate(columns):
        values = rows[column.name].tolist()
        values[i] = column.blank
        rows[column.name] = column.series(values)
    answered = ~np.isnan(oracle.probabilities(rows))
    return [replace(column, nullable=bool(answer)) for column, answer in zip(columns, answered, strict=True)]


def accepted_row(frame: pd.DataFrame, p: Floats, times: int) -> pd.DataFrame:
    """Return the first row that the pipeline takes, so many times."""
    return frame.iloc[[int(np.flatnonzero(~np.isnan(p))[0])] * times].reset_index(drop=True)
