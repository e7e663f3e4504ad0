"""Figures of the test period: the distribution of the score and of each raw column, and what the best rows hold."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .ask import Floats
from .columns import RawColumn
from .errors import ExportError

BINS = 20
TEXTS = 20
TOPS = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5)
Flags = npt.NDArray[np.bool_]


def reference_figures(
    frame: pd.DataFrame, p: Floats, columns: list[RawColumn], period: str, positives: npt.NDArray[Any] | None
) -> dict[str, Any]:
    """Return the figures of the rows that have a probability; `positives` holds 1, 0, or NaN without a label."""
    scored = ~np.isnan(p)
    quantiles = np.percentile(p[scored], np.arange(101), method="higher")
    out: dict[str, Any] = {
        "period": period,
        "rows": int(scored.sum()),
        "quantiles": [float(q) for q in quantiles],
        "histograms": [histogram(c, frame[c.name][scored]) for c in columns],
    }
    if positives is not None and (captured := gains(p[scored], positives[scored])):
        out["gains"] = captured
    return out


def histogram(column: RawColumn, values: pd.Series) -> dict[str, Any]:
    """Return a column's histogram."""
    missing = int(values.isna().sum())
    present = values[values.notna()]
    if column.kind == "number":
        return {"column": column.name, "missing": missing, **of_numbers(present.to_numpy(dtype="float64"))}
    counts = present.value_counts()
    ranked = sorted(((int(n), str(text)) for text, n in counts.items()), key=lambda pair: (-pair[0], pair[1]))
    return {
        "column": column.name,
        "missing": missing,
        "values": [{"text": text, "count": n} for n, text in ranked[:TEXTS]],
        "other": sum(n for n, _ in ranked[TEXTS:]),
    }


def of_numbers(x: Floats) -> dict[str, Any]:
    """Return edges and counts. A few distinct values get a bin each, many get bins of about equal counts."""
    finite = x[np.isfinite(x)]
    if not finite.size:
        return {"edges": [], "counts": []}
    least, greatest = float(finite.min()), float(finite.max())
    distinct = np.unique(finite)
    if len(distinct) <= BINS:
        inner = np.unique(distinct[:-1] / 2 + distinct[1:] / 2)
    else:
        inner = np.unique(np.percentile(finite, np.linspace(0, 100, BINS + 1)[1:-1], method="higher"))
    edges = [least, *(float(e) for e in inner if least < e < greatest), greatest]
    if least == greatest:
        return {"edges": [least, greatest], "counts": [len(x)]}
    bins = np.searchsorted(edges, np.clip(x, least, greatest), side="right") - 1
    counts = np.bincount(np.minimum(bins, len(edges) - 2), minlength=len(edges) - 1)
    return {"edges": edges, "counts": [int(n) for n in counts]}


def gains(p: Floats, positives: npt.NDArray[Any]) -> dict[str, Any] | None:
    """Return the part of the positives among the best rows; rows of equal probability rank as they came."""
    labelled = ~np.isnan(positives)
    p, truth = p[labelled], positives[labelled]
    total = int(truth.sum())
    if total == 0:
        return None
    ranked = truth[np.argsort(-p, kind="stable")]
    shares = [(top, float(ranked[: round(len(ranked) * top)].sum() / total)) for top in TOPS]
    return {"positives": total, "captured": [{"top": top, "share": share} for top, share in shares]}


def positives_of(labels: pd.Series, rows: pd.Index, classes: npt.NDArray[Any], index: int) -> npt.NDArray[Any]:
    """Return 1 for the positive class, 0 for another one, NaN without a label."""
    if len(labels) != len(rows):
        raise ExportError(f"there are {len(labels)} labels for {len(rows)} rows: give one per row, in the same order")
    if isinstance(labels, pd.Series) and not labels.index.equals(rows) and Counter(labels.index) == Counter(rows):
        raise ExportError(
            "the labels hold the rows' index in another order: give labels.loc[rows.index], or, if they are in the "
            "rows' order, labels.set_axis(rows.index)"
        )
    known = classes.tolist()
    out = np.full(len(rows), np.nan)
    for i, label in enumerate(labels.tolist()):
        if pd.isna(label):
            continue
        if label not in known:
            raise ExportError(
                f"the label of row {i}, of type {type(label).__name__}, is none of the model's classes, "
                f"{', '.join(map(repr, known))} of type {type(known[0]).__name__}: give labels as training had them, "
                "or none (--no-gains)"
            )
        out[i] = known.index(label) == index
    return out
