"""Evaluates a bundle's files as docs/bundle.md defines them, and knows nothing of scikit-learn or of the exporter."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import struct
from bisect import bisect_right
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
        if self.manifest["format"] != "scored-bundle/2":
            raise BundleError(f"{folder}: format {self.manifest['format']!r}")
        for entry in self.manifest["files"]:
            data = (folder / entry["name"]).read_bytes()
            if len(data) != entry["bytes"] or hashlib.sha256(data).hexdigest() != entry["sha256"]:
                raise BundleError(f"{folder / entry['name']}: not the file that the manifest describes")
        self.contract: list[dict[str, Any]] = self.manifest["contract"]
        self.members = [Member(folder, entry) for entry in self.manifest["members"]]

    def golden(self) -> list[tuple[dict[str, Raw], float | None]]:
        """Return the golden rows and their probabilities, None where the row is refused."""
        return read_rows(self.folder / "golden.csv", self.contract)

    def probabilities(self, rows: Iterable[Mapping[str, Raw]]) -> Array:
        """Return a probability per row, NaN where the row is refused."""
        features: list[list[list[float]]] = [[] for _ in self.members]
        taken: list[bool] = []
        for row in rows:
            try:
                of_members = self.features(row)
            except Refused:
                taken.append(False)
                continue
            taken.append(True)
            for rows_of_member, x in zip(features, of_members, strict=True):
                rows_of_member.append(x)
        out = np.full(len(taken), np.nan)
        if any(taken):
            total = np.zeros(sum(taken))
            for member, matrix in zip(self.members, features, strict=True):
                total += member.probabilities(np.array(matrix, dtype=np.float64))
            out[np.array(taken)] = total / len(self.members)
        return out

    def features(self, row: Mapping[str, Raw]) -> list[list[float]]:
        """Return a raw row's features for every member, or raise Refused."""
        admitted = {column["name"]: admit(column, row[column["name"]]) for column in self.contract}
        return [member.features(admitted) for member in self.members]

    def refusal(self, row: Mapping[str, Raw]) -> str | None:
        """Return why a raw row is rejected, None if it is not."""
        try:
            self.features(row)
        except Refused as refused:
            return str(refused)
        return None

    def score(self, probability: float) -> int:
        """Return where a probability stands in the reference distribution."""
        quantiles = self.manifest["reference"]["quantiles"]
        return max((k for k in range(101) if quantiles[k] <= probability), default=0)

    def grade(self, score: int) -> str:
        """Return the first grade that a score reaches."""
        return next(str(g["grade"]) for g in self.manifest["grades"] if score >= g["min_score"])


class Member:
    """A forest, the transform before it and the curve behind it."""

    def __init__(self, folder: Path, entry: dict[str, Any]) -> None:
        self.forest = Forest((folder / entry["forest"]).read_bytes())
        self.blocks: list[dict[str, Any]] = entry["transform"]
        self.names: list[str] = entry["features"]
        self.calibration: dict[str, Any] | None = entry.get("calibration")
        if len(self.names) != self.forest.features:
            raise BundleError(
                f"{folder / entry['forest']}: {len(self.names)} names for {self.forest.features} features"
            )

    def features(self, row: Mapping[str, Raw]) -> list[float]:
        """Return the features of a row that the contract admits, or raise Refused."""
        out = [x for block in self.blocks for x in block_features(block, row[block["column"]])]
        with np.errstate(over="ignore"):
            wide = np.isinf(np.array(out).astype(np.float32))
        if wide.any():
            raise Refused(f"feature {self.names[int(np.flatnonzero(wide)[0])]} does not fit in a float32")
        return out

    def probabilities(self, x: Array) -> Array:
        """Return the member's probability per row."""
        p = self.forest.probabilities(x)
        return p if self.calibration is None else calibrated(self.calibration, p)


