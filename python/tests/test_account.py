"""What became of the test rows is told: with it, who reads the gains knows of which rows they are."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder

from scored_export import Account, BundleError, Exported, ExportError, ExportWarning, bundle, cli, export_bundle
from scored_export.reference import Bundle

from .samples import exported, fitted, pipeline
from .test_programs import write_dataset

LIMITS = {"age": {"min": 20, "max": 60, "abnormal": "clip"}, "visits": {"max": 6, "abnormal": "missing"}}


@pytest.fixture
def fit() -> tuple[Any, pd.DataFrame]:
    model = pipeline(("region", OneHotEncoder(), ["region"]), ("n", "passthrough", ["income", "age", "visits"]))
    return fitted(model, ["region", "income", "age", "visits"])


def written(fit: tuple[Any, pd.DataFrame], folder: Path, **options: Any) -> Exported:
    return export_bundle(*fit, folder / "out", name="m", period="test", golden=20, **options)


def test_rows_that_all_get_a_score(fit: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    assert written(fit, tmp_path).account == Account(rows=200, scored=200, refused={}, changed={})


def test_every_row_is_accounted_for(fit: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    _, rows = fit
    rows.loc[:3, "region"] = "elsewhere"
    rows.loc[0, "age"] = 99.0  # no row that is scored
    rows.loc[4, "region"] = np.nan
    rows.loc[5:6, "income"] = -5.0
    account = written(fit, tmp_path, columns=LIMITS | {"income": {"min": 0}}).account
    assert account.refused == {
        "region is in no category": 4,
        "income is infinite or beyond its limits": 2,
        "region is missing": 1,
    }
    assert list(account.refused.values()) == [4, 2, 1], "the most frequent first"
    assert (account.rows, account.scored) == (200, 193)
    scored = rows[7:]
    clipped, lost = int((~scored["age"].between(20, 60)).sum()), int((scored["visits"] > 6).sum())
    assert account.changed == {"age is clipped": clipped, "visits is made missing": lost}
    assert clipped
    assert lost
    assert account.figures() == {
        "refused: region is in no category": 4,
        "refused: income is infinite or beyond its limits": 2,
        "refused: region is missing": 1,
        "age is clipped": clipped,
        "visits is made missing": lost,
    }


def test_no_figure_shows_a_value(fit: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    fit[1].loc[:40, "region"] = "ada@example.org"
    with pytest.warns(ExportWarning) as told:
        account = written(fit, tmp_path).account
    assert "ada" not in f"{account} {[str(w.message) for w in told]}"


@pytest.mark.parametrize(
    ("rows", "scored", "expected"),
    [
        (1000, 1000, []),
        (100, 100, []),
        (1000, 950, []),
        (1000, 949, ["51 of 1000 test rows are refused, most often because x is missing: "]),
        (99, 99, ["only 99 test rows are scored: "]),
        (200, 99, ["101 of 200 test rows are refused", "only 99 test rows are scored"]),
    ],
)
def test_too_many_refused_rows_and_too_few_scored_ones(rows: int, scored: int, expected: list[str]) -> None:
    refused = {"x is missing": rows - scored} if scored < rows else {}
    got = Account(rows, scored, refused, {}).warnings()
    assert len(got) == len(expected)
    assert all(text.startswith(begin) for text, begin in zip(got, expected, strict=True))


def test_export_warns(fit: tuple[Any, pd.DataFrame], tmp_path: Path) -> None:
    model, rows = fit
    rows.loc[:9, "region"] = "elsewhere"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written(fit, tmp_path)
    rows.loc[10, "region"] = "elsewhere"
    with pytest.warns(ExportWarning, match="11 of 200 test rows are refused, most often because region is in no cat"):
        written(fit, tmp_path)
    with pytest.warns(ExportWarning, match="only 99 test rows are scored"):
        written((model, rows[101:]), tmp_path)


def test_the_command_tells_what_became_of_the_rows(
    fit: tuple[Any, pd.DataFrame], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, rows = fit
    joblib.dump(model, tmp_path / "model.joblib")

    def told() -> tuple[str, str]:
        data = write_dataset(tmp_path / "rows.csv", rows, 0, ["2026-03-01"] * 200, [f"L{i}" for i in range(200)])
        arguments = [str(tmp_path / "model.joblib"), "--rows", str(data), "--name", "m", "--out", str(tmp_path / "out")]
        assert cli.main(arguments) == 0
        out, err = capsys.readouterr()
        return out.partition("\n")[2], err

    assert told() == ("200 of 200 test rows scored\n", "")
    rows.loc[:49, "region"] = "elsewhere"
    out, err = told()
    assert out == "150 of 200 test rows scored\n        50 refused: region is in no category\n"
    assert err.startswith("scored-export: WARNING: 50 of 200 test rows are refused")


@pytest.mark.parametrize("damage", ["text reaches the forest", ""])
def test_a_bundle_that_cannot_be_read_again_is_refused(
    damage: str, fit: tuple[Any, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: Any) -> None:
        raise BundleError(damage)

    if damage:
        monkeypatch.setattr(Bundle, "probabilities", unreadable)
    else:
        monkeypatch.setattr(bundle, "write_digest", lambda path, of: path.write_text("0\n", encoding="ascii"))
    with pytest.raises(ExportError, match=r"the bundle cannot be read again: .* please report it"):
        exported(*fit, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_refused_row_that_the_bundle_would_take_is_noticed(
    fit: tuple[Any, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also beyond the rows whose probabilities are compared."""
    model, rows = fit
    rows.loc[1, "region"] = "elsewhere"
    monkeypatch.setattr(bundle, "VERIFIED_ROWS", 2)
    monkeypatch.setattr(Bundle, "refusal", lambda *_: None)
    with pytest.raises(ExportError, match="row 1: the pipeline refuses it and the bundle would not"):
        exported(model, rows, tmp_path)
