"""A bundle has no more golden rows than scored takes of its model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from scored_export import ExportError, bundle
from scored_export.reference import Bundle, Forest

from .samples import exported, fitted, forest, pipeline


def before() -> Pipeline:
    return pipeline(
        ("region", OneHotEncoder(handle_unknown="ignore", min_frequency=20), ["region"]),
        ("n", SimpleImputer(), ["income", "age"]),
    )


MODELS: dict[str, Callable[[], Any]] = {
    "one forest": before,
    "members that share a transform": lambda: Pipeline(
        [before().steps[0], ("calibrated", CalibratedClassifierCV(forest(), cv=3))]
    ),
    "members with transforms of their own": lambda: CalibratedClassifierCV(before(), cv=3),
}


@pytest.fixture(scope="module", params=MODELS)
def model_and_rows(request: pytest.FixtureRequest) -> tuple[Any, pd.DataFrame]:
    return fitted(MODELS[request.param](), ["region", "income", "age"])


@pytest.fixture(scope="module")
def per_row(model_and_rows: tuple[Any, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """What a golden row takes at a load, reckoned from the files as docs/bundle.md words it."""
    written = exported(*model_and_rows, tmp_path_factory.mktemp("limits"), golden=80)
    assert written.manifest["golden"]["rows"] > 40, "without a narrower limit there are more"
    members = written.manifest["members"]
    plans = {json.dumps(m["transform"]): m for m in members}.values()
    return {
        "FEATURES": sum(len(m["features"]) for m in plans),
        "STEPS": sum(1 + len(block["steps"]) for m in plans for block in m["transform"]),
        "LEVELS": sum(levels(member.forest) for member in written.members),
    }


def levels(trees: Forest) -> int:
    """Return the nodes on the longest ways through all trees."""
    total, first = 0, 0
    for size in trees.sizes:
        depth = np.ones(size, int)
        for node in range(int(size)):
            if trees.feature[first + node] >= 0:
                depth[[trees.left[first + node], trees.right[first + node]]] = depth[node] + 1
        total += int(depth.max())
        first += int(size)
    return total


def written_with(model_and_rows: tuple[Any, pd.DataFrame], folder: Path) -> Bundle:
    return exported(*model_and_rows, folder, golden=80)


@pytest.mark.parametrize("limit", ["FEATURES", "STEPS", "LEVELS"])
def test_golden_rows_are_as_many_as_fit(
    limit: str,
    model_and_rows: tuple[Any, pd.DataFrame],
    per_row: dict[str, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bundle, f"MAX_GOLDEN_{limit}", 31 * per_row[limit] - 1)
    assert 15 < len(written_with(model_and_rows, tmp_path).golden()) <= 30


@pytest.mark.parametrize("limit", ["FEATURES", "STEPS", "LEVELS"])
def test_a_model_that_leaves_too_few_golden_rows_is_refused(
    limit: str,
    model_and_rows: tuple[Any, pd.DataFrame],
    per_row: dict[str, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bundle, f"MAX_GOLDEN_{limit}", 10 * per_row[limit] - 1)
    with pytest.raises(ExportError, match=r"scored takes 9 golden rows of a model of .*: group rare categories"):
        written_with(model_and_rows, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_golden_file_beyond_the_limit_is_not_written(
    model_and_rows: tuple[Any, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "MAX_GOLDEN_BYTES", 1000)
    with pytest.raises(ExportError, match=r"golden\.csv would have \d+ bytes, and 1000 are the most: ask for fewer"):
        written_with(model_and_rows, tmp_path)
    assert not list(tmp_path.iterdir())
