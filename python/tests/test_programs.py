"""The command, the training script and the script that writes the loader's test bundles."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import joblib
import make_testdata
import numpy as np
import pandas as pd
import pytest
import train_lead_scoring
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.preprocessing import OneHotEncoder

from scored_export import cli, read_columns
from scored_export.reference import Bundle, read_rows

from .samples import fitted, pipeline


def write_dataset(path: Path, X: pd.DataFrame, y: Any, as_of: list[str], keys: list[str]) -> Path:
    frame = X.copy()
    frame.insert(0, "lead_key", keys)
    frame.insert(0, "as_of", as_of)
    frame["converted"] = y
    frame.to_csv(path, index=False, lineterminator="\n")
    columns = [
        {"name": name, "type": "number" if pd.api.types.is_numeric_dtype(X[name]) else "text"} for name in X.columns
    ]
    meta = {"job": "lead_scoring", "key": "lead_key", "label": "converted", "sql_digest": "5eed", "columns": columns}
    path.with_name(path.name + ".json").write_text(json.dumps(meta), encoding="utf-8")
    return path


@pytest.fixture
def model(tmp_path: Path) -> tuple[Path, Path]:
    """Return the files of a model and of its rows."""
    fit, rows = fitted(pipeline(("region", OneHotEncoder(), ["region"]), ("n", "passthrough", ["income", "age"])))
    joblib.dump(fit, tmp_path / "model.joblib")
    n = len(rows)
    days = ["2026-03-01T00:00:00Z" if i % 2 else "2026-03-08T00:00:00Z" for i in range(n)]
    return tmp_path / "model.joblib", write_dataset(
        tmp_path / "rows.csv", rows, [0] * n, days, [f"L{i}" for i in range(n)]
    )


def test_command_writes_a_bundle(model: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pickled, rows = model
    out = tmp_path / "bundles" / "leads"
    assert (
        cli.main([str(pickled), "--rows", str(rows), "--name", "leads", "--out", str(out), "--grades", "hot=80,cold=0"])
        == 0
    )
    manifest = Bundle(out).manifest
    assert "trained" not in manifest, "the pickle's time would be that of its copy"
    assert manifest["source"] == ""
    assert "gains" not in manifest["reference"], "no row is positive"
    assert manifest["reference"]["period"] == "2026-03-01T00:00:00Z to 2026-03-08T00:00:00Z"
    assert manifest["training"] == {"job": "lead_scoring", "sql_digest": "5eed"}
    assert manifest["grades"] == [{"grade": "hot", "min_score": 80}, {"grade": "cold", "min_score": 0}]
    assert "equal to the pipeline on" in capsys.readouterr().out


def test_command_takes_words_and_origin(tmp_path: Path, model: tuple[Path, Path]) -> None:
    pickled, rows = model
    text = rows.read_text(encoding="utf-8").splitlines()
    rows.write_text("\n".join([text[0], *(line[:-1] + str(i % 2) for i, line in enumerate(text[1:]))]) + "\n")
    notes = tmp_path / "columns.toml"
    notes.write_text("[age]\nmin = 18\nmax = 90\nabnormal = 'clip'\nphrase = '{value} years old'\n")
    out = tmp_path / "out"
    arguments = [str(pickled), "--rows", str(rows), "--name", "m", "--out", str(out), "--columns", str(notes)]
    arguments += ["--trained", "2026-05-04T15:00:00+02:00", "--source", "5eed"]
    assert cli.main(arguments) == 0
    manifest = Bundle(out).manifest
    assert manifest["trained"] == "2026-05-04T13:00:00Z"
    assert manifest["source"] == "5eed"
    assert manifest["reference"]["gains"]["positives"] > 90
    assert manifest["reasons"]["phrases"] == [{"column": "age", "text": "{value} years old"}]
    assert [c.get("max") for c in manifest["contract"] if c["name"] == "age"] == [90]


def test_labels_of_another_kind_are_left_aside_on_demand(
    model: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pickled, rows = model
    head, *text = rows.read_text(encoding="utf-8").splitlines()
    rows.write_text("\n".join([head, *(line[:-1] + "7" for line in text)]) + "\n", encoding="utf-8")
    arguments = [str(pickled), "--rows", str(rows), "--name", "m", "--out", str(tmp_path / "out")]
    assert cli.main(arguments) == 1
    assert "is none of the model's classes, 0, 1" in capsys.readouterr().err
    assert cli.main([*arguments, "--no-gains"]) == 0
    assert "gains" not in Bundle(tmp_path / "out").manifest["reference"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["MODEL", "--rows", "ROWS", "--name", "m", "--out", "OUT", "--trained", "yesterday"],
            2,
            "give a time with its",
        ),
        (
            ["MODEL", "--rows", "ROWS", "--name", "m", "--out", "OUT", "--trained", "2026-05-04"],
            2,
            "give a time with its",
        ),
        (["MODEL", "--rows", "ROWS", "--name", "m", "--out", "OUT", "--columns", "no.toml"], 1, "no.toml"),
        (["MODEL", "--rows", "ROWS", "--name", "m", "--out", "OUT", "--columns", "ROWS"], 1, "rows.csv is not TOML"),
        (["MODEL", "--rows", "ROWS", "--name", "m"], 2, "--out"),
        (["MODEL", "--rows", "ROWS", "--name", "m", "--out", "OUT", "--grades", "A"], 2, "A=90,B=70"),
        (["MODEL", "--rows", "ROWS", "--name", "m", "--out", "OUT", "--sort"], 2, "--sort"),
        (["missing.joblib", "--rows", "ROWS", "--name", "m", "--out", "OUT"], 1, "missing.joblib"),
        (["MODEL", "--rows", "missing.csv", "--name", "m", "--out", "OUT"], 1, "missing.csv.json is missing"),
        (["MODEL", "--rows", "ROWS", "--name", "M", "--out", "OUT"], 1, "the name 'M'"),
        (["MODEL", "--rows", "ROWS", "--name", "m", "--out", "OUT", "--positive", "2"], 1, "positive class '2'"),
        (["ROWS", "--rows", "ROWS", "--name", "m", "--out", "OUT"], 1, "cannot be loaded"),
    ],
)
def test_command_says_what_is_wrong(
    arguments: list[str],
    code: int,
    message: str,
    model: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {"MODEL": str(model[0]), "ROWS": str(model[1]), "OUT": str(tmp_path / "out")}
    try:
        got = cli.main([places.get(a, a) for a in arguments])
    except SystemExit as stop:
        got = stop.code  # type: ignore[assignment]
    assert got == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_command_refuses_a_pickle_of_another_version(
    model: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(_: Path) -> Any:
        import warnings

        warnings.warn(
            InconsistentVersionWarning(
                estimator_name="Pipeline", current_sklearn_version="1.9.1", original_sklearn_version="0.24.2"
            ),
            stacklevel=1,
        )

    monkeypatch.setattr(joblib, "load", load)
    assert cli.main([str(model[0]), "--rows", str(model[1]), "--name", "m", "--out", str(tmp_path / "out")]) == 1
    assert "pickled by scikit-learn 0.24.2 and this is 1.9.1: export it where it was trained" in capsys.readouterr().err


def lead_history(path: Path, instants: int = 16, leads: int = 150) -> Path:
    """Write leads at weekly instants: some convert, for reasons seen and unseen."""
    draw = np.random.default_rng(5)
    start = datetime(2025, 12, 1, tzinfo=UTC)
    total = instants * leads
    X = pd.DataFrame({f"events_{i}d": draw.poisson(i % 7 + 1, total).astype(float) for i in range(1, 20)})
    X["days_since"] = np.where(draw.random(total) < 0.2, np.nan, draw.exponential(20, total))
    X["region"] = draw.choice(np.array(["north", "south", "NA", np.nan], object), total)
    X["campaign"] = [f"c{i:02d}" for i in draw.integers(0, 40, total)]
    X["never"] = np.nan
    chance = 0.02 + 0.25 * ((X["days_since"] < 8) & (X["events_3d"] > 4)) + 0.05 * (X["region"] == "south")
    y = (draw.random(total) < chance).astype(int)
    as_of = [(start + timedelta(weeks=i // leads)).strftime("%Y-%m-%dT%H:%M:%SZ") for i in range(total)]
    return write_dataset(path, X, y, as_of, [f"L{i % leads:06d}" for i in range(total)])


def test_training_prints_what_came_out_and_writes_a_bundle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_lead_scoring, "TREES", 20)
    out = tmp_path / "lead_scoring"
    assert train_lead_scoring.main([str(lead_history(tmp_path / "d.csv")), str(out), "--horizon-days", "14"]) == 0
    bundle = Bundle(out)
    told = bundle.manifest["training"]
    assert told["test_base_rate"] < 0.2
    assert told["roc_auc"] > 0.55
    gains = bundle.manifest["reference"]["gains"]
    assert [c["share"] for c in gains["captured"] if c["top"] == 0.1] > [0.1]
    assert bundle.manifest["source"].startswith("train_lead_scoring.py sha256:")
    assert bundle.manifest["trained"] <= bundle.manifest["created"]
    assert told["training_leads"] == told["test_leads"] == 150
    assert told["sql_digest"] == "5eed"
    assert bundle.manifest["reference"]["rows"] == told["test_rows"]
    printed = capsys.readouterr().out
    for figure in ("roc_auc", "captured_by_top_10%", "test_base_rate", "test rows scored", "trees, nodes", "bundle"):
        assert figure in printed
    assert sum(p.stat().st_size for p in out.iterdir()) < train_lead_scoring.MAX_BYTES


def test_a_forest_of_the_shipped_size_stays_below_the_limit() -> None:
    """37 bytes a node, and the golden rows and the manifest beside them."""
    nodes = train_lead_scoring.TREES * (2 * train_lead_scoring.LEAVES - 1)
    assert 37 * nodes < 0.85 * train_lead_scoring.MAX_BYTES


@pytest.mark.parametrize("horizon", [0, 14, 30])
def test_no_label_of_training_reaches_into_the_test_period(horizon: int) -> None:
    as_of = pd.Series(pd.date_range("2026-01-01", periods=20, freq="7D", tz="UTC").repeat(3))
    split = train_lead_scoring.split_by_time(as_of, pd.Timedelta(days=horizon), 0.3)
    begin = as_of[split.test].min()
    assert (as_of[split.train] + pd.Timedelta(days=horizon)).max() <= begin
    assert not (split.train & split.test).any()
    assert split.test.sum() == 18
    assert as_of[split.test].max() == as_of.max()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--horizon-days", "400"], 1, "the training period needs labels 0 and 1"),
        (["--test-share", "2"], 2, "--test-share"),
        (["--name", "Bad"], 1, "the name 'Bad'"),
    ],
)
def test_training_says_what_is_wrong(
    arguments: list[str], code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr(train_lead_scoring, "TREES", 2)
    data = lead_history(tmp_path / "d.csv")
    try:
        got = train_lead_scoring.main([str(data), str(tmp_path / "out"), *arguments])
    except SystemExit as stop:
        got = stop.code  # type: ignore[assignment]
    assert got == code
    assert message in capsys.readouterr().err


def test_the_loaders_bundles_are_reproducible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = {name: make_testdata.CASES[name] for name in ("single_leaves", "limits", "calibrated_sigmoid")}
    monkeypatch.setattr(make_testdata, "CASES", cases)
    for folder in ("a", "b"):
        monkeypatch.setattr(sys, "argv", ["make_testdata.py", str(tmp_path / folder)])
        make_testdata.main()
    written = [p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file()]
    assert len(written) == 5 * len(cases) + 2, "three forests of the calibrated one"
    for file in written:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize("name", make_testdata.CASES)
def test_the_loaders_bundles_as_they_stand(name: str) -> None:
    folder = make_testdata.FOLDER / name
    bundle = Bundle(folder)
    assert [c["name"] for c in bundle.contract] == make_testdata.CASES[name].columns
    assert sum(p.stat().st_size for p in folder.iterdir()) < (200_000 if name == "many_one_hot" else 60_000)
    tolerance = 1e-12 if "calibration" in bundle.manifest["members"][0] else 0.0
    for rows in (bundle.golden(), read_rows(folder.with_name(f"{name}.rows.csv"), bundle.contract)):
        expected = [np.nan if p is None else p for _, p in rows]
        got = bundle.probabilities(row for row, _ in rows)
        np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance, equal_nan=True)
        assert np.isnan(expected).any()


def test_the_samples_columns_file_is_the_scripts() -> None:
    """Every column has a phrase or is banned, and stands in the script; the shipped bundle says what the file says."""
    root = make_testdata.FOLDER.parents[2]
    said = read_columns(root / "sql" / "dataprep" / "lead_scoring_columns.toml")
    shipped = Bundle(root / "configs" / "bundles" / "lead_scoring")
    assert list(said) == [c["name"] for c in shipped.contract]
    assert all("phrase" in table or table.get("banned") for table in said.values())
    phrases = {p["column"]: p["text"] for p in shipped.manifest["reasons"]["phrases"]}
    assert phrases == {name: table["phrase"] for name, table in said.items() if "phrase" in table}
    assert shipped.manifest["reasons"]["banned"] == [name for name, table in said.items() if table.get("banned")]
    for column in shipped.contract:
        table = said[column["name"]]
        assert [column.get(key) for key in ("min", "max")] == [table.get(key) for key in ("min", "max")]
        if "abnormal" in table:
            assert column["abnormal"] == table["abnormal"]


def test_one_tree_may_be_a_single_leaf() -> None:
    sizes = Bundle(make_testdata.FOLDER / "single_leaves").members[0].forest.sizes
    assert sizes.min() == 1
    assert sizes.max() > 1
