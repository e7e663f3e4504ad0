"""The files of a bundle, and that a bundle which does not reproduce its pipeline is never written."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder

from scored_export import BundleError, ExportError, bundle, export_bundle
from scored_export.reference import Bundle
from scored_export.trees import Trees, trees_of

from .samples import TRAIN, as_raw, exported, fitted, forest, leads, pipeline

FILES = ("forest.bin", "golden.csv", "manifest.json", "manifest.sha256")
CREATED = datetime(2026, 5, 4, 15, 0, 0, 999, tzinfo=timezone(timedelta(hours=2)))


@pytest.fixture
def model_and_rows() -> tuple[Any, pd.DataFrame]:
    return fitted(pipeline(("region", OneHotEncoder(), ["region"]), ("n", "passthrough", ["income", "age"])))


def test_manifest(model_and_rows: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    model, rows = model_and_rows
    written = exported(
        model, rows, tmp_path, training={"roc_auc": 0.7}, created=CREATED, trained=CREATED, source="5eed-dirty"
    )
    manifest = written.manifest
    assert list(manifest) == [
        "format", "name", "created", "trained", "source", "kind", "versions", "training", "files", "contract",
        "members", "positive", "reference", "reasons", "grades", "golden",
    ]  # fmt: skip
    assert manifest["created"] == manifest["trained"] == "2026-05-04T13:00:00Z"
    assert manifest["source"] == "5eed-dirty"
    assert manifest["kind"] == "random_forest_classifier"
    assert set(manifest["versions"]) == {"python", "scikit-learn", "numpy", "pandas", "scored-export"}
    assert manifest["training"] == {"roc_auc": 0.7}
    assert [c["name"] for c in manifest["contract"]] == list(rows.columns)
    (member,) = manifest["members"]
    assert list(member) == ["forest", "transform", "features"]
    assert member["features"] == list(model[:-1].get_feature_names_out())
    assert manifest["reasons"] == {"phrases": [], "banned": []}
    assert manifest["positive"] == "1"
    assert manifest["grades"][-1]["min_score"] == 0
    for entry in manifest["files"]:
        data = (written.folder / entry["name"]).read_bytes()
        assert entry == {"name": entry["name"], "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def test_what_was_not_said_is_left_out(model_and_rows: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    manifest = exported(*model_and_rows, tmp_path).manifest
    assert "trained" not in manifest
    assert manifest["source"] == ""
    assert "gains" not in manifest["reference"]


def test_scores_are_places_in_the_test_period(model_and_rows: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    model, rows = model_and_rows
    written = exported(model, rows, tmp_path)
    p = written.probabilities(as_raw(rows))
    quantiles = written.manifest["reference"]["quantiles"]
    assert written.manifest["reference"]["rows"] == len(rows)
    assert (quantiles[0], quantiles[100]) == (p.min(), p.max())
    assert all(q in p for q in quantiles)
    assert [written.score(x) for x in (0.0, p.min(), p.max(), 1.0)] == [0, 0, 100, 100]
    assert 5 <= sum(written.score(x) >= 90 for x in p) / len(p) * 100 <= 15
    assert [written.grade(s) for s in (100, 90, 89, 0)] == ["A", "A", "B", "D"]


def test_rows_that_the_pipeline_refuses_are_no_part_of_the_distribution(
    model_and_rows: tuple[Any, pd.DataFrame], tmp_path: Path
) -> None:
    model, rows = model_and_rows
    rows.loc[[0, 7], "region"] = "elsewhere"
    assert exported(model, rows, tmp_path).manifest["reference"]["rows"] == len(rows) - 2


@pytest.mark.parametrize(("positive", "share"), [("won", 1), ("lost", 0)])
def test_the_positive_class_is_found_by_name(positive: str, share: int, tmp_path: Path) -> None:
    frame, y = leads()
    X = frame[["age", "income"]]
    model = forest(class_weight="balanced").fit(X[:TRAIN], np.where(y == 1, "won", "lost")[:TRAIN])
    written = exported(model, X[TRAIN:], tmp_path, positive=positive)
    np.testing.assert_array_equal(written.probabilities(as_raw(X[TRAIN:])), model.predict_proba(X[TRAIN:])[:, share])


@pytest.mark.parametrize("labels", [[0, 1], [False, True], [0.0, 1.0]])
def test_the_positive_class_of_two_numbers_is_the_larger(labels: list[Any], tmp_path: Path) -> None:
    frame, y = leads()
    model = forest().fit(frame[["age"]], np.array(labels)[y])
    assert exported(model, frame[["age"]], tmp_path).manifest["positive"] == str(labels[1])


@pytest.mark.parametrize(("labels", "positive"), [([0, 1], 0), ([0, 1], 1), ([False, True], True), ([1.0, 2.0], 1.0)])
def test_the_positive_class_may_be_given_as_training_had_it(labels: list[Any], positive: Any, tmp_path: Path) -> None:
    frame, y = leads()
    model = forest().fit(frame[["age"]], np.array(labels)[y])
    assert exported(model, frame[["age"]], tmp_path, positive=positive).manifest["positive"] == str(positive)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"golden": 0}, "golden is 0: ask for at least 10 golden rows"),
        ({"golden": 9}, "golden is 9: ask for at least 10 golden rows"),
        ({"source": None}, "source is a NoneType: give text, or leave it out"),
        ({"grades": [("A", 50), ("A", 0)]}, "grades need a name each"),
    ],
)
def test_what_scored_would_not_load_is_not_written(
    options: dict[str, Any], message: str, model_and_rows: tuple[Any, pd.DataFrame], tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=message):
        exported(*model_and_rows, tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_the_fewest_golden_rows(model_and_rows: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    assert 0 < len(exported(*model_and_rows, tmp_path, golden=10).golden()) <= 10


def test_a_bundle_that_does_not_reproduce_its_pipeline_is_not_written(
    model_and_rows: tuple[Any, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, rows = model_and_rows
    before = exported(model, rows, tmp_path).folder
    kept = {p.name: p.read_bytes() for p in before.iterdir()}

    def off_by_an_ulp(forest: Any, positive: int) -> Trees:
        trees = trees_of(forest, positive)
        leaf = int(np.flatnonzero((trees.feature < 0) & (trees.value > 0))[0])
        trees.value[leaf] = np.nextafter(trees.value[leaf], 1)
        return trees

    monkeypatch.setattr(bundle, "trees_of", off_by_an_ulp)
    with pytest.raises(ExportError, match=r"row \d+: the bundle gives 0\.\d+ and the pipeline 0\.\d+"):
        exported(model, rows, tmp_path)
    assert {p.name: p.read_bytes() for p in before.iterdir()} == kept
    assert list(tmp_path.iterdir()) == [before], "no scratch folder is left"


def test_two_exports_are_the_same_bytes(model_and_rows: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    model, rows = model_and_rows
    for name in ("a", "b"):
        export_bundle(model, rows, tmp_path / name, name="m", period="p", created=CREATED, golden=60)
    for file in FILES:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize("file", FILES)
def test_the_reference_reader_notices_a_changed_file(
    file: str, model_and_rows: tuple[Any, pd.DataFrame], tmp_path: Path
) -> None:
    folder = exported(*model_and_rows, tmp_path).folder
    data = bytearray((folder / file).read_bytes())
    data[40] ^= 1
    (folder / file).write_bytes(data)
    with pytest.raises(BundleError, match="manifest" if "manifest" in file else file):
        Bundle(folder)


def test_the_manifest_has_a_line_per_entry(model_and_rows: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    text = (exported(*model_and_rows, tmp_path).folder / "manifest.json").read_text(encoding="utf-8")
    assert '\n  {"name": "age", "type": "number", "nullable": true, "abnormal": "refuse"},\n' in text
    assert max(len(line) for line in text.splitlines()) < 140


def test_a_manifest_beyond_the_limit_is_not_written(
    model_and_rows: tuple[Any, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "MAX_MANIFEST", 3000)
    with pytest.raises(ExportError, match=r"the manifest would have \d+ bytes, and 3000 are the most: group rare"):
        exported(*model_and_rows, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_manifest_is_plain_json(model_and_rows: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    text = (exported(*model_and_rows, tmp_path).folder / "manifest.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    assert "öst" in text
    json.loads(text, parse_constant=pytest.fail)
