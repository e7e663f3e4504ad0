"""The contract: what the pipeline implies, what the data scientist says over it, and what becomes of a raw value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from scored_export import ExportError, read_columns
from scored_export.columns import RawColumn
from scored_export.contract import Contract, Rule, contract_of
from scored_export.notes import notes_of
from scored_export.reference import Bundle

from .samples import as_raw, exported, fitted, forest, pipeline

FILLED = SimpleImputer(strategy="constant", fill_value="?")


def model() -> Pipeline:
    return pipeline(
        ("region", OneHotEncoder(handle_unknown="ignore"), ["region"]),
        ("fuel", make_pipeline(FILLED, OneHotEncoder(handle_unknown="ignore")), ["fuel"]),
        ("channel", OneHotEncoder(), ["channel"]),
        ("n", "passthrough", ["age", "income", "visits"]),
    )  # fmt: skip


COLUMNS = ["age", "income", "visits", "region", "fuel", "channel", "empty"]


@pytest.fixture(scope="module")
def fit() -> tuple[Any, pd.DataFrame]:
    return fitted(model(), COLUMNS)


def said(text: str, folder: Path) -> Any:
    path = folder / "columns.toml"
    path.write_text(text, encoding="utf-8")
    return read_columns(path)


def test_the_pipeline_implies_a_contract(fit: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    contract = {c.pop("name"): c for c in exported(*fit, tmp_path).contract}
    number = {"type": "number", "nullable": True, "abnormal": "refuse"}
    text = {"type": "text", "nullable": True, "abnormal": "pass"}
    assert contract["age"] == contract["income"] == contract["empty"] == number
    assert contract["region"] == text | {"categories": ["north", "south", 'w,e"s\nt', "öst"]}
    assert contract["fuel"] == text | {"categories": ["007", "?", "NA", "diesel", "petrol"]}
    assert contract["channel"] == text | {"nullable": False, "categories": ["phone", "web"]}


RULES = """
[age]
min = 30
max = 50.5
abnormal = "clip"
[income]
max = 40
abnormal = "missing"
[visits]
min = 1
max = 6
nullable = false
[region]
abnormal = "refuse"
[fuel]
abnormal = "missing"
categories = ["diesel", "petrol"]
"""


@pytest.fixture(scope="module")
def ruled(fit: tuple[Any, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("ruled")
    return exported(*fit, folder, columns=said(RULES, folder), golden=300)


NORMAL: dict[str, Any] = {"age": 40.0, "visits": 3.0, "region": "north", "fuel": "petrol"}


def asked(fit: tuple[Any, pd.DataFrame], **values: Any) -> float:
    """Return what the pipeline says of its first row with other values."""
    frame = fit[1].iloc[[0]].assign(**NORMAL)
    for name, value in values.items():
        frame[name] = pd.Series([value], index=frame.index, dtype=object if name in ("region", "fuel") else float)
    return float(fit[0].predict_proba(frame)[0, 1])


def bundled(fit: tuple[Any, pd.DataFrame], ruled: Bundle, **values: Any) -> float:
    (row,) = as_raw(fit[1].iloc[[0]].assign(**NORMAL))
    return float(ruled.probabilities([row | values])[0])


@pytest.mark.parametrize(
    ("raw", "admitted"),
    [
        ({"age": 29.0}, {"age": 30.0}),
        ({"age": 50.6}, {"age": 50.5}),
        ({"age": float("inf")}, {"age": 50.5}),
        ({"age": float("-inf")}, {"age": 30.0}),
        ({"age": None}, {"age": np.nan}),
        ({"income": 40.0}, {"income": 40.0}),
        ({"income": 40.001}, {"income": np.nan}),
        ({"income": -1e30}, {"income": -1e30}),
        ({"income": float("-inf")}, {"income": np.nan}),
        ({"fuel": "NA"}, {"fuel": np.nan}),
        ({"fuel": "unseen"}, {"fuel": np.nan}),
        ({"fuel": "diesel"}, {"fuel": "diesel"}),
        ({"visits": 6.0}, {"visits": 6.0}),
        ({"visits": 6.5}, None),
        ({"visits": 0.5}, None),
        ({"visits": None}, None),
        ({"visits": float("inf")}, None),
        ({"region": "unseen"}, None),
        ({"region": "South"}, None),
        ({"region": None}, {"region": np.nan}),
        ({"channel": None}, None),
        ({"empty": float("inf")}, None),
    ],
    ids=str,
)
def test_a_value_that_is_not_normal(
    raw: dict[str, Any], admitted: dict[str, Any] | None, fit: tuple[Any, pd.DataFrame], ruled: Bundle
) -> None:
    got = bundled(fit, ruled, **raw)
    if admitted is None:
        assert np.isnan(got)
    else:
        assert got == asked(fit, **admitted)


def test_the_rules_make_a_difference(fit: tuple[Any, pd.DataFrame], ruled: Bundle) -> None:
    assert bundled(fit, ruled, age=29.0) != asked(fit, age=10.0) or bundled(fit, ruled, age=90.0) != asked(
        fit, age=90.0
    )
    assert bundled(fit, ruled, fuel="petrol") != bundled(fit, ruled, fuel="NA")


def test_the_reference_counts_what_the_rules_let_through(fit: tuple[Any, pd.DataFrame], ruled: Bundle) -> None:
    rows = fit[1]
    scored = rows["visits"].between(1, 6)
    assert 0 < ruled.manifest["reference"]["rows"] == int(scored.sum()) < len(rows)
    ages = next(h for h in ruled.manifest["reference"]["histograms"] if h["column"] == "age")
    assert ages["edges"][0] == rows["age"][scored].min() < 30, "values count as they came"


def test_golden_rows_stand_at_the_limits_and_beyond(ruled: Bundle) -> None:
    golden = ruled.golden()
    for name, low, high in (("age", 30.0, 50.5), ("visits", 1.0, 6.0)):
        values = {row[name] for row, _ in golden}
        assert {low, high, np.nextafter(low, -np.inf), np.nextafter(high, np.inf)} <= values
    assert any(row["age"] == np.inf and p is not None for row, p in golden), "an infinite number is clipped"
    assert any(row["visits"] == np.nextafter(6.0, 7) and p is None for row, p in golden)


def without(key: str, value: Any) -> Any:
    def change(contract: list[dict[str, Any]]) -> None:
        for column in contract:
            if column.get(key) == value:
                column["abnormal" if key == "abnormal" else key] = {"clip": "refuse", "missing": "refuse"}.get(value)
                if key != "abnormal":
                    del column[key]

    return change


def passing(contract: list[dict[str, Any]]) -> None:
    for column in contract:
        column["abnormal"] = "pass" if column["type"] == "text" else column["abnormal"]


def nullable(contract: list[dict[str, Any]]) -> None:
    for column in contract:
        column["nullable"] = True


def swapped(contract: list[dict[str, Any]]) -> None:
    for column in contract:
        column["abnormal"] = {"missing": "clip", "clip": "missing"}.get(column["abnormal"], column["abnormal"])


@pytest.mark.parametrize(
    "change",
    [
        without("min", 30.0), without("max", 50.5), without("max", 40.0), without("max", 6.0), without("min", 1.0),
        without("abnormal", "clip"), without("abnormal", "missing"), passing, swapped, nullable,
    ],
    ids=[
        "min of clip", "max of clip", "max of missing", "max of refuse", "min of refuse", "clip", "missing", "pass",
        "swap", "nullable",
    ],
)  # fmt: skip
def test_an_evaluator_without_a_rule_fails_on_golden_rows(change: Any, ruled: Bundle) -> None:
    broken = Bundle(ruled.folder)
    change(broken.contract)
    stated = np.array([np.nan if p is None else p for _, p in broken.golden()])
    got = broken.probabilities(row for row, _ in broken.golden())
    assert not np.allclose(got, stated, rtol=0, atol=1e-9, equal_nan=True)


WORDS = """
[visits]
phrase = "visited {value} times"
one = "visited once"
zero = "did not visit"
missing = "visits unknown"
[region]
phrase = "lives in the {value}"
[age]
banned = true
[income]
banned = false
"""


class Counting:
    """Says the same of every row, and counts them."""

    def __init__(self) -> None:
        self.columns, self.asked = ["age", "fuel"], 0

    def probabilities(self, frame: pd.DataFrame) -> Any:
        self.asked += len(frame)
        return np.full(len(frame), 0.25)


ODD = pd.DataFrame({"age": [20.0, 90.0, 40.0, np.inf], "fuel": ["diesel", "lpg", "diesel", np.nan]}, dtype=object)
TWO = [
    Rule(RawColumn("age", "number"), True, "clip", 30.0, 50.0),
    Rule(RawColumn("fuel", "text"), False, "refuse", categories=("diesel",)),
]


def test_the_model_is_asked_again_about_changed_rows_only() -> None:
    oracle = Counting()
    frame = ODD.astype({"age": float})
    got = Contract(TWO, oracle).probabilities(frame, np.array([0.5, 0.5, 0.75, np.nan]))
    np.testing.assert_array_equal(got, [0.25, np.nan, 0.75, np.nan])
    assert oracle.asked == 1
    np.testing.assert_array_equal(Contract(TWO, oracle).probabilities(frame), [0.25, np.nan, 0.25, np.nan])
    assert oracle.asked == 3


def test_rows_stay_with_their_index() -> None:
    frame = ODD.astype({"age": float}).iloc[[3, 2, 1, 0]]
    rows, refused, changed = Contract(TWO, Counting()).admitted(frame)
    assert rows["age"].to_dict() == {3: 50.0, 2: 40.0, 1: 50.0, 0: 30.0}
    assert rows["fuel"].tolist()[1:] == ["diesel", "lpg", "diesel"]
    assert refused.tolist() == [True, False, True, False]
    assert changed.tolist() == [True, False, True, True]


def test_words_for_reasons(fit: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    reasons = exported(*fit, tmp_path, columns=said(WORDS, tmp_path)).manifest["reasons"]
    assert reasons == {
        "phrases": [
            {
                "column": "visits",
                "text": "visited {value} times",
                "one": "visited once",
                "zero": "did not visit",
                "missing": "visits unknown",
            },
            {"column": "region", "text": "lives in the {value}"},
        ],
        "banned": ["age"],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[agee]\nmin = 1", r"columns\.toml: \[agee\]: the pipeline takes no such column; did you mean age\?"),
        ("[xyz]\nmin = 1", r"columns\.toml: \[xyz\]: the pipeline takes no such column$"),
        ("age = 3", r"columns\.toml: age: give a table, as \[age\]"),
        ("[age]\nmaximum = 1", r"columns\.toml: \[age\] maximum: there is no such key; did you mean max\?"),
        ("[age]\nqqq = 1", r"\[age\] qqq: there is no such key; there are min, max, abnormal"),
        ("[age]\nmin = 'x'", r"\[age\] min: give a finite number"),
        ("[age]\nmax = inf", r"\[age\] max: give a finite number"),
        ("[age]\nmax = true", r"\[age\] max: give a finite number"),
        ("[age]\nmin = 3\nmax = 2", r"\[age\] min: it is above max"),
        ("[age]\nabnormal = 'clip'\nmin = 1", r"\[age\] abnormal: \"clip\" takes the nearer limit: give max, too"),
        ("[age]\nabnormal = 'clip'\nmax = 1", r"\[age\] abnormal: \"clip\" takes the nearer limit: give min, too"),
        ("[age]\nabnormal = 'pass'", r"\[age\] abnormal: 'pass' is no rule for number: give refuse, clip, missing"),
        ("[region]\nabnormal = 'clip'", r"\[region\] abnormal: 'clip' is no rule for text: give pass, refuse, missing"),
        ("[channel]\nabnormal = 'missing'", r"\[channel\] abnormal: .* and the pipeline refuses a row without this"),
        ("[age]\nabnormal = 'missing'\nnullable = false", r"\[age\] abnormal: .*, and nullable is false"),
        ("[channel]\nnullable = true", r"\[channel\] nullable: the pipeline refuses a row without it: train it with"),
        ("[age]\nnullable = 'no'", r"\[age\] nullable: give true or false"),
        ("[region]\nmin = 1", r"\[region\] min: it is for numbers, and the column holds text"),
        ("[region]\nzero = 'x'", r"\[region\] zero: it is for numbers, and the column holds text"),
        ("[age]\ncategories = ['x']", r"\[age\] categories: it is for text, and the column holds numbers"),
        ("[region]\ncategories = []", r"\[region\] categories: give a list of texts, none of them empty"),
        ("[region]\ncategories = ['a', '']", r"\[region\] categories: give a list of texts, none of them empty"),
        ("[region]\ncategories = ['a', 'a']", r"\[region\] categories: one comes twice"),
        ("[age]\nphrase = 3", r"\[age\] phrase: give a text, without spaces around it"),
        ("[age]\nphrase = ' x'", r"\[age\] phrase: give a text, without spaces around it"),
        ("[age]\nphrase = '{valeu} years'", r"\[age\] phrase: the only thing in braces is \{value\}, the raw value"),
        ('[age]\nphrase = "a\\nb"', r"\[age\] phrase: give one line of at most 120 characters"),
        ("[age]\nphrase = '" + "x" * 121 + "'", r"\[age\] phrase: give one line of at most 120 characters"),
        ("[age]\nzero = 'none'", r"\[age\] zero: it says something else for some values: give a phrase"),
        ("[age]\nphrase = 'x'\nmissing = '{value}'", r"\[age\] missing: a missing value has no \{value\} to show"),
        ("[channel]\nphrase = 'x'\nmissing = 'y'", r"\[channel\] missing: a row without this column is refused"),
        ("[age]\nbanned = 1", r"\[age\] banned: give true or false"),
        ("[age]\nmin = \n", r"columns\.toml is not TOML: .*line 2"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str, tmp_path: Path) -> None:
    raw = [RawColumn("age", "number"), RawColumn("region", "text"), RawColumn("channel", "text", nullable=False)]
    with pytest.raises(ExportError, match=message):
        understood(text, tmp_path, raw)


def understood(text: str, folder: Path, raw: list[RawColumn]) -> None:
    notes = notes_of(said(text, folder), raw)
    notes.reasons()
    contract_of(notes, [], Nobody())


class Nobody:
    def __init__(self) -> None:
        self.columns: list[str] = []

    def probabilities(self, frame: pd.DataFrame) -> Any:
        raise AssertionError("nobody is asked")


def test_nothing_is_written_where_something_is_wrong(fit: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    for text, message in (
        (
            "[age]\nmin = 1e9\nmax = 1e9\n[income]\nnullable = false",
            r"the contract refuses every row \(of 200, age refuses 200, income refuses \d+\): widen the limits in",
        ),
        (
            "[channel]\nabnormal = 'refuse'\ncategories = ['fax']\n[age]\nmin = 300\nmax = 400\nabnormal = 'clip'",
            r"the contract refuses every row \(of 200, channel refuses 200, age is clipped in 200\): widen",
        ),
        ("[empty]\nabnormal = 'pass'", r"columns\.toml: \[empty\] abnormal: 'pass' is no rule for number"),
    ):
        with pytest.raises(ExportError, match=message):
            exported(*fit, tmp_path / "out", columns=said(text, tmp_path))
    assert not (tmp_path / "out").exists()


def test_text_that_no_encoder_reads_has_no_categories(tmp_path: Path) -> None:
    fit = fitted(pipeline(("n", "passthrough", ["age"])), ["age", "region"])
    assert "categories" not in exported(*fit, tmp_path).contract[1]
    with pytest.raises(ExportError, match=r'columns: \[region\] abnormal: "refuse" is for text in no category, and no'):
        exported(*fit, tmp_path, columns={"region": {"abnormal": "refuse"}})
    column = exported(*fit, tmp_path, columns={"region": {"abnormal": "refuse", "categories": ["south"]}}).contract[1]
    assert column == {
        "name": "region", "type": "text", "nullable": True, "abnormal": "refuse", "categories": ["south"],
    }  # fmt: skip


def test_no_message_shows_a_value(fit: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        exported(*fit, tmp_path, columns={"region": {"categories": ["ada@example.org", "ada@example.org"]}})
    assert "ada" not in str(caught.value)


def test_limits_of_a_bare_forest(tmp_path: Path) -> None:
    model, rows = fitted(forest(), ["age", "income"])
    written = exported(model, rows, tmp_path, columns={"age": {"min": 20, "max": 60, "abnormal": "clip"}})
    clipped = rows.assign(age=rows["age"].clip(20, 60))
    assert not clipped.equals(rows)
    np.testing.assert_array_equal(written.probabilities(as_raw(rows)), model.predict_proba(clipped)[:, 1])
