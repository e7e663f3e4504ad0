"""Evaluates a bundle's files as docs/bundle.md defines them, and knows nothing of scikit-learn or of the exporter."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import BundleError

Array = npt.NDArray[Any]
Raw = float | str | None  # None is missing


class Refused(Exception):  # noqa: N818
    """A row that the bundle rejects; the text names the column and the rule."""


class Bundle:
    """A bundle's files, read again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        text = (folder / "manifest.json").read_bytes()
        if (folder / "manifest.sha256").read_bytes() != f"{hashlib.sha256(text).hexdigest()}  manifest.json\n".encode():
            raise BundleError(f"{folder}: manifest.json is not what manifest.sha256 describes")
        self.manifest: dict[str, Any] = json.loads(text)
        if self.manifest["format"] != "scored-bundle/1":
            raise BundleError(f"{folder}: format {self.manifest['format']!r}")
        for entry in self.manifest["files"]:
            data = (folder / entry["name"]).read_bytes()
            if len(data) != entry["bytes"] or hashlib.sha256(data).hexdigest() != entry["sha256"]:
                raise BundleError(f"{folder / entry['name']}: not the file that the manifest describes")
        self.contract: list[dict[str, Any]] = self.manifest["contract"]
        self.blocks: list[dict[str, Any]] = self.manifest["transform"]
        self.forest = Forest((folder / "forest.bin").read_bytes())

    def golden(self) -> list[tuple[dict[str, Raw], float | None]]:
        """Return the golden rows and their probabilities, None where the row is refused."""
        return read_rows(self.folder / "golden.csv", self.contract)

    def probabilities(self, rows: Iterable[Mapping[str, Raw]]) -> Array:
        """Return a probability per row, NaN where the row is refused."""
        features: list[list[float]] = []
        taken: list[bool] = []
        for row in rows:
            try:
                features.append(self.features(row))
                taken.append(True)
            except Refused:
                taken.append(False)
        out = np.full(len(taken), np.nan)
        if features:
            out[np.array(taken)] = self.forest.probabilities(np.array(features, dtype=np.float64))
        return out

    def features(self, row: Mapping[str, Raw]) -> list[float]:
        """Return a raw row's features, or raise Refused."""
        for column in self.contract:
            value = row[column["name"]]
            if value is None and not column["nullable"]:
                raise Refused(f"{column['name']} is missing")
            if isinstance(value, float) and math.isinf(value):
                raise Refused(f"{column['name']} is infinite")
        out = [x for block in self.blocks for x in block_features(block, row[block["column"]])]
        with np.errstate(over="ignore"):
            wide = np.isinf(np.array(out).astype(np.float32))
        if wide.any():
            raise Refused(f"feature {int(np.flatnonzero(wide)[0])} does not fit in a float32")
        return out

    def score(self, probability: float) -> int:
        """Return where a probability stands in the reference distribution."""
        quantiles = self.manifest["reference"]["quantiles"]
        return max((k for k in range(101) if quantiles[k] <= probability), default=0)

    def grade(self, score: int) -> str:
        """Return the first grade that a score reaches."""
        return next(str(g["grade"]) for g in self.manifest["grades"] if score >= g["min_score"])


def block_features(block: dict[str, Any], value: Raw) -> list[float]:
    """Return one block's features."""
    name = block["column"]
    for step in block["steps"]:
        match step["op"]:
            case "impute":
                value = step.get("text", step.get("number")) if value is None else value
            case "is_missing":
                return [float(value is None)]
            case "ordinal":
                return [ordinal(name, step, value)]
            case "one_hot":
                slot = one_hot(name, step, value)
                return [float(i == slot) for i in range(step["width"])]
            case op:
                raise BundleError(f"{name}: unknown op {op!r}")
    if isinstance(value, str):
        raise BundleError(f"{name}: text reaches the forest")
    return [math.nan if value is None else value]


