"""Writes a bundle, reads it again, and hands it out only if it gives what the pipeline gives, bit for bit."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import reference
from .ask import Floats, Oracle
from .columns import RawColumn, raw_columns
from .errors import ExportError
from .golden import golden_rows, write_rows
from .lower import lower
from .trees import trees_of

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
GRADES = (("A", 90), ("B", 70), ("C", 40), ("D", 0))
TOLERANCE = 1e-9
VERIFIED_ROWS = 5000
FILES = ("forest.bin", "golden.csv")
MANIFEST, DIGEST = "manifest.json", "manifest.sha256"
ALL_FILES = (*FILES, MANIFEST, DIGEST)


@dataclass(frozen=True)
class Exported:
    """What was written."""

    folder: Path
    bytes: int
    trees: int
    nodes: int
    features: int
    golden: int
    refused: int  # of the golden rows
    verified: int  # rows on which the bundle was compared with the pipeline


def export_bundle(
    pipeline: Any,
    rows: pd.DataFrame,
    out_dir: str | os.PathLike[str],
    *,
    name: str,
    positive: str | None = None,
    period: str,
    training: Mapping[str, Any] | None = None,
    grades: Iterable[tuple[str, int]] = GRADES,
    created: datetime | None = None,
    golden: int = 400,
    seed: int = 20260101,
) -> Exported:
    """Write a fitted pipeline as a bundle.

    Args:
        pipeline: a fitted Pipeline that ends in a RandomForestClassifier, or such a forest fitted on a DataFrame.
        rows: raw rows of the test period, never of training: the reference distribution is theirs, and golden rows are
            drawn from them.
        out_dir: the bundle's folder; files of an earlier export are replaced once the new ones are proven.
        name: the model's name.
        positive: the class whose probability is the score; may be left out for 0/1 and false/true.
        period: what `rows` are, in words or dates.
        training: what to remember of training; anything JSON holds.
        grades: cut-offs on the score, descending, the last 0.
        created: when, instead of now.
        golden: at most so many golden rows.
        seed: of the choice of golden rows.

    Raises:
        ExportError: the bundle cannot carry the pipeline exactly; the text says why and what to do.
    """
    if not NAME.fullmatch(name):
        raise ExportError(
            f"the name {name!r} is not lower case letters, digits and _, beginning with a letter, at most 40"
        )
    cutoffs = checked_grades(grades)
    oracle = Oracle(pipeline, positive)
    columns, frame = raw_columns(rows, oracle)
    p = oracle.probabilities(frame)
    accepted = np.flatnonzero(~np.isnan(p))
    blocks = lower(oracle, columns, frame.iloc[accepted[:20]].reset_index(drop=True))
    trees = trees_of(oracle.forest, oracle.positive_index)
    gold, gold_p = golden_rows(frame, p, columns, blocks, oracle, golden, seed)

    out = Path(out_dir)
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        trees.write(scratch / "forest.bin")
        write_rows(scratch / "golden.csv", gold, gold_p)
        manifest = {
            "format": "scored-bundle/1",
            "name": name,
            "created": instant(created or datetime.now(UTC)),
            "kind": "random_forest_classifier",
            "versions": versions(),
            "training": dict(training or {}),
            "files": [described(scratch / file) for file in FILES],
            "contract": [column.as_json() for column in columns],
            "transform": [block.as_json() for block in blocks],
            "features": oracle.feature_names(),
            "positive": oracle.positive,
            "reference": reference_distribution(p[accepted], period),
            "grades": [{"grade": grade, "min_score": least} for grade, least in cutoffs],
            "golden": {"rows": len(gold), "tolerance": TOLERANCE},
        }
        write_manifest(scratch / MANIFEST, manifest)
        write_digest(scratch / DIGEST, scratch / MANIFEST)
        verified = verify(scratch, columns, gold, gold_p, frame, p)
        out.mkdir(exist_ok=True)
        for file in ALL_FILES:
            os.replace(scratch / file, out / file)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Exported(
        folder=out,
        bytes=sum((out / file).stat().st_size for file in ALL_FILES),
        trees=len(trees.sizes),
        nodes=len(trees.feature),
        features=trees.features,
        golden=len(gold),
        refused=int(np.isnan(gold_p).sum()),
        verified=verified,
    )


def checked_grades(grades: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return the grades, or refuse cut-offs that do not descend to 0."""
    out = [(str(grade), int(least)) for grade, least in grades]
    cutoffs = [least for _, least in out]
    descending = all(a > b for a, b in pairwise(cutoffs))
    if not out or not descending or cutoffs[-1] != 0 or cutoffs[0] > 100 or not all(grade for grade, _ in out):
        raise ExportError(f"grades need cut-offs from at most 100 down to 0, each below the one before: {out}")
    return out


