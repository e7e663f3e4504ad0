"""Forests of every kind are carried bit for bit, with what the reasons need of every node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from scored_export import ExportError, trees
from scored_export.trees import trees_of

from .samples import TRAIN, as_raw, exported, fitted, forest, leads

OPTIONS: list[dict[str, Any]] = [
    {"class_weight": "balanced"},
    {"class_weight": {0: 1, 1: 30}},
    {"class_weight": "balanced_subsample", "criterion": "entropy"},
    {"bootstrap": False, "max_features": 1},
    {"max_leaf_nodes": 7},
    {"max_depth": None, "min_samples_leaf": 1},
    {"min_samples_leaf": 0.3},
    {"min_impurity_decrease": 0.9},
    {"n_estimators": 1},
    {"ccp_alpha": 0.01},
    {"max_samples": 0.1},
    {"n_jobs": 2, "n_estimators": 40},
    {"monotonic_cst": [1, 0, 0]},
]


def extra_trees(**options: Any) -> ExtraTreesClassifier:
    return ExtraTreesClassifier(**{"n_estimators": 5, "max_depth": 5, "random_state": 1} | options)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_forests_of_every_kind(options: dict[str, Any], tmp_path: Path) -> None:
    model, rows = fitted(
        forest(**options), ["age", "seats", "income"] if "monotonic_cst" not in options else ["age", "seats", "flag"]
    )
    written = exported(model, rows, tmp_path)
    assert model.n_jobs == options.get("n_jobs"), "the caller's model is as it was"
    model.n_jobs = 1
    np.testing.assert_array_equal(written.probabilities(as_raw(rows)), model.predict_proba(rows)[:, 1])


@pytest.mark.parametrize(
    "options",
    [{}, {"max_depth": None}, {"bootstrap": True, "class_weight": "balanced"}, {"max_leaf_nodes": 9}, {"n_jobs": 2}],
    ids=str,
)
def test_extra_trees_of_every_kind(options: dict[str, Any], tmp_path: Path) -> None:
    model, rows = fitted(extra_trees(**options), ["age", "seats", "income"])
    written = exported(model, rows, tmp_path)
    assert written.manifest["kind"] == "extra_trees_classifier"
    assert rows["income"].isna().any()
    model.n_jobs = 1
    np.testing.assert_array_equal(written.probabilities(as_raw(rows)), model.predict_proba(rows)[:, 1])


@pytest.mark.parametrize("build", [forest, extra_trees])
@pytest.mark.parametrize("positive", ["lost", "open", "won"])
def test_one_of_several_classes_may_be_the_positive_one(build: Any, positive: str, tmp_path: Path) -> None:
    frame, y = leads()
    X = frame[["age", "visits"]]
    stages = np.where(y == 1, "won", np.where(np.arange(len(y)) % 3, "lost", "open"))
    model = build(class_weight={"won": 5, "lost": 1, "open": 0.3}).fit(X[:TRAIN], stages[:TRAIN])
    written = exported(model, X[TRAIN:], tmp_path, positive=positive)
    column = model.classes_.tolist().index(positive)
    np.testing.assert_array_equal(written.probabilities(as_raw(X[TRAIN:])), model.predict_proba(X[TRAIN:])[:, column])


def test_sample_weights_are_in_the_values_and_the_covers(tmp_path: Path) -> None:
    frame, y = leads()
    X = frame[["age", "seats"]]
    weights = np.random.default_rng(0).uniform(0, 3, TRAIN)
    weights[:50] = 0
    model = forest(bootstrap=False).fit(X[:TRAIN], y[:TRAIN], sample_weight=weights)
    written = exported(model, X[TRAIN:], tmp_path)
    np.testing.assert_array_equal(written.probabilities(as_raw(X[TRAIN:])), model.predict_proba(X[TRAIN:])[:, 1])
    member = written.members[0].forest
    assert member.cover[0] == pytest.approx(weights.sum())
    assert member.value[0] == pytest.approx(weights[y[:TRAIN] == 1].sum() / weights.sum())


@pytest.mark.parametrize("build", [forest, extra_trees])
def test_every_node_has_its_share_and_its_cover(build: Any, tmp_path: Path) -> None:
    model, rows = fitted(build(), ["age", "seats", "income"])
    member = exported(model, rows, tmp_path).members[0].forest
    first = 0
    for size, estimator in zip(member.sizes, model.estimators_, strict=True):
        here = slice(first, first + int(size))
        tree = estimator.tree_
        np.testing.assert_array_equal(member.value[here], tree.value[:, 0, 1])
        np.testing.assert_array_equal(member.cover[here], tree.weighted_n_node_samples)
        for i in np.flatnonzero(member.feature[here] >= 0) + first:
            left, right = first + member.left[i], first + member.right[i]
            assert min(left, right) > i, "a child comes after its parent"
            assert member.cover[left] + member.cover[right] == pytest.approx(member.cover[i])
            both = member.cover[left] * member.value[left] + member.cover[right] * member.value[right]
            assert both == pytest.approx(member.cover[i] * member.value[i])
        first += int(size)


def test_missing_values_go_where_training_sent_them(tmp_path: Path) -> None:
    model, rows = fitted(extra_trees(max_depth=None, n_estimators=9), ["income", "visits", "doors"])
    written = exported(model, rows, tmp_path)
    assert set(written.members[0].forest.missing_left.tolist()) == {True, False}
    blank = rows.assign(income=np.nan, doors=np.nan)
    np.testing.assert_array_equal(written.probabilities(as_raw(blank)), model.predict_proba(blank)[:, 1])


def test_a_split_between_missing_and_present_has_an_infinite_threshold(tmp_path: Path) -> None:
    X = pd.DataFrame({"x": [np.nan, 1.0, 2.0, 3.0] * 20})
    model = RandomForestClassifier(3, random_state=0).fit(X, X["x"].isna().astype(int))
    written = exported(model, X, tmp_path)
    assert np.isposinf(written.members[0].forest.threshold).any()
    np.testing.assert_array_equal(written.probabilities([{"x": None}, {"x": 1e38}]), [1.0, 0.0])


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("MAX_FEATURES", "takes 2 features, and a bundle holds 1: group rare categories"),
        ("MAX_TREES", "has 5 trees, and a bundle holds 1: lower n_estimators"),
        ("MAX_NODES", r"has \d+ nodes, and a bundle holds 1: lower n_estimators or raise min_samples_leaf"),
    ],
)
def test_what_a_bundle_does_not_hold_is_refused(
    limit: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, limit, 1)
    with pytest.raises(ExportError, match=message):
        exported(*fitted(forest(), ["age", "income"]), tmp_path)


class Other:
    """A tree whose arrays are replaced."""

    def __init__(self, tree: Any, **arrays: Any) -> None:
        self.__dict__ |= {
            name: np.array(getattr(tree, name))
            for name in (
                "children_left", "children_right", "feature", "threshold", "missing_go_to_left", "value",
                "weighted_n_node_samples",
            )
        } | arrays  # fmt: skip


class Fake:
    """A forest of one such tree."""

    n_features_in_ = 1

    def __init__(self, tree: Other) -> None:
        self.tree_ = tree
        self.estimators_ = [self]


def test_a_tree_that_a_bundle_cannot_hold_is_refused() -> None:
    X = pd.DataFrame({"x": np.arange(20.0)})
    tree = RandomForestClassifier(1, bootstrap=False, max_depth=1).fit(X, X["x"] > 9).estimators_[0].tree_
    assert len(trees_of(Fake(Other(tree)), 1).feature) == 3
    with pytest.raises(ExportError, match="tree 0 has a class share outside 0 to 1"):
        trees_of(Fake(Other(tree, value=np.array(tree.value) * [[[1.5, -0.5]]])), 1)
    with pytest.raises(ExportError, match="a negative weight: train without negative sample weights"):
        trees_of(Fake(Other(tree, weighted_n_node_samples=np.array([1.0, 2.0, -1.0]))), 1)
    with pytest.raises(ExportError, match="tree 0 has a child before its parent"):
        trees_of(Fake(Other(tree, children_left=np.array([0, -1, -1]))), 1)
