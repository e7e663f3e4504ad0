"""Reference figures: where a score stands, how the raw columns lie, and what the best rows hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scored_export import ExportError
from scored_export.columns import RawColumn
from scored_export.figures import TOPS, gains, histogram, positives_of

from .samples import exported, fitted, forest, leads


def numbers(values: list[float]) -> dict[str, Any]:
    return histogram(RawColumn("x", "number"), pd.Series(values, dtype="float64"))


def test_few_numbers_have_a_bin_each() -> None:
    assert numbers([0, 1, 1, 5, np.nan, 1]) == {
        "column": "x", "missing": 1, "edges": [0.0, 0.5, 3.0, 5.0], "counts": [1, 3, 1],
    }  # fmt: skip


def test_many_numbers_have_bins_of_about_equal_counts() -> None:
    draw = np.random.default_rng(1).lognormal(3, 2, 5000)
    h = numbers(draw.tolist())
    assert h["edges"] == sorted(set(h["edges"]))
    assert (h["edges"][0], h["edges"][-1]) == (draw.min(), draw.max())
    assert len(h["counts"]) == len(h["edges"]) - 1 == 20
    assert sum(h["counts"]) == 5000
    assert 200 <= min(h["counts"]) <= max(h["counts"]) <= 300
    np.testing.assert_array_equal(h["counts"], np.histogram(draw, h["edges"])[0])


def test_a_frequent_number_takes_several_bins_share() -> None:
    draw = np.r_[np.zeros(800), np.random.default_rng(1).exponential(1, 200)]
    h = numbers(draw.tolist())
    np.testing.assert_array_equal(h["counts"], np.histogram(draw, h["edges"])[0])
    assert h["counts"][0] >= 800


@pytest.mark.parametrize(
    ("values", "edges", "counts"),
    [
        ([], [], []),
        ([np.nan, np.nan], [], []),
        ([np.inf], [], []),
        ([7.0, 7.0], [7.0, 7.0], [2]),
        ([1.0, 2.0, np.inf, -np.inf], [1.0, 1.5, 2.0], [2, 2]),
        ([-1.7e308, 1.7e308], [-1.7e308, 0.0, 1.7e308], [1, 1]),
        ([1.0, np.nextafter(1.0, 2)], [1.0, np.nextafter(1.0, 2)], [2]),
    ],
    ids=str,
)
def test_odd_numbers(values: list[float], edges: list[float], counts: list[int]) -> None:
    h = numbers(values)
    assert (h["edges"], h["counts"]) == (edges, counts)


def test_text_is_counted_by_frequency() -> None:
    words = [f"w{i:02d}" for i in range(30) for _ in range(40 - i)] + ["a"] * 40
    h = histogram(RawColumn("x", "text"), pd.Series([*words, None, np.nan], dtype=object))
    assert h["missing"] == 2
    assert len(h["values"]) == 20
    assert h["values"][:3] == [{"text": "a", "count": 40}, {"text": "w00", "count": 40}, {"text": "w01", "count": 39}]
    assert sum(v["count"] for v in h["values"]) + h["other"] == len(words)


def test_gains_are_the_share_of_the_positives_in_the_best_part() -> None:
    p = np.linspace(1, 0, 200)
    truth = np.zeros(200)
    truth[[0, 1, 3, 30]] = 1
    told = gains(p, truth)
    assert told is not None
    assert told["positives"] == 4
    assert [c["top"] for c in told["captured"]] == list(TOPS) == [0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5]
    assert [c["share"] for c in told["captured"]] == [0.5, 0.75, 0.75, 0.75, 0.75, 1.0, 1.0, 1.0]


def test_rows_of_equal_probability_rank_as_they_came() -> None:
    truth = np.array([0.0] * 50 + [1.0] * 50)
    told = gains(np.full(100, 0.5), truth)
    assert told is not None
    assert [c["share"] for c in told["captured"]] == [0.0] * 8
    told = gains(np.full(100, 0.5), truth[::-1])
    assert told is not None
    assert told["captured"][-1]["share"] == 1.0


def test_rows_without_a_label_count_in_no_gain() -> None:
    told = gains(np.array([0.9, 0.8, 0.7, 0.6]), np.array([np.nan, 1.0, 0.0, 1.0]))
    assert told is not None
    assert told["positives"] == 2
    assert gains(np.array([0.9]), np.array([np.nan])) is None
    assert gains(np.array([0.9, 0.1]), np.array([0.0, 0.0])) is None


@pytest.mark.parametrize(
    ("labels", "classes", "index", "expected"),
    [
        (pd.Series([0, 1]), [0, 1], 1, [0, 1]),
        (pd.Series([0.0, 1.0, np.nan]), [0, 1], 1, [0, 1, np.nan]),
        (pd.Series([0, 1]), [False, True], 0, [1, 0]),
        (pd.Series(["won", "lost", None], dtype=object), ["lost", "open", "won"], 2, [1, 0, np.nan]),
    ],
)
def test_labels_are_known_by_class(labels: Any, classes: list[Any], index: int, expected: list[float]) -> None:
    np.testing.assert_array_equal(positives_of(labels, labels.index, np.array(classes), index), expected)


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ExportError, match="there are 2 labels for 3 rows"):
        positives_of(pd.Series([0, 1]), pd.RangeIndex(3), np.array([0, 1]), 1)
    with pytest.raises(
        ExportError, match=r"row 1, of type int, is none of .* classes, 0, 1 of type int: give"
    ) as caught:
        positives_of(pd.Series([0, 4711]), pd.RangeIndex(2), np.array([0, 1]), 1)
    assert "4711" not in str(caught.value)


def test_labels_in_another_order_than_the_rows_are_refused() -> None:
    classes, rows = np.array([0, 1]), pd.Index([7, 3, 5])
    with pytest.raises(ExportError, match=r"rows' index in another order: give labels.loc\[rows.index\]"):
        positives_of(pd.Series([0, 0, 1], index=[3, 5, 7]), rows, classes, 1)
    for index in (rows, [0, 1, 2], [7, 3, 4], [3, 3, 7]):
        assert positives_of(pd.Series([1, 0, 0], index=index), rows, classes, 1).tolist() == [1, 0, 0]


def test_figures_are_of_the_rows_that_were_scored(tmp_path: Path) -> None:
    model, rows = fitted(forest(), ["age", "income"])
    labels = pd.Series(leads()[1][400:])
    rows.loc[:9, "age"] = np.inf
    written = exported(model, rows, tmp_path, labels=labels)
    figures = written.manifest["reference"]
    assert figures["rows"] == len(rows) - 10
    assert [h["column"] for h in figures["histograms"]] == ["age", "income"]
    for h in figures["histograms"]:
        assert sum(h["counts"]) + h["missing"] == figures["rows"]
    assert figures["histograms"][1]["missing"] == int(rows["income"][10:].isna().sum())
    assert figures["gains"]["positives"] == int(labels[10:].sum())
    ranked = labels[10:].to_numpy()[np.argsort(-model.predict_proba(rows[10:])[:, 1], kind="stable")]
    assert figures["gains"]["captured"][-1] == {"top": 0.5, "share": ranked[:95].sum() / ranked.sum()}
