import copy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench import forests, peers, tables
from bench.child import Child, ChildError
from bench.convert import floor32, lightgbm_tree, per_tree, siblings_adjacent
from bench.measure import Effort, Measurement, distance

from scored_export.trees import trees_of

SMALL = forests.Shape("small", "3 trees", 3, 6, 1, rows=300)
PAGE = Path(__file__).parents[2] / "docs" / "benchmark.md"


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> forests.Forest:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forests, "TRAINING_ROWS", 2_000)
        return forests.forest(SMALL, tmp_path_factory.mktemp("cache"))


def test_a_forest_is_trained_once(forest: forests.Forest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forests, "TRAINING_ROWS", 2_000)
    monkeypatch.setattr(forests, "train", pytest.fail)
    assert forests.forest(SMALL, forest.folder.parent) == forest


def test_the_rows_near_thresholds_decide_where_a_rounded_threshold_would_not(forest: forests.Forest) -> None:
    model = forest.model()
    rows = forests.read_rows(forest.near)
    for estimator in model.estimators_:
        estimator.tree_.threshold[:] = estimator.tree_.threshold.astype(np.float32)  # to nearest
    assert distance(model.predict_proba(rows)[:, 1], forest.answers(forest.near)) > 0.01


def test_a_conversion_keeps_every_answer(forest: forests.Forest) -> None:
    rows, answers = forests.read_rows(forest.near), np.zeros(300)
    for tree in per_tree(trees_of(forest.model(), 1)):
        moved = siblings_adjacent(tree)
        assert (moved["right"] == moved["left"] + 1)[~moved["leaf"]].all()
        for i, row in enumerate(rows):
            at = 0
            while not moved["leaf"][at]:
                # XGBoost's way: less than the next float32
                above = np.nextafter(np.float32(moved["threshold"][at]), np.float32(np.inf))
                at = moved["left"][at] + int(not row[moved["feature"][at]] < above)
            answers[i] += moved["value"][at]
    assert distance(answers / 3, forest.answers(forest.near)) < 1e-15


def test_a_floored_threshold_is_the_float32_below() -> None:
    assert floor32(np.array([0.1, -0.1, 0.5])).tolist() == [
        float(np.nextafter(np.float32(0.1), np.float32(0))),
        float(np.float32(-0.1)),
        0.5,
    ]


def test_a_tree_as_lightgbm_writes_it() -> None:
    tree = {
        "feature": np.array([1, -1, -1]),
        "leaf": np.array([False, True, True]),
        "threshold": np.array([0.5, 0, 0]),
        "left": np.array([1, 0, 0]),
        "right": np.array([2, 0, 0]),
        "value": np.array([0.4, 0.25, 0.75]),
    }
    text = lightgbm_tree(0, tree).splitlines()
    assert {"num_leaves=2", "split_feature=1", "left_child=-1", "right_child=-2", "leaf_value=0.25 0.75"} <= set(text)


def test_a_child_that_is_wrong_is_told(forest: forests.Forest, monkeypatch: pytest.MonkeyPatch) -> None:
    right = measured(forest, monkeypatch)
    assert right["difference"] < 1e-15
    assert not right["wrong"]
    expected = forest.answers(forest.near)
    expected[7] += 0.01
    expected.tofile(forest.near.with_suffix(".f64"))
    wrong = measured(forest, monkeypatch)
    expected[7] -= 0.01
    expected.tofile(forest.near.with_suffix(".f64"))
    assert wrong["near_difference"] == pytest.approx(0.01)
    assert wrong["wrong"]
    assert "scikit-learn (WRONG)" in tables.forest(facts([ours(), wrong]))


def measured(forest: forests.Forest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Measure scikit-learn alone, in its child process."""
    monkeypatch.setattr(peers, "ENGINES", (peers.ScikitLearn,))
    measurement = Measurement(forest, Effort(rounds=1, seconds=0.001, build=True), Path("none"), {})
    monkeypatch.setattr(measurement, "start_go", lambda: None)
    return measurement.run()[0]


def test_a_build_without_end_is_ended_and_one_that_takes_too_much_memory_fails() -> None:
    slow = Child(["sleep", "60"])
    with pytest.raises(ChildError, match="not within 0 s"):
        slow.ask(0.1, do="prepare")
    assert slow.process.poll() is not None
    slow.end()
    large = Child([sys.executable, "-c", "input(); bytes(2 << 30)"], memory=1 << 30)
    with pytest.raises(ChildError, match="MemoryError"):
        large.ask(60, do="prepare")
    large.end()


def ours() -> dict[str, Any]:
    threads = {str(t): {"rows": 300, "rate": 1e6 * t, "rates": [1e6 * t], "cores": 1.0} for t in (1, 2)}
    found = {"name": "scored", "version": "", "load_seconds": 0.1, "bytes": 1e6, "difference": 0, "near_difference": 0}
    return found | {"wrong": False, "threads": threads}


def facts(engines: list[dict[str, Any]], name: str = "small") -> dict[str, Any]:
    return {"name": name, "title": "3 trees", "nodes": 100, "deepest": 6, "visits": 12.0, "engines": engines}


def test_the_table_says_how_far_each_engine_is_behind() -> None:
    slow = copy.deepcopy(ours()) | {"name": "slow"}
    slow["threads"]["1"]["rate"] = 1e5
    missing = {"name": "absent", "version": "1.2", "problem": "did not build: not within 600 s"}
    table = tables.forest(facts([ours(), slow, missing]))
    assert "| slow   |          100,000 |    10.0 x |         2,000,000 |     1.0 x |" in table
    assert "- absent 1.2: did not build: not within 600 s." in table
    assert "busy" not in table
    slow["threads"]["1"]["cores"] = 0.4
    assert "as little as 0.40 of a core" in tables.forest(facts([ours(), slow]))


def test_the_targets_are_judged() -> None:
    reached = [ours()] + [
        copy.deepcopy(ours()) | {"name": n} for n in ("scored, with reasons", "leaves", "scikit-learn")
    ]
    for engine, rate in zip(reached[1:], (5e5, 99_000, 200_001), strict=True):
        engine["threads"]["1"]["rate"] = rate
    table = tables.targets({"forests": [facts(reached, "d12")]})
    assert "10.10 x, met" in table
    assert "5.00 x, MISSED" in table
    assert "scikit-learn: 5.00 x, met" in table
    assert "2.00 x, met" in table
    reached[1]["threads"]["1"]["rate"] = 3e5
    assert "3.33 x, MISSED" in tables.targets({"forests": [facts(reached, "d12")]})


def test_the_page_has_a_place_for_every_table() -> None:
    found = {"machine": {"processor": "a processor", "cores": 2}, "rounds": 5, "quick": False}
    engines = [
        copy.deepcopy(ours()) | {"name": n} for n in ("scored", "scored, with reasons", "leaves", "scikit-learn")
    ]
    tabled = [facts(engines, shape.name) for shape in forests.SHAPES]
    page = tables.render(found | {"forests": tabled}, "what the run printed", PAGE.read_text())
    assert page.count("| scikit-learn         |        1,000,000 |") == 4
    assert "MISSED" in page
    assert "```\nwhat the run printed\n```" in page
    with pytest.raises(SystemExit, match="no place for: table other"):
        tables.render(found | {"forests": [facts(engines, "other")]}, "", page)
