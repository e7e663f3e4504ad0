"""Golden rows hurt: an evaluator that is nearly right fails on them."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, MaxAbsScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from scored_export import ExportError
from scored_export.golden import BEYOND, EXTREMES, FLOAT32_MAX
from scored_export.inverse import beside, crossings
from scored_export.reference import Array, Bundle, Forest

from .samples import answer, exported, fitted, pipeline

TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def model_and_rows() -> tuple[Any, pd.DataFrame]:
    return fitted(
        pipeline(
            ("region", OneHotEncoder(handle_unknown="ignore", min_frequency=30), ["region"]),
            ("fuel", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["fuel"]),
            ("age", SimpleImputer(), ["age"]),
            ("channel", OneHotEncoder(), ["channel"]),
            ("n", "passthrough", ["visits", "income", "seats", "doors"]),
        )
    )


@pytest.fixture(scope="module")
def bundle(model_and_rows: tuple[Any, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return exported(*model_and_rows, tmp_path_factory.mktemp("golden"), golden=300)


def failures(bundle: Bundle) -> int:
    rows = bundle.golden()
    expected = np.array([np.nan if p is None else p for _, p in rows])
    got = bundle.probabilities(row for row, _ in rows)
    refusals = np.isnan(got) != np.isnan(expected)
    return int((refusals | (np.abs(got - expected) > TOLERANCE)).sum())


def test_the_reference_evaluator_passes(bundle: Bundle) -> None:
    assert failures(bundle) == 0


def test_an_infinite_number_is_refused_though_the_pipeline_answers(tmp_path: Path) -> None:
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    mixed = make_pipeline(SimpleImputer(strategy="most_frequent"), codes)
    model, rows = fitted(pipeline(("both", mixed, ["region", "seats"]), ("age", "passthrough", ["age"])))
    rows.loc[0, "seats"] = np.inf
    assert not np.isnan(answer(model, rows.iloc[[0]]))
    written = exported(model, rows, tmp_path, golden=400)
    infinite = [p for row, p in written.golden() if row["seats"] in (np.inf, -np.inf)]
    assert len(infinite) > 1, "one of the rows, and one made"
    assert set(infinite) == {None}
    assert failures(written) == 0
    rows["seats"] = np.inf
    with pytest.raises(ExportError, match="every row that the pipeline takes holds an infinite number"):
        exported(model, rows, tmp_path)


class NoCast(Forest):
    def cast(self, x: Array) -> Array:
        return x


class NearestThreshold(Forest):
    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.threshold = self.threshold.astype(np.float32).astype(np.float64)


class UpwardThreshold(Forest):
    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        nearest = self.threshold.astype(np.float32)
        up = np.where(nearest < self.threshold, np.nextafter(nearest, np.float32(np.inf)), nearest)
        self.threshold = up.astype(np.float64)


class StrictlyLess(Forest):
    def goes_left(self, x: Array, node: Array) -> Array:
        return np.where(np.isnan(x), self.missing_left[node], x < self.threshold[node])


class MissingFlipped(Forest):
    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.missing_left = ~self.missing_left


class MissingRight(Forest):
    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.missing_left = np.zeros_like(self.missing_left)


class MissingIsZero(Forest):
    def cast(self, x: Array) -> Array:
        return np.nan_to_num(super().cast(x), nan=0.0)


class TreeLost(Forest):
    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.sizes = self.sizes[:-1]


@pytest.mark.parametrize(
    "mutant",
    [NoCast, NearestThreshold, UpwardThreshold, StrictlyLess, MissingFlipped, MissingRight, MissingIsZero, TreeLost],
)
def test_a_forest_that_is_nearly_right_fails(mutant: type[Forest], bundle: Bundle) -> None:
    broken = Bundle(bundle.folder)
    broken.members[0].forest = mutant((bundle.folder / "forest.bin").read_bytes())
    assert failures(broken) > 0


def swapped_blocks(b: Bundle) -> None:
    blocks = b.members[0].blocks
    blocks[-1], blocks[-2] = blocks[-2], blocks[-1]


def swapped_columns(b: Bundle) -> None:
    for block in b.members[0].blocks:
        block["column"] = {"visits": "income", "income": "visits"}.get(block["column"], block["column"])


def step(b: Bundle, column: str) -> dict[str, Any]:
    found: dict[str, Any] = next(block for block in b.members[0].blocks if block["column"] == column)["steps"][-1]
    return found


def swapped_slots(b: Bundle) -> None:
    first, second = step(b, "region")["categories"][:2]
    first["slot"], second["slot"] = second["slot"], first["slot"]


def unknown_as_first(b: Bundle) -> None:
    step(b, "region")["unknown"] = {"action": "slot", "slot": 0}


def unknown_taken(b: Bundle) -> None:
    step(b, "channel")["unknown"] = {"action": "zeros"}


def missing_as_unknown(b: Bundle) -> None:
    step(b, "fuel")["missing"] = {"action": "code", "code": 3.0}


def category_forgotten(b: Bundle) -> None:
    step(b, "fuel")["categories"].pop(1)


def imputed_otherwise(b: Bundle) -> None:
    step(b, "age")["number"] = 0.0


def all_nullable(b: Bundle) -> None:
    step(b, "channel")["missing"] = {"action": "zeros"}
    for column in b.contract:
        column["nullable"] = True


@pytest.mark.parametrize(
    "mutate",
    [
        swapped_blocks,
        swapped_columns,
        swapped_slots,
        unknown_as_first,
        unknown_taken,
        missing_as_unknown,
        category_forgotten,
        imputed_otherwise,
        all_nullable,
    ],
)
def test_a_transform_that_is_nearly_right_fails(mutate: Callable[[Bundle], None], bundle: Bundle) -> None:
    broken = Bundle(bundle.folder)
    mutate(broken)
    assert failures(broken) > 0


@pytest.mark.parametrize("text", ["missing", "nan", "None"])
def test_missing_text_is_not_a_word(text: str, bundle: Bundle) -> None:
    broken = Bundle(bundle.folder)
    rows = [({k: text if v is None and k == "fuel" else v for k, v in row.items()}, p) for row, p in broken.golden()]
    expected = np.array([np.nan if p is None else p for _, p in rows])
    assert not np.array_equal(broken.probabilities(row for row, _ in rows), expected, equal_nan=True)


def values(bundle: Bundle, column: str) -> list[Any]:
    return [row[column] for row, _ in bundle.golden()]


def test_values_stand_next_to_thresholds(bundle: Bundle) -> None:
    thresholds = set(bundle.members[0].forest.threshold[bundle.members[0].forest.feature >= 0])
    for column in ("visits", "income", "age"):
        exact = [v for v in values(bundle, column) if v in thresholds]
        assert exact, column
        assert any(np.nextafter(v, np.inf) in values(bundle, column) for v in exact)
        assert any(np.nextafter(v, -np.inf) in values(bundle, column) for v in exact)


def test_every_extreme_occurs_and_what_is_beyond_is_refused(bundle: Bundle) -> None:
    numbers = ("visits", "income", "age", "seats", "doors")
    present = {repr(row[c]) for row, _ in bundle.golden() for c in numbers}
    assert {repr(v) for v in (*EXTREMES, *BEYOND)} <= present
    for row, p in bundle.golden():
        if any(row[c] in BEYOND for c in numbers):
            assert p is None


def test_every_column_is_missing_somewhere(bundle: Bundle) -> None:
    for column in bundle.contract:
        alone = [p for row, p in bundle.golden() if row[column["name"]] is None]
        assert alone
        assert any(p is not None for p in alone) == column["nullable"]
    assert any(all(v is None for v in row.values()) for row, _ in bundle.golden())


def test_every_category_occurs_and_unknown_ones(bundle: Bundle) -> None:
    for column in ("region", "fuel", "channel"):
        known = {c["text"] for c in step(bundle, column)["categories"]}
        present = {v for v in values(bundle, column) if v is not None}
        assert known <= present
        assert present - known


def test_probabilities_are_the_pipelines_own(bundle: Bundle, model_and_rows: tuple[Any, pd.DataFrame]) -> None:
    model, _ = model_and_rows
    with (bundle.folder / "golden.csv").open(newline="", encoding="utf-8") as file:
        for record in csv.DictReader(file):
            stated = record.pop("probability")
            row = {
                c["name"]: pd.Series(
                    [
                        (record[c["name"]] if c["type"] == "text" else float(record[c["name"]]))
                        if record[c["name"]]
                        else np.nan
                    ],
                    dtype=object if c["type"] == "text" else float,
                )
                for c in bundle.contract
            }
            said = answer(model, pd.DataFrame(row))
            assert stated == ("refused" if np.isnan(said) else repr(said))


def test_rows_are_distinct_and_within_the_limit(bundle: Bundle) -> None:
    rows = bundle.golden()
    assert 200 < len(rows) <= 300
    assert bundle.manifest["golden"] == {"rows": len(rows), "tolerance": TOLERANCE}
    assert len({tuple(map(repr, row.values())) for row, _ in rows}) == len(rows)


def test_the_choice_is_reproducible(model_and_rows: tuple[Any, pd.DataFrame], bundle: Bundle, tmp_path: Path) -> None:
    again = exported(*model_and_rows, tmp_path, golden=300)
    for file in ("golden.csv", "forest.bin"):
        assert (again.folder / file).read_bytes() == (bundle.folder / file).read_bytes()


def test_text_with_a_carriage_return_is_left_to_other_rows(tmp_path: Path) -> None:
    model, rows = fitted(
        pipeline(("fuel", OneHotEncoder(handle_unknown="ignore"), ["fuel"]), ("n", "passthrough", ["age"]))
    )
    rows.loc[::2, "fuel"] = "a\r\nb"
    assert "\r" not in (exported(model, rows, tmp_path).folder / "golden.csv").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Numbers that arithmetic changes on their way to the forest, and bins as codes and as a one-hot."""
    fit = fitted(
        pipeline(
            ("scaled", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
            ("share", MaxAbsScaler(), ["income"]),
            ("codes", KBinsDiscretizer(4, encode="ordinal", strategy="uniform"), ["seats"]),
            (
                "hot",
                make_pipeline(SimpleImputer(), KBinsDiscretizer(3, encode="onehot", strategy="uniform")),
                ["visits"],
            ),
        )
    )
    return exported(*fit, tmp_path_factory.mktemp("computed"), golden=300)


@pytest.mark.parametrize("mutant", [NoCast, NearestThreshold, UpwardThreshold])
def test_golden_rows_stand_next_to_thresholds_behind_arithmetic(mutant: type[Forest], computed: Bundle) -> None:
    assert failures(computed) == 0
    broken = Bundle(computed.folder)
    broken.members[0].forest = mutant((computed.folder / "forest.bin").read_bytes())
    assert failures(broken) > 0


def arithmetic(b: Bundle, op: str) -> list[dict[str, Any]]:
    found = [step for block in b.members[0].blocks for step in block["steps"] if step["op"] == op]
    assert found
    return found


def reciprocal(b: Bundle) -> None:
    for step in arithmetic(b, "divide"):
        step |= {"op": "multiply", "number": 1 / step["number"]}


def divisor_off(b: Bundle) -> None:
    for step in arithmetic(b, "divide"):
        step["number"] = float(np.nextafter(step["number"], np.inf))


def mean_off(b: Bundle) -> None:
    for step in arithmetic(b, "subtract"):
        step["number"] = float(np.nextafter(step["number"], np.inf))


def edges_off(b: Bundle) -> None:
    for step in arithmetic(b, "bin"):
        step["edges"] = [float(np.nextafter(edge, np.inf)) for edge in step["edges"]]


@pytest.mark.parametrize("mutate", [reciprocal, divisor_off, mean_off, edges_off])
def test_arithmetic_that_is_an_ulp_off_fails(mutate: Callable[[Bundle], None], computed: Bundle) -> None:
    broken = Bundle(computed.folder)
    mutate(broken)
    assert failures(broken) > 0


def test_edges_of_bins_have_rows_on_both_sides(computed: Bundle) -> None:
    for column in ("seats", "visits"):
        (edges,) = [
            b["steps"][-1 if column == "seats" else -2]["edges"]
            for b in computed.members[0].blocks
            if b["column"] == column
        ]
        present = {row[column] for row, _ in computed.golden()}
        assert any({edge, float(np.nextafter(edge, -np.inf))} <= present for edge in edges), column


@pytest.mark.parametrize("target", [0.5, -3.0, 0.0, 1e100])
@pytest.mark.parametrize("slope", [3.7, -0.2, 1e-200])
def test_crossings_are_found_to_the_last_bit(target: float, slope: float) -> None:
    def line(x: float) -> float:
        return (x - 7.1) * slope

    low, high = crossings(line, [target])
    assert np.nextafter(low, np.inf) == high or np.nextafter(high, np.inf) == low
    assert (line(low) >= target) != (line(high) >= target)


def test_what_is_never_reached_has_no_crossing() -> None:
    assert crossings(lambda x: min(max(x, 0.0), 1.0), [2.0, -1.0]) == []
    assert crossings(lambda x: x * 0.0, [0.0]) == []


@pytest.mark.parametrize("threshold", [0.1, 0.5, 1 / 3, -2.7182818, 123456789.123, 1e-42, 0.0, 16777219.0])
def test_values_beside_a_threshold_straddle_it(threshold: float) -> None:
    low, high, *others = beside(threshold)
    assert low <= threshold < high
    assert np.float32(low) == low
    assert np.nextafter(np.float32(low), np.float32(np.inf)) == np.float32(high)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        crossing = [v for v in others if (np.float32(v) <= threshold) != (v <= threshold)]
    assert crossing


def test_the_extremes_are_what_a_float32_holds() -> None:
    with np.errstate(over="ignore"):
        assert np.float32(FLOAT32_MAX) == np.finfo(np.float32).max
        assert all(np.isfinite(np.float32(v)) for v in EXTREMES if v != -1e300)
        assert all(np.isinf(np.float32(v)) for v in BEYOND)