def instant(moment: datetime) -> str:
    """Return an instant as RFC 3339 in UTC, whole seconds."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def versions() -> dict[str, str]:
    """Return the versions of what took part."""
    packages = ("scikit-learn", "numpy", "pandas", "scored-export")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}


def described(path: Path) -> dict[str, Any]:
    """Return a file's entry in the manifest."""
    data = path.read_bytes()
    return {"name": path.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def reference_distribution(p: Floats, period: str) -> dict[str, Any]:
    """Return the distribution that scores are places in."""
    quantiles = np.percentile(p, np.arange(101), method="higher")
    return {"period": period, "rows": len(p), "quantiles": [float(q) for q in quantiles]}


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest: a line per entry of its long lists, so that two exports can be compared by eye."""
    try:
        text = json.dumps(manifest, ensure_ascii=False, allow_nan=False, indent=1)
    except (TypeError, ValueError) as err:
        raise ExportError(f"training holds what JSON does not: {err}") from err
    path.write_text(text + "\n", encoding="utf-8")


def write_digest(path: Path, of: Path) -> None:
    """Write a file's digest as sha256sum prints it: a flipped bit in the manifest shows at every load."""
    path.write_text(f"{hashlib.sha256(of.read_bytes()).hexdigest()}  {of.name}\n", encoding="ascii")


def verify(
    folder: Path, columns: list[RawColumn], gold: pd.DataFrame, gold_p: Floats, frame: pd.DataFrame, p: Floats
) -> int:
    """Compare the files with the pipeline, and return the number of rows compared."""
    bundle = reference.Bundle(folder)
    read = bundle.golden()
    stated = np.array([np.nan if answer is None else answer for _, answer in read])
    compare("golden row", bundle, [row for row, _ in read], stated)
    if not np.array_equal(stated, gold_p, equal_nan=True):
        raise ExportError("golden.csv does not hold what the pipeline said")
    chosen = np.unique(np.linspace(0, len(frame) - 1, min(len(frame), VERIFIED_ROWS)).astype(int))
    compare("row", bundle, raw_rows(frame.iloc[chosen], columns), p[chosen])
    return len(read) + len(chosen)


def compare(what: str, bundle: reference.Bundle, rows: list[dict[str, reference.Raw]], expected: Floats) -> None:
    """Refuse the bundle where it answers otherwise than the pipeline, by the first row that shows it."""
    got = bundle.probabilities(rows)
    differing = np.flatnonzero((got != expected) & ~(np.isnan(got) & np.isnan(expected)))
    if not differing.size:
        return
    i = int(differing[0])
    if np.isnan(got[i]):
        try:
            bundle.features(rows[i])
        except reference.Refused as refused:
            raise ExportError(f"{what} {i}: the pipeline answers and the bundle would not, because {refused}") from None
    if np.isnan(expected[i]):
        raise ExportError(f"{what} {i}: the pipeline refuses it and the bundle would not")
    raise ExportError(
        f"{what} {i}: the bundle gives {float(got[i])!r} and the pipeline {float(expected[i])!r} "
        f"({len(differing)} of {len(rows)} rows differ): this is a fault of the exporter, please report it"
    )


def raw_rows(frame: pd.DataFrame, columns: list[RawColumn]) -> list[dict[str, reference.Raw]]:
    """Return rows as the reference evaluator takes them."""
    values = {c.name: [None if pd.isna(v) else v for v in frame[c.name].tolist()] for c in columns}
    return [{name: cells[i] for name, cells in values.items()} for i in range(len(frame))]
