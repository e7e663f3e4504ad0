"""A step whose class is one's own is refused by its own name, however it was written and wherever it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler

from scored_export import ExportError
from scored_export.refusals import check_step

from .samples import exported, fitted, forest, leads

COLUMNS = ["age", "seats"]


class Stateless(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    def fit(self, X: Any, y: Any = None) -> Any:
        return self

    def transform(self, X: Any) -> Any:
        return X


class Fitted(Stateless):
    def fit(self, X: Any, y: Any = None) -> Any:
        self.fitted_ = True
        return self


class Mixed(TransformerMixin):  # type: ignore[misc]
    """Has no BaseEstimator below it."""

    def fit(self, X: Any, y: Any = None) -> Any:
        return self

    def transform(self, X: Any) -> Any:
        return X


class Plain:
    """Has nothing below it."""

    def fit(self, X: Any, y: Any = None) -> Any:
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        return X

    def transform(self, X: Any) -> Any:
        return X


class First(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """Keeps the first column."""

    def fit(self, X: Any, y: Any = None) -> Any:
        self.width_ = X.shape[1]
        return self

    def _get_support_mask(self) -> Any:
        return np.arange(self.width_) == 0


class Always(First):
    """Learns nothing."""

    def fit(self, X: Any, y: Any = None) -> Any:
        return self

    def _get_support_mask(self) -> Any:
        return np.array([True, False])


OWN = {"stateless": Stateless, "fitted": Fitted, "without BaseEstimator": Mixed, "without any base": Plain}
WHERE: dict[str, tuple[Any, str]] = {
    "first": (lambda own: own, "step"),
    "in a pipeline": (lambda own: Pipeline([("inner", own)]), "step/inner"),
    "in a union": (lambda own: FeatureUnion([("scale", StandardScaler()), ("inner", own)]), "step/inner"),
    "in columns": (lambda own: ColumnTransformer([("inner", own, ["age"])]), "step/inner"),
    "in a pipeline in columns": (
        lambda own: ColumnTransformer([("inner", Pipeline([("own", own), ("scale", StandardScaler())]), ["age"])]),
        "step/inner/own",
    ),
}


# scikit-learn itself clones what is in columns, and wants a BaseEstimator for that.
CASES = [(own, where) for own in OWN for where in WHERE if not ("without" in own and "columns" in where)]


@pytest.mark.parametrize(("own", "where"), CASES)
def test_a_class_of_ones_own(own: str, where: str, tmp_path: Path) -> None:
    build, path = WHERE[where]
    model, rows = fitted(Pipeline([("step", build(OWN[own]())), ("forest", forest())]), COLUMNS)
    with pytest.raises(ExportError, match=f"step '{path}' is a {OWN[own].__name__}, .*no code of your own; compute it"):
        exported(model, rows, tmp_path)
    assert not list(tmp_path.iterdir())


class Components(PCA):  # type: ignore[misc]
    pass


class OneHotEncoder(Stateless):
    """Stands for the encoders of other libraries."""


@pytest.mark.parametrize(
    ("own", "instead"),
    [
        (Components, "leave it out, a forest splits on the columns themselves"),
        (OneHotEncoder, "use scikit-learn's own OneHotEncoder where that will do, or compute it"),
        (Stateless, "compute it in the dataprep SQL"),
    ],
)
def test_what_to_use_instead(own: Any, instead: str) -> None:
    with pytest.raises(ExportError, match=f"step 'step' is a {own.__name__}, .*no code of your own; {instead}"):
        check_step("step", own())


def test_below_a_calibration(tmp_path: Path) -> None:
    model, rows = fitted(
        CalibratedClassifierCV(Pipeline([("clean", Stateless()), ("forest", forest())]), cv=2), COLUMNS
    )
    with pytest.raises(ExportError, match=r"clean' is a Stateless, .*no code of your own"):
        exported(model, rows, tmp_path)


def test_a_frozen_one() -> None:
    with pytest.raises(ExportError, match=r"step 'step' is a Stateless, .*no code of your own"):
        check_step("step", FrozenEstimator(Stateless()))


def test_one_that_got_no_columns_is_no_matter(tmp_path: Path) -> None:
    columns = ColumnTransformer([("own", Stateless(), []), ("n", "passthrough", COLUMNS)])
    exported(*fitted(Pipeline([("columns", columns), ("forest", forest())]), COLUMNS), tmp_path)


def test_a_choice_of_columns_of_ones_own_is_carried(tmp_path: Path) -> None:
    model = Pipeline([("scale", StandardScaler()), ("choice", First()), ("forest", forest())])
    written = exported(*fitted(model, COLUMNS), tmp_path)
    assert [block["column"] for block in written.manifest["members"][0]["transform"]] == ["age"]


def test_a_choice_of_columns_that_seems_not_fitted(tmp_path: Path) -> None:
    model, rows = fitted(Pipeline([("choice", Always()), ("forest", forest())]), COLUMNS)
    with pytest.raises(ExportError, match=r"step 'choice' is a Always that is not fitted: .* name ends in _"):
        exported(model, rows, tmp_path)


def test_members_that_are_not_fitted_are_named() -> None:
    with pytest.raises(ExportError, match="step 'union/scale' is a StandardScaler that is not fitted"):
        check_step("union", FeatureUnion([("kept", "passthrough"), ("scale", StandardScaler())]))
    scaler = StandardScaler().fit(leads()[0][COLUMNS])
    check_step("union", FeatureUnion([("kept", "passthrough"), ("gone", "drop"), ("scale", scaler)]))
