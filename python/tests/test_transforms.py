"""Every supported step and option gives what the pipeline gives, bit for bit, refusals included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder

from .samples import answer, as_raw, exported, fitted, forest, leads, odd_rows, pipeline, predicted

NUMBERS = ["age", "income", "visits"]


def constant(text: str = "none") -> SimpleImputer:
    return SimpleImputer(strategy="constant", fill_value=text)


def use(encoder: Any, column: str) -> Callable[[], Pipeline]:
    return lambda: pipeline(("encoder", encoder, [column]), ("rest", "passthrough", ["age", "visits"]))


def after(imputer: Any, encoder: Any, column: str) -> Callable[[], Pipeline]:
    return use(make_pipeline(imputer, encoder), column)


def numbers(step: Any, *columns: str) -> Callable[[], Pipeline]:
    return lambda: pipeline(("step", step, list(columns) or NUMBERS))


def hot(**options: Any) -> OneHotEncoder:
    return OneHotEncoder(**options)


def codes(**options: Any) -> OrdinalEncoder:
    return OrdinalEncoder(**options)


UNKNOWN: dict[str, Any] = {"handle_unknown": "use_encoded_value", "unknown_value": -1}

MODELS: dict[str, Callable[[], Any]] = {
    # imputers
    "mean": numbers(SimpleImputer()),
    "median": numbers(SimpleImputer(strategy="median")),
    "most frequent": numbers(SimpleImputer(strategy="most_frequent")),
    "constant": numbers(SimpleImputer(strategy="constant", fill_value=-7.25)),
    "constant by default": numbers(SimpleImputer(strategy="constant")),
    "strategy as function": numbers(SimpleImputer(strategy=np.max)),
    "indicator": numbers(SimpleImputer(add_indicator=True)),
    "indicator where training lacked values": numbers(
        SimpleImputer(add_indicator=True), "income", "age", "seats", "visits"
    ),
    "empty column left out": numbers(SimpleImputer(), "age", "empty", "income"),
    "empty column kept": numbers(SimpleImputer(keep_empty_features=True), "age", "empty", "income"),
    "empty column flagged": numbers(SimpleImputer(add_indicator=True), "empty", "age"),
    "empty column kept and flagged": numbers(
        SimpleImputer(add_indicator=True, keep_empty_features=True), "empty", "age"
    ),
    "imputed twice": numbers(make_pipeline(SimpleImputer(strategy="median"), SimpleImputer(add_indicator=True))),
    "imputer after passthrough": numbers(make_pipeline("passthrough", SimpleImputer())),
    "imputer alone": lambda: Pipeline([("imputer", SimpleImputer(add_indicator=True)), ("forest", forest())]),
    "text and numbers imputed together": lambda: pipeline(
        (
            "both",
            make_pipeline(SimpleImputer(strategy="most_frequent"), hot(handle_unknown="error")),
            ["fuel", "doors"],
        ),
        ("age", "passthrough", ["age"]),
    ),
    # one-hot
    "one-hot": use(hot(), "region"),
    "one-hot dense": use(hot(sparse_output=False), "region"),
    "one-hot float32": use(hot(dtype=np.float32), "region"),
    "one-hot, unknown ignored": use(hot(handle_unknown="ignore"), "region"),
    "one-hot, unknown infrequent": use(hot(handle_unknown="infrequent_if_exist", min_frequency=40), "region"),
    "one-hot, unknown infrequent without one": use(hot(handle_unknown="infrequent_if_exist"), "region"),
    "one-hot, unknown warned of": use(hot(handle_unknown="warn", min_frequency=40), "region"),
    "one-hot, few categories": use(hot(handle_unknown="ignore", max_categories=3), "region"),
    "one-hot, one category": use(hot(handle_unknown="ignore", max_categories=1), "region"),
    "one-hot, minimum share": use(hot(handle_unknown="infrequent_if_exist", min_frequency=0.2), "fuel"),
    "one-hot, first dropped": use(hot(drop="first"), "region"),
    "one-hot, first dropped, unknown ignored": use(hot(drop="first", handle_unknown="ignore"), "region"),
    "one-hot, one dropped by name": use(hot(drop=["south"], handle_unknown="ignore"), "region"),
    "one-hot, binary dropped": use(hot(drop="if_binary"), "channel"),
    "one-hot, binary dropped where there are more": use(hot(drop="if_binary"), "region"),
    "one-hot, dropped and infrequent": use(
        hot(drop="first", handle_unknown="infrequent_if_exist", min_frequency=100), "region"
    ),
    "one-hot, missing a category": use(hot(handle_unknown="ignore"), "fuel"),
    "one-hot, missing dropped": use(hot(drop=[np.nan], handle_unknown="ignore"), "fuel"),
    "one-hot, missing infrequent": use(hot(min_frequency=60, handle_unknown="infrequent_if_exist"), "fuel"),
    "one-hot, categories given": use(
        hot(categories=[["south", "north", "elsewhere"]], handle_unknown="ignore"), "region"
    ),
    "one-hot of numbers": use(hot(handle_unknown="ignore"), "seats"),
    "one-hot of numbers, missing a category": use(hot(handle_unknown="ignore", min_frequency=30), "doors"),
    "one-hot of numbers, strict": use(hot(drop="first"), "seats"),
    "one-hot of two columns": lambda: pipeline(
        ("two", hot(handle_unknown="ignore", min_frequency=30), ["fuel", "region"]), ("age", "passthrough", ["age"])
    ),
    "one-hot after imputer": after(constant(), hot(handle_unknown="ignore"), "fuel"),
    "one-hot after most frequent": after(SimpleImputer(strategy="most_frequent"), hot(), "fuel"),
    "one-hot after imputer with indicator": lambda: pipeline(
        ("fuel", ColumnTransformer([("hot", make_pipeline(constant(), hot()), ["fuel"])]), ["fuel"]),
        ("age", SimpleImputer(add_indicator=True), ["age", "visits"]),
    ),
    "one-hot after imputing an unknown": after(
        constant("?"), hot(categories=[["diesel"]], handle_unknown="ignore"), "fuel"
    ),
    "one-hot of imputed numbers": after(SimpleImputer(strategy="median"), hot(handle_unknown="ignore"), "doors"),
    # ordinal
    "ordinal": use(codes(), "region"),
    "ordinal, unknown a code": use(codes(**UNKNOWN), "region"),
    "ordinal, unknown NaN": use(codes(handle_unknown="use_encoded_value", unknown_value=np.nan), "region"),
    "ordinal, missing NaN": use(codes(**UNKNOWN), "fuel"),
    "ordinal, missing a code": use(codes(encoded_missing_value=-9, **UNKNOWN), "fuel"),
    "ordinal, missing unknown": use(codes(encoded_missing_value=-9, **UNKNOWN), "region"),
    "ordinal, infrequent": use(codes(min_frequency=60, **UNKNOWN), "fuel"),
    "ordinal, few categories": use(codes(max_categories=2, **UNKNOWN), "fuel"),
    "ordinal in int": use(codes(dtype=np.int32, **UNKNOWN), "region"),
    "ordinal of numbers": use(codes(**UNKNOWN), "doors"),
    "ordinal after imputer": after(constant(), codes(**UNKNOWN), "fuel"),
    "ordinal before imputer": after(codes(**UNKNOWN), SimpleImputer(strategy="median"), "fuel"),
    "ordinal before imputer with indicator": after(codes(**UNKNOWN), SimpleImputer(add_indicator=True), "fuel"),
    "ordinal of two columns": lambda: pipeline(("two", codes(**UNKNOWN), ["seats", "doors"])),
    # columns
    "all passed through": lambda: forest(),
    "forest alone in a pipeline": lambda: Pipeline([("forest", forest())]),
    "remainder passed through": lambda: pipeline(("fuel", hot(), ["fuel"]), remainder="passthrough"),
    "remainder imputed": lambda: pipeline(("fuel", hot(), ["fuel"]), remainder=SimpleImputer(add_indicator=True)),
    "dropped": lambda: pipeline(("no", "drop", ["seats"]), ("yes", "passthrough", ["visits", "age"])),
    "by index": lambda: pipeline(("last", "passthrough", [2, -10]), ("first", SimpleImputer(), [1])),
    "by slice of names": lambda: pipeline(("slice", "passthrough", slice("age", "visits"))),
    "by slice of indexes": lambda: pipeline(("slice", "passthrough", slice(2, None, -1))),
    "by mask": lambda: pipeline(("mask", "passthrough", [True, False, True] + [False] * 7)),
    "by selector": lambda: pipeline(
        ("text", hot(handle_unknown="ignore"), make_column_selector(dtype_include=object)),
        ("numbers", "passthrough", make_column_selector(dtype_include="float64")),
    ),
    "by function": lambda: pipeline(("some", "passthrough", lambda X: [c for c in X.columns if c.endswith("s")])),
    "no columns": lambda: pipeline(("none", hot(), []), ("some", "passthrough", ["age"])),
    "a column twice": lambda: pipeline(
        ("raw", "passthrough", ["seats", "age"]), ("hot", hot(handle_unknown="ignore"), ["seats"])
    ),
    "identity": lambda: pipeline(("same", FunctionTransformer(feature_names_out="one-to-one"), ["age", "income"])),
    "imputer after columns": lambda: Pipeline(
        [
            (
                "columns",
                ColumnTransformer([("hot", hot(handle_unknown="ignore"), ["region"])], remainder="passthrough"),
            ),
            ("imputer", SimpleImputer()),
            ("forest", forest()),
        ]
    ),
    "columns after columns": lambda: Pipeline(
        [
            (
                "first",
                ColumnTransformer([("hot", hot(sparse_output=False), ["region"]), ("n", "passthrough", NUMBERS)]),
            ),
            ("second", ColumnTransformer([("n", SimpleImputer(), [6, 5, 4]), ("hot", "passthrough", slice(0, 4))])),
            ("forest", forest()),
        ]
    ),
    "pandas between steps": lambda: Pipeline(
        [
            ("first", ColumnTransformer([("codes", codes(), ["region"]), ("n", SimpleImputer(), NUMBERS)])),
            ("second", ColumnTransformer([("n", "passthrough", ["n__income", "codes__region"])])),
            ("forest", forest()),
        ]
    ).set_output(transform="pandas"),
    "sparse": lambda: pipeline(
        ("hot", hot(handle_unknown="ignore"), ["region", "fuel", "seats"]),
        ("n", SimpleImputer(), ["visits"]),
        sparse_threshold=1.0,
    ),
    "sparse, missing refused by the forest": lambda: pipeline(
        ("hot", hot(handle_unknown="ignore"), ["region", "fuel", "doors"]),
        ("n", "passthrough", ["age"]),
        sparse_threshold=1.0,
    ),
    "sparse, unknown refused by the forest": lambda: pipeline(
        ("hot", hot(handle_unknown="ignore"), ["fuel", "seats"]),
        ("code", codes(handle_unknown="use_encoded_value", unknown_value=np.nan), ["region"]),
        sparse_threshold=1.0,
    ),
}

ONLY_NUMBERS = {"all passed through", "forest alone in a pipeline", "imputer alone"}
WITHOUT_TEXT = {
    "remainder passed through": ["age", "fuel", "visits"],
    "remainder imputed": ["income", "fuel", "age"],
    "imputer after columns": ["visits", "region", "age"],
    "by selector": ["age", "fuel", "income", "region"],
}


@pytest.mark.parametrize("name", MODELS)
def test_bundle_gives_what_the_pipeline_gives(name: str, tmp_path: Path) -> None:
    columns = [*NUMBERS, "seats"] if name in ONLY_NUMBERS else WITHOUT_TEXT.get(name)
    model, rows = fitted(MODELS[name](), columns)
    bundle = exported(model, rows, tmp_path)

    used = sorted({block["column"] for block in bundle.members[0].blocks})
    odd = odd_rows(rows, used)
    expected = [answer(model, odd.iloc[[i]]) for i in range(len(odd))]
    np.testing.assert_array_equal(bundle.probabilities(as_raw(odd)), expected)
    np.testing.assert_array_equal(bundle.probabilities(as_raw(rows)), predicted(model, rows))
    assert np.isnan(expected).any(), "odd rows that the pipeline refuses are part of the test"


def steps(name: str, tmp_path: Path) -> dict[str, Any]:
    model, rows = fitted(MODELS[name]())
    return {block["column"]: block["steps"] for block in exported(model, rows, tmp_path).members[0].blocks}


def test_a_category_that_is_dropped_has_no_slot(tmp_path: Path) -> None:
    (table,) = steps("one-hot, first dropped", tmp_path)["region"]
    assert table["width"] == 3
    assert table["categories"][0] == {"text": "north", "slot": -1}
    assert table["unknown"] == table["missing"] == {"action": "refuse"}


def test_infrequent_categories_share_a_slot_with_unknown_ones(tmp_path: Path) -> None:
    (table,) = steps("one-hot, unknown infrequent", tmp_path)["region"]
    assert table["categories"][-1] == {"text": "öst", "slot": 1} or table["width"] <= 4
    assert table["unknown"] == {"action": "slot", "slot": table["width"] - 1}


def test_a_number_that_is_a_category_stays_a_number(tmp_path: Path) -> None:
    (table,) = steps("one-hot of numbers", tmp_path)["seats"]
    assert [c["number"] for c in table["categories"]] == [2, 4, 5, 7, 9]


def test_an_imputer_after_an_encoder_moves_into_its_table(tmp_path: Path) -> None:
    (table,) = steps("ordinal before imputer", tmp_path)["fuel"]
    assert table["missing"]["action"] == "code"


def test_what_a_later_step_refuses_is_refused(tmp_path: Path) -> None:
    (table,) = steps("sparse, unknown refused by the forest", tmp_path)["region"]
    assert table["unknown"] == {"action": "refuse"}


@pytest.mark.parametrize(
    ("name", "columns", "nullable"),
    [
        ("all passed through", [*NUMBERS, "seats"], {"age", "income", "visits", "seats"}),
        ("one-hot", None, {"age", "income", "visits", "seats", "doors", "flag", "fuel", "channel", "empty"}),
        ("one-hot, missing a category", ["fuel", "age", "visits"], {"fuel", "age", "visits"}),
        ("sparse, missing refused by the forest", ["region", "fuel", "doors", "age"], {"region", "fuel", "doors"}),
    ],
)
def test_a_column_is_nullable_if_the_pipeline_answers_without_it(
    name: str, columns: list[str] | None, nullable: set[str], tmp_path: Path
) -> None:
    model, rows = fitted(MODELS[name](), columns)
    contract = exported(model, rows, tmp_path).contract
    assert {c["name"] for c in contract if c["nullable"]} == nullable


@pytest.mark.parametrize("dtype", ["float32", "int64", "int8", "bool", "Float64", "Int64", "boolean", object])
def test_number_columns_of_any_dtype_are_numbers(dtype: Any, tmp_path: Path) -> None:
    frame, y = leads()
    frame = frame[["age", "flag"]].assign(flag=lambda f: f["flag"].astype("int64").astype(dtype))
    model = forest().fit(frame[:400], y[:400])
    bundle = exported(model, frame[400:], tmp_path)
    assert [c["type"] for c in bundle.contract] == ["number", "number"]


@pytest.mark.parametrize("dtype", ["str", "string", "category", object])
def test_text_columns_of_any_dtype_are_text(dtype: Any, tmp_path: Path) -> None:
    frame, y = leads()
    frame = frame[["fuel", "age"]].assign(fuel=lambda f: f["fuel"].where(f["fuel"].notna(), None).astype(dtype))
    frame["fuel"] = (
        frame["fuel"].fillna("none") if dtype != "category" else frame["fuel"].cat.add_categories("none").fillna("none")
    )
    model = pipeline(("hot", hot(handle_unknown="ignore"), ["fuel"]), remainder="passthrough").fit(frame[:400], y[:400])
    bundle = exported(model, frame[400:], tmp_path)
    assert [c["type"] for c in bundle.contract] == ["text", "number"]


def test_missing_text_is_what_training_saw(tmp_path: Path) -> None:
    frame, y = leads()
    frame = frame[["fuel", "age"]].assign(fuel=lambda f: f["fuel"].where(f["fuel"].notna(), None).astype(object))
    model = pipeline(("hot", hot(), ["fuel"]), remainder="passthrough").fit(frame[:400], y[:400])
    bundle = exported(model, frame[400:], tmp_path)
    assert bundle.members[0].blocks[0]["steps"][0]["missing"]["action"] == "slot"

    without = frame[400:][frame["fuel"][400:].notna()]
    bundle = exported(model, without, tmp_path)
    assert bundle.members[0].blocks[0]["steps"][0]["missing"]["action"] == "slot"


def test_columns_are_taken_by_name(tmp_path: Path) -> None:
    model, rows = fitted(pipeline(("some", "passthrough", ["visits", "age"])), ["age", "income", "visits"])
    bundle = exported(model, rows[["visits", "age", "income"]].assign(more=1.0), tmp_path)
    assert [c["name"] for c in bundle.contract] == ["age", "income", "visits"]
    assert [b["column"] for b in bundle.members[0].blocks] == ["visits", "age"]
