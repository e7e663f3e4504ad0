"""CalibratedClassifierCV: the mean of its members, each a forest with a transform before it and a curve behind it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, OrdinalEncoder

from scored_export import ExportError, bundle, calibration
from scored_export.lower import lower
from scored_export.reference import Bundle

from .samples import TRAIN, answer, as_raw, exported, fitted, forest, leads, odd_rows, pipeline

VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
COLUMNS = ["region", "income", "age", "fuel"]


def before() -> Pipeline:
    return pipeline(
        ("region", OneHotEncoder(handle_unknown="ignore", min_frequency=20), ["region"]),
        ("fuel", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["fuel"]),
        ("n", SimpleImputer(strategy="median"), ["income", "age"]),
    )


def last_step(**options: Any) -> Pipeline:
    """A transform that the members share."""
    return Pipeline([before().steps[0], ("calibrated", CalibratedClassifierCV(forest(), **options))])


def around(**options: Any) -> CalibratedClassifierCV:
    """A transform of its own for each member."""
    return CalibratedClassifierCV(before(), **options)


class Prefit:
    """What is fitted first, and calibrated on other rows."""

    def __init__(self, inner: Any, **options: Any) -> None:
        self.inner, self.options = inner, options

    def fit(self, X: pd.DataFrame, y: Any) -> Any:
        half = len(X) // 2
        frozen = FrozenEstimator(self.inner.fit(X[:half], y[:half]))
        self.model = CalibratedClassifierCV(frozen, **self.options).fit(X[half:], y[half:])
        return self


MODELS: dict[str, tuple[Any, int]] = {
    "sigmoid, last step": (lambda: last_step(method="sigmoid", cv=3), 3),
    "isotonic, last step": (lambda: last_step(method="isotonic", cv=3), 3),
    "sigmoid, around": (lambda: around(method="sigmoid", cv=3), 3),
    "isotonic, around": (lambda: around(method="isotonic", cv=4), 4),
    "one member for all folds": (lambda: around(method="isotonic", cv=3, ensemble=False), 1),
    "one member for all folds, sigmoid": (lambda: last_step(method="sigmoid", cv=3, ensemble=False), 1),
    "prefit pipeline": (lambda: Prefit(before(), method="isotonic"), 1),
    "prefit forest": (lambda: Prefit(forest(), method="sigmoid"), 1),
    "extra trees": (
        lambda: CalibratedClassifierCV(make_pipeline(SimpleImputer(), ExtraTreesClassifier(7, max_depth=4))), 5
    ),
    "pipeline in a pipeline": (
        lambda: make_pipeline(
            SimpleImputer(),
            make_pipeline(MaxAbsScaler(), CalibratedClassifierCV(make_pipeline(SimpleImputer(), forest()))),
        ),
        5,
    ),
    "threads": (lambda: CalibratedClassifierCV(forest(n_jobs=2, n_estimators=30), method="isotonic", cv=2), 2),
}  # fmt: skip
ONLY_NUMBERS = {"prefit forest", "extra trees", "pipeline in a pipeline", "threads"}


def build(name: str) -> tuple[Any, pd.DataFrame, int]:
    make, members = MODELS[name]
    columns = ["income", "age", "visits"] if name in ONLY_NUMBERS else COLUMNS
    model, rows = fitted(make(), columns)
    return getattr(model, "model", model), rows, members


def check(model: Any, rows: pd.DataFrame, written: Bundle, positive: int, tolerance: float) -> None:
    """Compare the bundle with the model on rows and on odd ones."""
    expected = model.predict_proba(rows)[:, positive]
    np.testing.assert_allclose(written.probabilities(as_raw(rows)), expected, rtol=0, atol=tolerance)
    odd = odd_rows(rows, [c["name"] for c in written.contract][:2])
    said = [answer(model, odd.iloc[[i]], positive) for i in range(len(odd))]
    np.testing.assert_allclose(written.probabilities(as_raw(odd)), said, rtol=0, atol=tolerance, equal_nan=True)
    assert len(set(expected)) > 4


@pytest.mark.parametrize("name", MODELS)
def test_bundle_gives_what_the_model_gives(name: str, tmp_path: Path) -> None:
    model, rows, members = build(name)
    written = exported(model, rows, tmp_path, golden=60)
    files = ["forest.bin"] if members == 1 else [f"forest-{i}.bin" for i in range(1, members + 1)]
    assert [m["forest"] for m in written.manifest["members"]] == files
    methods = {m["calibration"]["method"] for m in written.manifest["members"]}
    # Threads sum in any order, and an exponential is rounded in any way.
    check(model, rows, written, 1, 0 if methods == {"isotonic"} and name != "threads" else 1e-12)


@pytest.mark.parametrize("name", ["sigmoid, last step", "prefit pipeline"])
def test_the_positive_class_may_be_the_first(name: str, tmp_path: Path) -> None:
    model, rows, members = build(name)
    written = exported(model, rows, tmp_path, positive="0", golden=60)
    assert written.manifest["positive"] == "0"
    assert [m["calibration"]["complement"] for m in written.manifest["members"]] == [True] * members
    check(model, rows, written, 0, 1e-12)


def test_members_around_a_pipeline_have_transforms_of_their_own(tmp_path: Path) -> None:
    model, rows, _ = build("sigmoid, around")
    written = exported(model, rows, tmp_path)
    medians = {
        block["steps"][0]["number"]
        for member in written.members
        for block in member.blocks
        if block["column"] == "income"
    }
    assert len(medians) == 3


def test_members_behind_one_transform_are_asked_for_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, rows, _ = build("sigmoid, last step")
    asked = []

    def counted(*args: Any) -> Any:
        asked.append(args)
        return lower(*args)

    monkeypatch.setattr(bundle, "lower", counted)
    written = exported(model, rows, tmp_path)
    assert len(asked) == 1
    first, *others = written.manifest["members"]
    assert all(other["transform"] == first["transform"] for other in others)


def test_a_category_that_one_fold_has_not_seen_refuses_the_row(tmp_path: Path) -> None:
    frame, y = leads()
    frame = frame[["age"]].assign(channel=np.where(np.arange(len(frame)) < 20, "rare", frame["channel"]))
    frame["channel"] = frame["channel"].astype(object)
    inner = pipeline(("channel", OneHotEncoder(), ["channel"]), ("n", "passthrough", ["age"]))
    parts = [(np.arange(0, 300), np.arange(300, 400)), (np.arange(100, 400), np.arange(0, 20))]
    X, labels = frame[:TRAIN], np.where(np.arange(TRAIN) < 20, np.arange(TRAIN) % 2, y[:TRAIN])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calibrator = CalibratedClassifierCV(inner, cv=[parts[0], (parts[1][0], parts[0][1])]).fit(X, labels)
    written = exported(calibrator, frame[TRAIN:], tmp_path, golden=60)
    assert "rare" in written.contract[1]["categories"], "one member knows it"
    assert np.isnan(written.probabilities([{"channel": "rare", "age": 40.0}])).all()


def test_golden_rows_tell_the_curve(tmp_path: Path) -> None:
    for name in ("sigmoid, last step", "isotonic, last step"):
        model, rows, _ = build(name)
        folder = exported(model, rows, tmp_path / name.split(",")[0]).folder
        for curve in (None, "complement", "swapped"):
            broken = Bundle(folder)
            if curve is None:
                broken.members[1].calibration = None
            elif curve == "complement":
                broken.members[1].calibration["complement"] = True  # type: ignore[index]
            else:
                first, second, *_ = broken.members
                first.calibration, second.calibration = second.calibration, first.calibration
            stated = [np.nan if p is None else p for _, p in broken.golden()]
            got = broken.probabilities(row for row, _ in broken.golden())
            assert np.nanmax(np.abs(got - stated)) > 1e-6, (name, curve)


def test_an_export_takes_away_the_forests_of_another(tmp_path: Path) -> None:
    model, rows, _ = build("isotonic, around")
    assert len(list(exported(model, rows, tmp_path).folder.glob("forest*"))) == 4
    model, rows, _ = build("prefit pipeline")
    assert [p.name for p in exported(model, rows, tmp_path).folder.glob("forest*")] == ["forest.bin"]


def test_a_bundle_whose_curve_is_off_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    curve = calibration.curve

    def off(*args: Any, **options: Any) -> Any:
        one = curve(*args, **options)
        return calibration.Sigmoid(one.a * (1 + 1e-9), one.b, one.complement)  # type: ignore[union-attr]

    monkeypatch.setattr(calibration, "curve", off)
    model, rows, _ = build("sigmoid, around")
    with pytest.raises(ExportError, match="the bundle gives"):
        exported(model, rows, tmp_path)


def three(X: pd.DataFrame, y: Any) -> Any:
    return CalibratedClassifierCV(forest(), cv=2).fit(X, np.arange(len(y)) % 3)


def one_class_fold(X: pd.DataFrame, y: Any) -> Any:
    model = CalibratedClassifierCV(forest(), cv=2).fit(X, y)
    model.calibrated_classifiers_[1].estimator = forest().fit(X, y * 0)
    return model


REFUSED: dict[str, tuple[Any, str]] = {
    "three classes": (three, "step 'forest' calibrates 3 classes: train it on two, the positive one against the rest"),
    "another model": (
        lambda X, y: CalibratedClassifierCV(LogisticRegression()).fit(X, y),
        "is a LogisticRegression.*RandomForestClassifier or an ExtraTreesClassifier",
    ),
    "another model in a pipeline": (
        lambda X, y: Pipeline(
            [("fill", SimpleImputer()), ("curve", CalibratedClassifierCV(LogisticRegression()))]
        ).fit(X, y),
        "step 'curve/1' is a LogisticRegression",
    ),
    "calibrated twice": (
        lambda X, y: CalibratedClassifierCV(CalibratedClassifierCV(forest(), cv=2), cv=2).fit(X, y),
        "step 'forest/1' is calibrated twice: calibrate the forest once",
    ),
    "not fitted": (lambda X, y: CalibratedClassifierCV(forest()), "step 'forest' is not fitted: call fit first"),
    "a fold of one class": (one_class_fold, "has seen one class only: use stratified folds, as cv=5 does"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_refused(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    frame, y = leads()
    X = frame[["age", "flag"]]
    with pytest.raises(ExportError, match=message):
        exported(make(X, y), X, tmp_path, positive="1")


@pytest.mark.skipif(VERSION < (1, 8), reason="scikit-learn calibrates by temperature since 1.8")
def test_temperature_is_refused(tmp_path: Path) -> None:
    frame, y = leads()
    X = frame[["age", "flag"]]
    model = CalibratedClassifierCV(forest(), method="temperature").fit(X, y)
    with pytest.raises(ExportError, match="calibrates by 'temperature', which a bundle cannot carry: use method='sigm"):
        exported(model, X, tmp_path)


@pytest.mark.skipif(VERSION >= (1, 8), reason="scikit-learn has taken cv='prefit' away in 1.8")
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_the_old_way_to_say_prefit(tmp_path: Path) -> None:
    frame, y = leads()
    X = frame[["age", "flag"]]
    model = CalibratedClassifierCV(forest().fit(X[:200], y[:200]), method="isotonic", cv="prefit")
    model.fit(X[200:400], y[200:400])
    written = exported(model, X[400:], tmp_path)
    np.testing.assert_array_equal(written.probabilities(as_raw(X[400:])), model.predict_proba(X[400:])[:, 1])


def test_more_folds_than_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "MAX_MEMBERS", 2)
    model, rows, _ = build("sigmoid, around")
    with pytest.raises(ExportError, match=r"holds 3 forests, and a bundle 2: use fewer folds .*, or ensemble=False"):
        exported(model, rows, tmp_path)


@pytest.mark.parametrize(
    ("calibrator", "message"),
    [
        ({"a_": np.inf, "b_": 0.0}, "its sigmoid is not finite"),
        ({"X_thresholds_": np.array([0.1, 0.1]), "y_thresholds_": np.array([0.0, 1.0])}, "do not ascend"),
        ({"X_thresholds_": np.array([np.inf]), "y_thresholds_": np.array([0.5])}, "do not ascend"),
        ({"X_thresholds_": np.array([0.1]), "y_thresholds_": np.array([np.nan])}, "leaves 0 to 1"),
        ({"X_thresholds_": np.array([0.1]), "y_thresholds_": np.array([1.5])}, "leaves 0 to 1"),
    ],
)
def test_curves_that_a_bundle_does_not_hold(calibrator: dict[str, Any], message: str) -> None:
    with pytest.raises(ExportError, match=f"step 'x': .*{message}"):
        calibration.curve("x", type("Calibrator", (), calibrator)(), complement=False)


@pytest.mark.parametrize("last", [forest(), CalibratedClassifierCV(forest(), cv=3)], ids=["forest", "calibrated"])
def test_refused_rows_are_found_by_one_tree_of_each_forest(last: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    strict = pipeline(("region", OneHotEncoder(), ["region"]), ("age", "passthrough", ["age"]))
    fit, rows = fitted(Pipeline([strict.steps[0], ("last", last)]), ["region", "age"])
    rows.loc[[3, 50, 51, 199], "region"] = "elsewhere"
    model = calibration.Model(fit, None)
    whole, batches = model._serial.predict_proba, []

    def counted(frame: pd.DataFrame) -> Any:
        batches.append(len(frame))
        return whole(frame)

    monkeypatch.setattr(model._serial, "predict_proba", counted)
    p = model.probabilities(rows)
    assert batches == [200, 196]
    np.testing.assert_array_equal(p, [answer(fit, rows.iloc[[i]]) for i in range(len(rows))])