def table_entry(name: str, step: dict[str, Any], value: Raw) -> dict[str, Any]:
    """Return the category of a value, or the action for one that is missing or unknown."""
    for entry in step["categories"] if value is not None else []:
        if entry["text" if isinstance(value, str) else "number"] == value:
            return dict(entry)
    action = dict(step["missing" if value is None else "unknown"])
    if action["action"] == "refuse":
        raise Refused(f"{name} is {'missing' if value is None else 'in no category'}")
    return action


def ordinal(name: str, step: dict[str, Any], value: Raw) -> float:
    """Return a category's code, NaN for a missing one."""
    entry = table_entry(name, step, value)
    return float(entry["code"]) if "code" in entry else math.nan


def one_hot(name: str, step: dict[str, Any], value: Raw) -> int:
    """Return a category's slot, -1 for all zeros."""
    return int(table_entry(name, step, value).get("slot", -1))


class Forest:
    """The trees of a forest.bin."""

    def __init__(self, data: bytes) -> None:
        if data[:8] != b"SCFOREST" or data[-8:] != b"SCFOREND":
            raise BundleError("forest.bin: no magic or no end mark")
        version, self.features, trees, nodes = struct.unpack_from("<4I", data, 8)
        if version != 1 or len(data) != 8 + 16 + 4 * trees + nodes * (4 + 8 + 4 + 4 + 1 + 8) + 8:
            raise BundleError("forest.bin: another format or length")
        at = 24

        def take(count: int, dtype: str) -> Array:
            nonlocal at
            array = np.frombuffer(data, dtype, count, at)
            at += array.nbytes
            return array

        self.sizes = take(trees, "<u4")
        self.feature = take(nodes, "<i4")
        self.threshold = take(nodes, "<f8")
        self.left = take(nodes, "<u4").astype(np.int64)
        self.right = take(nodes, "<u4").astype(np.int64)
        self.missing_left = take(nodes, "u1").astype(bool)
        self.value = take(nodes, "<f8")

    def cast(self, x: Array) -> Array:
        """Return the features as the trees compare them."""
        with np.errstate(all="ignore"):
            return np.asarray(x.astype(np.float32), dtype=np.float64)

    def goes_left(self, x: Array, node: Array) -> Array:
        """Say which values go left at their nodes."""
        missing = np.isnan(x)
        return np.where(missing, self.missing_left[node], x <= self.threshold[node])

    def probabilities(self, x: Array) -> Array:
        """Return the mean of the trees' answers, summed in tree order."""
        if x.shape[1] != self.features:
            raise BundleError(f"{x.shape[1]} features for a forest of {self.features}")
        x = self.cast(x)
        total = np.zeros(len(x))
        first = 0
        for size in self.sizes:
            total += self.value[self.leaves(x, first)]
            first += int(size)
        return total / len(self.sizes)

    def leaves(self, x: Array, first: int) -> Array:
        """Return the leaf that each row reaches in the tree that starts at a node."""
        node = np.full(len(x), first)
        going = np.flatnonzero(self.feature[node] >= 0)
        while going.size:
            here = node[going]
            left = self.goes_left(x[going, self.feature[here]], here)
            node[going] = first + np.where(left, self.left[here], self.right[here])
            going = going[self.feature[node[going]] >= 0]
        return node


def read_rows(path: Path, contract: list[dict[str, Any]]) -> list[tuple[dict[str, Raw], float | None]]:
    """Read raw rows with their probabilities, in the format of golden.csv."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file, strict=True)
        if next(reader) != [*(c["name"] for c in contract), "probability"]:
            raise BundleError(f"{path}: the header is not the contract's")
        out = []
        for cells in reader:
            row = {c["name"]: raw(c["type"], cell) for c, cell in zip(contract, cells[:-1], strict=True)}
            out.append((row, None if cells[-1] == "refused" else float(cells[-1])))
        return out


def raw(kind: str, cell: str) -> Raw:
    """Return a cell as a raw value."""
    if cell == "":
        return None
    return cell if kind == "text" else float(cell)
