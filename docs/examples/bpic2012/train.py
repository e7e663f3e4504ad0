"""Trains the forest on what `scored dataset` wrote, and writes its bundle.

    python train.py training.csv reference.csv bundle model.joblib

training.csv has labels, each of them known on the day the model goes live. reference.csv has none: it holds the rows of
the 30 days in between, whose labels are not known yet. The score's reference distribution needs no labels and must not
come from training rows, so it is theirs.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import joblib
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from scored_export import export_bundle, read_columns, read_dataset

training, reference, bundle, keep = (Path(name) for name in sys.argv[1:])

data = read_dataset(training)
if data.y is None:
    sys.exit(f"train: {training} has no labels")
model = Pipeline(
    [
        (
            "columns",
            ColumnTransformer(
                [("step", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["last_step"])],
                remainder="passthrough",  # numbers as they are; the trees route missing ones
            ),
        ),
        (
            "forest",
            RandomForestClassifier(n_estimators=200, max_leaf_nodes=112, min_samples_leaf=10, random_state=1, n_jobs=2),
        ),
    ]
).fit(data.X, data.y)
trained = datetime.now(UTC)
model[-1].n_jobs = 1  # trees are summed in their order: probabilities are reproducible to the last bit

later = read_dataset(reference)
period = f"{later.as_of.min():%Y-%m-%d} to {later.as_of.max():%Y-%m-%d}"
done = export_bundle(
    model,
    later.X,
    bundle,
    name="loan_applications",
    period=period,
    training={"rows": len(data.X), "accepted": float(data.y.mean()), "sql_digest": data.meta["sql_digest"]},
    columns=read_columns(Path(__file__).with_name("columns.toml")),
    trained=trained,
)
joblib.dump(model, keep)  # for evaluate.py; what goes live is the bundle

print(f"trained on    {len(data.X)} rows of {data.key.nunique()} applications, {data.y.mean():.1%} accepted")
print(f"reference     {len(later.X)} rows, {period}")
for what, count in done.account.figures().items():
    print(f"              {count} of them {what}")
print(f"bundle        {done.trees} trees, {done.nodes} nodes, {done.bytes} bytes, {done.golden} golden rows")
