"""The forest's nodes as arrays, and forest.bin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import ExportError

MAGIC, END, FORMAT = b"SCFOREST", b"SCFOREND", 2
MAX_FEATURES, MAX_TREES, MAX_NODES = 1 << 16, 1 << 16, 1 << 26


@dataclass(frozen=True)
class Trees:
    """The nodes of all trees, one tree after the other; children count from their tree's first node."""

    features: int
    sizes: npt.NDArray[np.uint32]
    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float64]
    left: npt.NDArray[np.uint32]
    right: npt.NDArray[np.uint32]
    missing_left: npt.NDArray[np.uint8]
    value: npt.NDArray[np.float64]
    cover: npt.NDArray[np.float64]

    def write(self, path: Path) -> None:
        """Write forest.bin."""
        head = np.array([FORMAT, self.features, len(self.sizes), len(self.feature)], dtype="<u4")
        parts: list[tuple[npt.NDArray[Any], str]] = [
            (self.sizes, "<u4"),
            (self.feature, "<i4"),
            (self.threshold, "<f8"),
            (self.left, "<u4"),
            (self.right, "<u4"),
            (self.missing_left, "u1"),
            (self.value, "<f8"),
            (self.cover, "<f8"),
        ]
        arrays = b"".join(np.ascontiguousarray(array, dtype=dtype).tobytes() for array, dtype in parts)
        path.write_bytes(MAGIC + head.tobytes() + arrays + END)


def trees_of(forest: Any, positive_index: int) -> Trees:
    """Return the forest's nodes as scikit-learn holds them."""
    nodes = [nodes_of(i, tree, positive_index) for i, tree in enumerate(forest.estimators_)]
    sizes = np.array([len(n["feature"]) for n in nodes], dtype=np.uint32)
    check_limits(int(forest.n_features_in_), len(sizes), int(sizes.sum()))
    joined = {key: np.concatenate([n[key] for n in nodes]) for key in nodes[0]}
    return Trees(features=int(forest.n_features_in_), sizes=sizes, **joined)


def check_limits(features: int, trees: int, nodes: int) -> None:
    """Refuse a forest that forest.bin does not hold."""
    if features > MAX_FEATURES:
        raise ExportError(
            f"the forest takes {features} features, and a bundle holds {MAX_FEATURES}: group rare categories "
            "(OneHotEncoder(min_frequency=...)) or use OrdinalEncoder"
        )
    if trees > MAX_TREES:
        raise ExportError(f"the forest has {trees} trees, and a bundle holds {MAX_TREES}: lower n_estimators")
    if nodes > MAX_NODES:
        raise ExportError(
            f"the forest has {nodes} nodes, and a bundle holds {MAX_NODES}: lower n_estimators or raise "
            "min_samples_leaf"
        )


def nodes_of(index: int, estimator: Any, positive_index: int) -> dict[str, npt.NDArray[Any]]:
    """Return one tree's nodes."""
    tree = estimator.tree_
    left = np.asarray(tree.children_left)
    right = np.asarray(tree.children_right)
    leaf = left < 0
    here = np.arange(len(left))
    if np.any(~leaf & ((left <= here) | (right <= here))):
        raise ExportError(f"tree {index} has a child before its parent: refit it with the scikit-learn that is here")
    value = np.asarray(tree.value[:, 0, positive_index])
    cover = np.asarray(tree.weighted_n_node_samples, dtype=np.float64)
    if not (np.all((value >= 0) & (value <= 1)) and np.all(np.isfinite(cover) & (cover >= 0))):
        raise ExportError(
            f"tree {index} has a class share outside 0 to 1, or a negative weight: train without negative sample "
            "weights"
        )
    return {
        "feature": np.where(leaf, -1, tree.feature),
        "threshold": np.where(leaf, 0.0, tree.threshold),
        "left": np.where(leaf, 0, left),
        "right": np.where(leaf, 0, right),
        "missing_left": np.where(leaf, 0, tree.missing_go_to_left),
        "value": value,
        "cover": cover,
    }
