"""A forest in the formats that the peers read. Every conversion decides as scikit-learn does on float32 rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scored_export.trees import Trees

NO_PARENT = 2**31 - 1
END_OF_TREES = "end of trees\n\nparameters:\nend of parameters\n\npandas_categorical:null\n"


def floor32(threshold: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Round thresholds towards minus infinity: `x <= t` stays what it was for every float32 x."""
    nearest = threshold.astype(np.float32)
    return np.where(nearest > threshold, np.nextafter(nearest, np.float32(-np.inf)), nearest)


def per_tree(trees: Trees) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Give each tree's arrays. Thresholds are floored float32s, held as float64."""
    end = 0
    for size in trees.sizes:
        at = slice(end, end + int(size))
        end += int(size)
        yield {
            "feature": trees.feature[at],
            "leaf": trees.feature[at] < 0,
            "threshold": floor32(trees.threshold[at]).astype(np.float64),
            "left": trees.left[at].astype(np.int64),
            "right": trees.right[at].astype(np.int64),
            "value": trees.value[at],
        }


def lightgbm_text(trees: Trees, path: Path) -> None:
    """Write LightGBM's v4 text. Without missing values its decision_type is 0; its answer is the mean of the leaves."""
    texts = [lightgbm_tree(i, tree) for i, tree in enumerate(per_tree(trees))]
    head = [
        "tree",
        "version=v4",
        "num_class=1",
        "num_tree_per_iteration=1",
        "label_index=0",
        f"max_feature_idx={trees.features - 1}",
        "objective=regression",
        "average_output",
        "feature_names=" + spaced(f"f{i}" for i in range(trees.features)),
        "feature_infos=" + spaced(["[-inf:inf]"] * trees.features),
        "tree_sizes=" + spaced(len(text) for text in texts),
        "\n",
    ]
    path.write_text("\n".join(head) + "".join(texts) + END_OF_TREES)


def lightgbm_tree(number: int, tree: dict[str, npt.NDArray[Any]]) -> str:
    """Write one tree: splits and leaves are numbered apart; a negative child is the leaf of its complement."""
    leaf = tree["leaf"]
    place = np.where(leaf, ~(np.cumsum(leaf) - 1), np.cumsum(~leaf) - 1)
    lines = [f"Tree={number}", f"num_leaves={leaf.sum()}", "num_cat=0"]
    if not leaf.all():
        lines += [
            "split_feature=" + spaced(tree["feature"][~leaf]),
            "threshold=" + spaced(map(repr, tree["threshold"][~leaf].tolist())),
            "decision_type=" + spaced([0] * int((~leaf).sum())),
            "left_child=" + spaced(place[tree["left"]][~leaf]),
            "right_child=" + spaced(place[tree["right"]][~leaf]),
        ]
    lines += ["leaf_value=" + spaced(map(repr, tree["value"][leaf].tolist())), "is_linear=0", "shrinkage=1", "\n"]
    return "\n".join(lines) + "\n"


def spaced(items: Iterable[Any]) -> str:
    """Join by spaces."""
    return " ".join(map(str, items))


def xgboost_file(trees: Trees, path: Path) -> None:
    """Write XGBoost's model file. XGBoost goes left on `<`, so the thresholds are the next float32 above."""
    import xgboost

    booster = xgboost.train(
        {"objective": "reg:squarederror", "base_score": 0.0, "max_depth": 1},
        xgboost.DMatrix(np.eye(2, trees.features, dtype=np.float32), label=[0, 1]),
        1,
    )
    frame = json.loads(booster.save_raw("json"))  # what surrounds the trees is this version's own
    model = frame["learner"]["gradient_booster"]["model"]
    example = model["trees"][0]
    count = len(trees.sizes)
    model["trees"] = [xgboost_tree(example, i, tree, trees) for i, tree in enumerate(per_tree(trees))]
    model["gbtree_model_param"]["num_trees"] = str(count)
    model["tree_info"] = [0] * count
    model["iteration_indptr"] = list(range(count + 1))
    booster.load_model(bytearray(json.dumps(frame).encode()))
    booster.save_model(path)


def xgboost_tree(
    example: dict[str, Any], number: int, tree: dict[str, npt.NDArray[Any]], trees: Trees
) -> dict[str, Any]:
    """Fill one of XGBoost's trees; a leaf's share of the mean stands where a split has its threshold."""
    tree = siblings_adjacent(tree)
    leaf, nodes = tree["leaf"], len(tree["leaf"])
    above = np.nextafter(tree["threshold"].astype(np.float32), np.float32(np.inf))
    parents = np.full(nodes, NO_PARENT)
    for child in tree["left"], tree["right"]:
        parents[child[~leaf]] = np.flatnonzero(~leaf)
    none, zeros = [0] * nodes, [0.0] * nodes
    return example | {
        "id": number,
        "base_weights": zeros,
        "default_left": none,
        "left_children": np.where(leaf, -1, tree["left"]).tolist(),
        "right_children": np.where(leaf, -1, tree["right"]).tolist(),
        "parents": parents.tolist(),
        "loss_changes": zeros,
        "sum_hessian": zeros,
        "split_type": none,
        "split_indices": np.where(leaf, 0, tree["feature"]).tolist(),
        "split_conditions": np.where(leaf, tree["value"] / len(trees.sizes), above).astype(np.float32).tolist(),
        "tree_param": example["tree_param"] | {"num_nodes": str(nodes), "num_feature": str(trees.features)},
    }


def siblings_adjacent(tree: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Number the nodes breadth first: XGBoost finds the right child behind the left one, whatever the file says."""
    levels = [np.zeros(1, dtype=np.int64)]
    while len(levels[-1]):
        splits = levels[-1][~tree["leaf"][levels[-1]]]
        levels.append(np.column_stack([tree["left"][splits], tree["right"][splits]]).ravel())
    order = np.concatenate(levels)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    moved = {key: values[order] for key, values in tree.items()}
    return moved | {"left": place[moved["left"]], "right": place[moved["right"]]}


def onnx_file(trees: Trees, path: Path) -> None:
    """Write an ONNX graph of one TreeEnsembleRegressor that averages its leaves."""
    import onnx

    tree_ids = np.repeat(np.arange(len(trees.sizes)), trees.sizes)
    node_ids = np.concatenate([np.arange(size) for size in trees.sizes])
    leaf = trees.feature < 0
    node = onnx.helper.make_node(
        "TreeEnsembleRegressor",
        ["rows"],
        ["answers"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="AVERAGE",
        post_transform="NONE",
        nodes_treeids=tree_ids,
        nodes_nodeids=node_ids,
        nodes_featureids=np.where(leaf, 0, trees.feature),
        nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        nodes_values=floor32(trees.threshold),
        nodes_truenodeids=trees.left.astype(np.int64),
        nodes_falsenodeids=trees.right.astype(np.int64),
        target_treeids=tree_ids[leaf],
        target_nodeids=node_ids[leaf],
        target_ids=np.zeros(leaf.sum(), dtype=np.int64),
        target_weights=trees.value[leaf].astype(np.float32),
    )
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [node],
        "forest",
        [onnx.helper.make_tensor_value_info("rows", kind, [None, trees.features])],
        [onnx.helper.make_tensor_value_info("answers", kind, [None, 1])],
    )
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
