"""The raw columns, and what is known of the rows in the types that `scored` holds them in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from scored_export import ExportError
from scored_export.columns import raw_columns, selected


class Picky:
    """Tells None from NaN in rows that have the flag."""

    def __init__(self) -> None:
        self.columns = ["flag", "word"]

    def probabilities(self, frame: pd.DataFrame) -> Any:
        none = np.array([v is None for v in frame["word"]])
        return np.where((frame["flag"] == 1) & none, 0.75, 0.5)


def test_what_is_said_is_said_of_the_rows_as_they_are_held() -> None:
    """The first row says that None and NaN are alike: NaN it is, also where they turn out not to be."""
    rows = pd.DataFrame({"flag": [0.0, 1.0, 1.0], "word": pd.Series(["x", None, np.nan], dtype=object)})
    _, frame, said = raw_columns(rows, Picky(), [])
    assert not any(v is None for v in frame["word"])
    assert said.tolist() == Picky().probabilities(frame).tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("name", "why"),
    [("", "a column has no name"), ("é" * 64, "has a name of 128 bytes, and Redshift's have at most 127: shorten it")],
)
def test_names_that_the_warehouse_cannot_give(name: str, why: str) -> None:
    rows = pd.DataFrame({"age": [1.0], name: [2.0]})
    with pytest.raises(ExportError, match=why):
        selected(rows, ["age", name])
    longest = rows.rename(columns={name: "a" * 127})
    assert list(selected(longest, ["age", "a" * 127])) == ["age", "a" * 127]
