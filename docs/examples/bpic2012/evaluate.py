"""Compares what was delivered on each morning with scikit-learn, and says what the list was worth.

It reads live.csv, which `scored dataset` gives for the mornings of the runs, labels included; org.csv, what the org
held after each of them; history.csv, what the runs appended to scored.scores; and what train.py read and wrote. Exit
code 1 if anything is not scikit-learn's answer.
"""

import json
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from scored_export import read_dataset

KEYS = ["as_of", "application_key"]


def rows_with_scores() -> pd.DataFrame:
    """Return a row per application and morning: what scikit-learn says, what was delivered, and what came of it."""
    data = read_dataset("live.csv")
    manifest = json.loads(Path("bundle/manifest.json").read_text(encoding="utf-8"))
    p = joblib.load("model.joblib").predict_proba(data.X)[:, 1]
    score = (np.searchsorted(manifest["reference"]["quantiles"], p, side="right") - 1).clip(0, 100)
    grade = [next(g["grade"] for g in manifest["grades"] if s >= g["min_score"]) for s in score]
    rows = pd.DataFrame(
        {"as_of": data.as_of, "application_key": data.key, "p": p, "score": score, "grade": grade}
        | {"accepted": data.y, "days_open": data.X["days_open"]}
    )
    for name in ("org", "history"):
        rows = rows.merge(read(f"{name}.csv"), on=KEYS, how="outer", suffixes=("", f"_in_{name}"))
    return rows


def read(path: str) -> pd.DataFrame:
    """Return what stood in the org or in the history. Floats are read to the last bit."""
    frame = pd.read_csv(path, dtype={"application_key": str}, float_precision="round_trip")
    for column in frame.columns.intersection(["as_of", "written"]):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame


def compare(rows: pd.DataFrame) -> int:
    """Print how scikit-learn compares with what was delivered, and return the number of differences."""
    listed = rows.p.notna()
    sent = rows.written == rows.as_of
    kept = rows.probability_in_history.notna()
    # The org gets six decimals. Both sides round the same double correctly, so that they must be equal, not close.
    rounded = np.array([float(f"{p:.6f}") for p in rows.p])
    wrong = sent & (rows.probability != rounded)
    inexact = (sent | kept) & (rows.probability_in_history != rows.p)
    stale = listed & ((rows.score != rows.score_in_org) | (rows.grade != rows.grade_in_org))
    print(f"delivered     {sent.sum()} probabilities; {(sent & ~wrong).sum()} == predict_proba, {wrong.sum()} differ")
    print(f"in full       {kept.sum()} of them in the history; {inexact.sum()} differ in any bit")
    print(f"on the lists  {listed.sum()} scores and grades; {stale.sum()} differ")
    print(f"not on them   {(sent & ~listed).sum()} delivered")
    return int(sum(bad.sum() for bad in (wrong, inexact, stale, sent & ~listed)))


def best(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the tenth of the rows with the highest probabilities."""
    return rows.sort_values("p", ascending=False, kind="stable").head(round(len(rows) / 10))


def figures(rows: pd.DataFrame) -> None:
    """Print what the scores were worth."""
    rows = rows[rows.p.notna()].sort_values(KEYS)
    # The last reference rows are of the moment the model went live: what is not among them was submitted later.
    later = rows[~rows.application_key.isin(read_dataset("reference.csv").key)]
    report("first score", [later.drop_duplicates("application_key")])
    report("a week on", [later[later.days_open >= 7].drop_duplicates("application_key")])
    # For comparison only: which score is the last is known when the application is decided.
    report("last score", [later.drop_duplicates("application_key", keep="last")])
    report("a day's list", [day for _, day in rows.groupby("as_of") if day.accepted.nunique() == 2])
    print(f"score >= 90   {(rows.score >= 90).mean():.1%} of the rows")


def report(what: str, lists: list[pd.DataFrame]) -> None:
    """Print one line of figures, on average of the lists."""
    found = np.mean([best(rows).accepted.sum() / rows.accepted.sum() for rows in lists])
    right = np.mean([best(rows).accepted.mean() for rows in lists])
    base = np.mean([rows.accepted.mean() for rows in lists])
    auc = np.mean([roc_auc_score(rows.accepted, rows.p) for rows in lists])
    size = np.mean([len(rows) for rows in lists])
    print(
        f"{what:13} {len(lists)} x {size:.0f} applications, {base:.1%} accepted; the top 10 % hold {found:.1%} of the "
        f"accepted, and {right:.1%} of them are; ROC AUC {auc:.3f}"
    )


def main() -> int:
    """Run the script."""
    rows = rows_with_scores()
    differing = compare(rows)
    figures(rows)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