def calibrated(curve: dict[str, Any], p: Array) -> Array:
    """Return what a curve makes of probabilities."""
    if curve["method"] == "sigmoid":
        out = np.array([1 / (1 + safe_exp(curve["a"] * float(v) + curve["b"])) for v in p])
    else:
        out = np.array([on_line(curve["x"], curve["y"], float(v)) for v in p])
    return 1 - out if curve.get("complement", False) else out


def safe_exp(exponent: float) -> float:
    """Return e to the power, infinity where a float64 does not hold it."""
    try:
        return math.exp(exponent)
    except OverflowError:
        return math.inf


def on_line(x: list[float], y: list[float], value: float) -> float:
    """Return the height of the line through the points."""
    i = bisect_right(x, value)
    if i == 0:
        return y[0]
    if i == len(x) or value == x[i - 1]:
        return y[i - 1]
    return (y[i] - y[i - 1]) / (x[i] - x[i - 1]) * (value - x[i - 1]) + y[i - 1]


def admit(column: dict[str, Any], value: Raw) -> Raw:
    """Return a raw value as the contract lets it through, or raise Refused."""
    name, rule = column["name"], column["abnormal"]
    if isinstance(value, float) and math.isnan(value):
        raise BundleError(f"{name}: a missing value is None")
    if isinstance(value, float):
        low, high = column.get("min", -math.inf), column.get("max", math.inf)
        if math.isinf(value) or value < low or value > high:
            if rule == "refuse":
                raise Refused(f"{name} is infinite or beyond its limits")
            value = (low if value < low else high) if rule == "clip" else None
    elif isinstance(value, str) and "categories" in column and value not in column["categories"] and rule != "pass":
        if rule == "refuse":
            raise Refused(f"{name} is in no category")
        value = None
    if value is None and not column["nullable"]:
        raise Refused(f"{name} is missing")
    return value


def block_features(block: dict[str, Any], value: Raw) -> list[float]:
    """Return one block's features."""
    name = block["column"]
    for step in block["steps"]:
        if step["op"] == "one_hot":
            slot = one_hot(name, step, value)
            return [float(i == slot) for i in range(step["width"])]
        value = stepped(name, step, value)
    if isinstance(value, str):
        raise BundleError(f"{name}: text reaches the forest")
    return [math.nan if value is None else value]


def stepped(name: str, step: dict[str, Any], value: Raw) -> Raw:
    """Return what a step that gives one value makes of one."""
    match step["op"]:
        case "impute":
            return step.get("text", step.get("number")) if value is None else value
        case "is_missing":
            return float(value is None)
        case "ordinal":
            code = ordinal(name, step, value)
            return None if math.isnan(code) else code
    if step["op"] not in ("add", "subtract", "multiply", "divide", "clip", "bin"):
        raise BundleError(f"{name}: unknown op {step['op']!r}")
    if isinstance(value, str):
        raise BundleError(f"{name}: {step['op']} of text")
    out = None if value is None else reckoned(step, value)
    if out is not None and math.isinf(out):
        raise Refused(f"{name}: {step['op']} gives an infinite number")
    return out


def reckoned(step: dict[str, Any], value: float) -> float | None:
    """Return the result of a step of arithmetic in float64; what is no number is missing."""
    x = np.float64(value)
    with np.errstate(all="ignore"):
        match step["op"]:
            case "add":
                x = x + step["number"]
            case "subtract":
                x = x - step["number"]
            case "multiply":
                x = x * step["number"]
            case "divide":
                x = x / step["number"]
            case "clip":
                x = np.float64(step["min"] if x < step["min"] else step["max"] if x > step["max"] else x)
            case _:
                x = np.float64(bisect_right(step["edges"], x))
    return None if math.isnan(x) else float(x)


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
        if version != 2 or len(data) != 8 + 16 + 4 * trees + nodes * (4 + 8 + 4 + 4 + 1 + 8 + 8) + 8:
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
        self.cover = take(nodes, "<f8")

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
