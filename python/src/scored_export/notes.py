"""The columns file: limits, rules for abnormal values, and words for reasons, as the data scientist says them."""

from __future__ import annotations

import difflib
import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from .columns import RawColumn
from .errors import ExportError

WORDS = ("zero", "one", "missing")  # what a phrase may say instead for some values
KEYS = ("min", "max", "abnormal", "nullable", "categories", "phrase", *WORDS, "banned")
ABNORMAL = {"number": ("refuse", "clip", "missing"), "text": ("pass", "refuse", "missing")}
MAX_PHRASE = 120  # of the 255 that a text field of a CRM holds


class Columns(dict[str, Any]):
    """What a columns file holds, and its name for errors."""

    file: str = "columns"


def read_columns(path: str | os.PathLike[str]) -> Columns:
    """Read a columns file.

    Raises:
        ExportError: it is not TOML; names the file and the line.
        OSError: it cannot be read.
    """
    try:
        out = Columns(tomllib.loads(Path(path).read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise ExportError(f"{path} is not TOML: {err}") from err
    out.file = str(path)
    return out


@dataclass(frozen=True)
class Note:
    """What is said of one column."""

    where: str  # the file and the table
    table: Mapping[str, Any]
    column: RawColumn

    def error(self, key: str, problem: str) -> ExportError:
        """Return an error that names the file, the table and the key."""
        return ExportError(f"{self.where} {key}: {problem}")

    def check(self) -> None:
        """Refuse keys that are unknown, and those that the column's type has no use for."""
        for key in self.table:
            if key not in KEYS:
                near = difflib.get_close_matches(key, KEYS, 1)
                hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(KEYS)}"
                raise self.error(key, f"there is no such key{hint}")
            if self.column.kind == "text" and key in ("min", "max", "zero", "one"):
                raise self.error(key, "it is for numbers, and the column holds text")
            if self.column.kind == "number" and key == "categories":
                raise self.error(key, "it is for text, and the column holds numbers")

    def limit(self, key: str) -> float | None:
        """Return a limit, None if there is none."""
        value = self.table.get(key)
        if value is None:
            return None
        try:
            limit = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
        except OverflowError:
            limit = math.inf
        if not math.isfinite(limit):
            raise self.error(key, "give a finite number; a limit that is left out is none")
        return limit

    def flag(self, key: str, default: bool) -> bool:
        """Return a switch."""
        value = self.table.get(key, default)
        if not isinstance(value, bool | np.bool_):
            raise self.error(key, "give true or false")
        return bool(value)

    def abnormal(self, default: str) -> str:
        """Return the rule for abnormal values."""
        value = self.table.get("abnormal", default)
        known = ABNORMAL[self.column.kind]
        if value not in known:
            raise self.error("abnormal", f"{value!r} is no rule for {self.column.kind}: give {', '.join(known)}")
        return str(value)

    def categories(self, default: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Return the categories."""
        value = self.table.get("categories")
        if value is None:
            return default
        if not isinstance(value, list) or not value or not all(isinstance(v, str) and v for v in value):
            raise self.error("categories", "give a list of texts, none of them empty")
        if len(set(value)) != len(value):
            raise self.error("categories", "one comes twice")
        return tuple(value)

    def phrase(self) -> dict[str, str] | None:
        """Return the words for reasons as the manifest holds them."""
        words = {key: self.text(key) for key in ("phrase", *WORDS) if key in self.table}
        if words and "phrase" not in words:
            raise self.error(next(iter(words)), "it says something else for some values: give a phrase for the others")
        if "missing" in words and not self.nullable():
            raise self.error("missing", "a row without this column is refused, so it never has a reason")
        return {"column": self.column.name, "text": words.pop("phrase"), **words} if words else None

    def nullable(self) -> bool:
        """Return whether the column may be missing."""
        value = self.flag("nullable", self.column.nullable)
        if value and not self.column.nullable:
            raise self.error("nullable", "the pipeline refuses a row without it: train it with an imputer")
        return value

    def text(self, key: str) -> str:
        """Return the words under a key."""
        value = self.table[key]
        if not isinstance(value, str) or not value.strip() or value != value.strip():
            raise self.error(key, "give a text, without spaces around it")
        if not value.isprintable() or len(value) > MAX_PHRASE:
            raise self.error(key, f"give one line of at most {MAX_PHRASE} characters")
        rest = value.replace("{value}", "")
        if "{" in rest or "}" in rest:
            raise self.error(key, "the only thing in braces is {value}, the raw value")
        if key == "missing" and rest != value:
            raise self.error(key, "a missing value has no {value} to show")
        return value


@dataclass(frozen=True)
class Notes:
    """What is said of the columns, in the contract's order."""

    notes: tuple[Note, ...]

    def reasons(self) -> dict[str, Any]:
        """Return the words for reasons as the manifest holds them."""
        phrases = [phrase for note in self.notes if (phrase := note.phrase()) is not None]
        return {
            "phrases": phrases,
            "banned": [note.column.name for note in self.notes if note.flag("banned", False)],
        }


def notes_of(columns: Mapping[str, Any], raw: list[RawColumn]) -> Notes:
    """Return a note per raw column, empty where nothing is said; refuse what is said of none."""
    file = columns.file if isinstance(columns, Columns) else "columns"
    names = [column.name for column in raw]
    for name, table in columns.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ExportError(f"{file}: [{name}]: the pipeline takes no such column{hint}")
        if not isinstance(table, Mapping):
            raise ExportError(f"{file}: {name}: give a table, as [{name}] with keys below it")
    notes = tuple(Note(f"{file}: [{c.name}]", columns.get(c.name, {}), c) for c in raw)
    for note in notes:
        note.check()
    return Notes(notes)
