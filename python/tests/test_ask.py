"""What a pipeline refuses is found row by row, in few questions, and its features have names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from scored_export.ask import BATCH, asked

from .samples import as_raw, exported, fitted, forest, pipeline

ROWS = 20_000
NAMES = [f"x{i}" for i in range(8)]


class Strict:
    """Refuses a batch by a rule on its rows, and counts how often it is asked, and about how many rows."""

    def __init__(self, refused: Callable[[pd.DataFrame], Any]) -> None:
        self.refused = refused
        self.calls = self.rows = 0

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        self.calls += 1
        self.rows += len(frame)
        if self.refused(frame).any():
            raise ValueError("refused")
        p = frame["x1"].to_numpy() / 2
        return np.c_[1 - p, p]


def frame_of(rows: int = ROWS) -> pd.DataFrame:
    draw = np.random.default_rng(4)
    frame = pd.DataFrame(draw.random((rows, len(NAMES))), columns=NAMES)
    fuel = draw.choice(np.array(["petrol", "steam", "wood", "coal"], object), rows, p=[0.97, 0.01, 0.01, 0.01])
    return frame.assign(fuel=pd.Series(fuel, dtype=object), x3=np.where(draw.random(rows) < 0.01, np.nan, frame["x3"]))


def of_values(frame: pd.DataFrame) -> Any:
    return frame["x3"].isna() | frame["fuel"].isin(["steam", "wood"])


def of_two_at_once(frame: pd.DataFrame) -> Any:
    return frame["x3"].isna() & (frame["fuel"] != "petrol")


RULES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "values": of_values,
    "two values at once": of_two_at_once,
    "each for a value of its own": lambda frame: frame["x2"] > 0.99,
    "all": lambda frame: frame["x2"] >= 0,
    "the first": lambda frame: frame.index < 700,
    "none": lambda frame: frame["x2"] < 0,
}


@pytest.mark.parametrize("rows", [1, 2, BATCH - 1, BATCH, BATCH + 1, 3000])
@pytest.mark.parametrize("rule", RULES)
def test_every_row_is_answered_as_it_is_alone(rule: str, rows: int) -> None:
    frame = frame_of(rows)
    expected = np.where(RULES[rule](frame), np.nan, frame["x1"] / 2)
    for brief in (None, Strict(RULES[rule])):
        np.testing.assert_array_equal(asked(Strict(RULES[rule]), frame, 1, brief), expected)


def test_rows_refused_for_a_value_cost_about_one_question_each() -> None:
    frame, model, brief = frame_of(), Strict(of_values), Strict(of_values)
    refused = int(of_values(frame).sum())
    assert refused > 500
    assert np.isnan(asked(model, frame, 1, brief)).sum() == refused
    assert model.calls == 2, "all rows, then those that are taken"
    assert brief.calls < refused + ROWS / BATCH + 300
    assert brief.rows < 2 * ROWS


def test_rows_refused_for_a_value_each_cost_no_more_than_finding_them_by_halving() -> None:
    rule = RULES["each for a value of its own"]
    frame, brief = frame_of(), Strict(rule)
    refused = int(rule(frame).sum())
    asked(Strict(rule), frame, 1, brief)
    assert refused > 150
    assert brief.calls < 2 * refused * (np.log2(ROWS / refused) + 1) * 1.4


def test_a_value_that_is_refused_only_beside_another_is_none_to_suspect() -> None:
    frame, brief = frame_of(), Strict(of_two_at_once)
    refused = int(of_two_at_once(frame).sum())
    assert 2 < refused < 20
    asked(Strict(of_two_at_once), frame, 1, brief)
    assert brief.calls < 40 * refused + ROWS / BATCH


class Moody(Strict):
    """Takes no batch of more than ten rows, whatever they hold."""

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        if len(frame) > 10:
            raise ValueError("too many")
        return super().predict_proba(frame)


def test_a_model_that_refuses_batches_only_is_asked_in_parts() -> None:
    frame = frame_of(40)
    for brief in (None, Strict(RULES["none"])):
        np.testing.assert_array_equal(asked(Moody(RULES["none"]), frame, 1, brief), frame["x1"] / 2)


IDENTITY = FunctionTransformer()
NAMELESS: dict[str, Any] = {
    "first": Pipeline([("same", IDENTITY), ("forest", forest())]),
    "after columns": Pipeline(
        [
            ("columns", ColumnTransformer([("n", "passthrough", ["age"]), ("i", "passthrough", ["income"])])),
            ("same", IDENTITY),
            ("forest", forest()),
        ]
    ),
    "in columns": pipeline(("n", IDENTITY, ["age"]), ("i", make_pipeline(IDENTITY), ["income"])),
    "in a union": Pipeline([("union", FeatureUnion([("a", IDENTITY), ("b", "passthrough")])), ("forest", forest())]),
}
FEATURES = {
    "first": ["age", "income"],
    "after columns": ["n__age", "i__income"],
    "in columns": ["n__age", "i__income"],
    "in a union": ["a__age", "a__income", "b__age", "b__income"],
}


@pytest.mark.parametrize("name", FEATURES)
def test_a_function_that_does_nothing_keeps_the_columns_names(name: str, tmp_path: Path) -> None:
    model, rows = fitted(NAMELESS[name], ["age", "income"])
    written = exported(model, rows, tmp_path)
    assert written.manifest["members"][0]["features"] == FEATURES[name]
    np.testing.assert_array_equal(written.probabilities(as_raw(rows)), model.predict_proba(rows)[:, 1])
    assert all(step.feature_names_out is None for _, step in model.steps if isinstance(step, FunctionTransformer))


def test_columns_that_are_encoded_and_kept_have_names(tmp_path: Path) -> None:
    columns = ColumnTransformer([("hot", OneHotEncoder(), ["channel"])], remainder="passthrough")
    model, rows = fitted(make_pipeline(columns, FunctionTransformer(), forest()), ["channel", "age"])
    features = exported(model, rows, tmp_path).manifest["members"][0]["features"]
    assert features == ["hot__channel_phone", "hot__channel_web", "remainder__age"]
