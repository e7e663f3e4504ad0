"""Writes a bundle, reads it again, and hands it out only if it gives what the pipeline gives, bit for bit."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from . import reference
from .account import Account
from .arguments import check_arguments, check_inputs, checked_grades, checked_labels
from .ask import Floats
from .blocks import Block
from .calibration import Member, Model
from .columns import ANSWER, RawColumn, raw_columns
from .contract import Contract, contract_of
from .errors import BundleError, ExportError, ExportWarning
from .figures import positives_of, reference_figures
from .golden import golden_rows, write_rows
from .lower import lower
from .notes import Notes, notes_of
from .trees import Trees, trees_of

GRADES = (("A", 90), ("B", 70), ("C", 40), ("D", 0))
TOLERANCE = 1e-9
# A calibrated probability passes through an exponential, which libraries round differently.
CALIBRATED_TOLERANCE = 1e-12
VERIFIED_ROWS = 5000
LINE = 100
# Fewer could leave every family of golden rows without a share.
MIN_GOLDEN = 10
MAX_GOLDEN, MAX_GOLDEN_BYTES, MAX_MANIFEST = 100_000, 256 << 20, 8 << 20
# Golden rows times what one of them takes at every load.
MAX_GOLDEN_FEATURES, MAX_GOLDEN_STEPS, MAX_GOLDEN_LEVELS = 1 << 24, 1 << 28, 1 << 28
GOLDEN, MANIFEST, DIGEST = "golden.csv", "manifest.json", "manifest.sha256"


@dataclass(frozen=True)
class Exported:
    """What was written."""

    folder: Path
    bytes: int
    members: int  # forests
    trees: int
    nodes: int
    features: int
    golden: int
    refused: int  # of the golden rows
    verified: int  # rows on which the bundle was compared with the pipeline
    gains: dict[
        float, float
    ]  # the best part of the rows -> the part of the positives that it holds; empty without labels
    account: Account  # of the test period's rows


def export_bundle(
    pipeline: Any,
    rows: pd.DataFrame,
    out_dir: str | os.PathLike[str],
    *,
    name: str,
    positive: str | float | None = None,
    period: str,
    training: Mapping[str, Any] | None = None,
    grades: Iterable[tuple[str, int]] = GRADES,
    columns: Mapping[str, Any] | None = None,
    labels: pd.Series | npt.NDArray[Any] | Sequence[Any] | None = None,
    trained: datetime | None = None,
    source: str = "",
    created: datetime | None = None,
    golden: int = 400,
    seed: int = 20260101,
) -> Exported:
    """Write a fitted pipeline as a bundle.

    Args:
        pipeline: a fitted Pipeline that ends in a RandomForestClassifier or an ExtraTreesClassifier, such a forest
            fitted on a DataFrame, or a CalibratedClassifierCV of either.
        rows: raw rows of the test period, never of training: the reference distribution is theirs, and golden rows are
            drawn from them.
        out_dir: the bundle's folder; files of an earlier export are replaced once the new ones are proven.
        name: the model's name.
        positive: the class whose probability is the score; may be left out for 0/1 and false/true.
        period: what `rows` are, in words or dates.
        training: what to remember of training; anything JSON holds.
        grades: cut-offs on the score, descending, the last 0.
        columns: limits, rules for abnormal values and words for reasons by column, as `read_columns` gives them.
        labels: what became of the rows, if known, in their order: gains are computed from them.
        trained: when the model was trained.
        source: the revision of the training code.
        created: when, instead of now.
        golden: at most so many golden rows; of a very large model, as many of them as scored takes.
        seed: of the choice of golden rows.

    Raises:
        ExportError: the bundle cannot carry the pipeline exactly; the text says why and what to do.
    """
    check_arguments(
        pipeline,
        rows,
        columns,
        name=name,
        period=period,
        source=source,
        training=training,
        moments={"trained": trained, "created": created},
    )
    cutoffs, labels = checked_grades(grades), checked_labels(labels)
    if golden < MIN_GOLDEN:
        raise ExportError(f"golden is {golden}: ask for at least {MIN_GOLDEN} golden rows, a bundle is proven by them")
    model, raw, frame, members, notes, contract, p = prepared(pipeline, rows, positive, columns)
    reasons = notes.reasons()
    if np.isnan(p).all():
        counts = [f"{name} refuses {count}" for name, count in contract.refusals(frame).items()]
        counts += [f"{change} in {count}" for change, count in contract.changes(frame).items()]
        raise ExportError(
            f"the contract refuses every row (of {len(frame)}, {', '.join(counts)}): widen the limits in the columns "
            "file, or take out nullable = false"
        )
    truth = None if labels is None else positives_of(labels, rows.index, model.classes, model.positive_index)
    limit = min(golden, most_golden(members))
    gold, gold_p = golden_rows(frame, p, contract, [(m.blocks, m.member.oracle) for m in members], limit, seed)

    out = Path(out_dir)
    if out.exists() and not out.is_dir():
        raise ExportError(f"{out} is a file: name a folder for the bundle")
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        files = [m.file for m in members] + [GOLDEN]
        for m in members:
            m.trees.write(scratch / m.file)
        write_rows(scratch / GOLDEN, gold, gold_p)
        if (size := (scratch / GOLDEN).stat().st_size) > MAX_GOLDEN_BYTES:
            raise ExportError(
                f"{GOLDEN} would have {size} bytes, and {MAX_GOLDEN_BYTES} are the most: ask for fewer golden rows"
            )
        manifest: dict[str, Any] = {
            "format": "scored-bundle/2",
            "name": name,
            "created": instant(created or datetime.now(UTC)),
            **({"trained": instant(trained)} if trained else {}),
            "source": source,
            "kind": model.kind,
            "versions": versions(),
            "training": dict(training or {}),
            "files": [described(scratch / file) for file in files],
            "contract": contract.as_json(),
            "members": [m.as_json() for m in members],
            "positive": model.positive,
            "reference": reference_figures(frame, p, raw, period, truth),
            "reasons": reasons,
            "grades": [{"grade": grade, "min_score": least} for grade, least in cutoffs],
            "golden": {"rows": len(gold), "tolerance": TOLERANCE},
        }
        write_manifest(scratch / MANIFEST, manifest)
        write_digest(scratch / DIGEST, scratch / MANIFEST)
        tolerance = CALIBRATED_TOLERANCE if model.calibrated else 0.0
        verified, refused = verify(scratch, raw, gold, gold_p, frame, p, tolerance)
        files += [MANIFEST, DIGEST]
        replaced(scratch, out, files)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    scored = ~np.isnan(p)
    account = Account(len(frame), int(scored.sum()), refused, contract.changes(frame[scored]))
    for warning in account.warnings():
        warnings.warn(warning, ExportWarning, stacklevel=2)
    return Exported(
        folder=out,
        bytes=sum((out / file).stat().st_size for file in files),
        members=len(members),
        trees=sum(len(m.trees.sizes) for m in members),
        nodes=sum(len(m.trees.feature) for m in members),
        features=members[0].trees.features,
        golden=len(gold),
        refused=int(np.isnan(gold_p).sum()),
        verified=verified,
        gains={c["top"]: c["share"] for c in manifest["reference"].get("gains", {"captured": []})["captured"]},
        account=account,
    )


def expected(
    pipeline: Any,
    rows: pd.DataFrame,
    *,
    positive: str | float | None = None,
    columns: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Return rows with what a bundle of the pipeline must say of them.

    Written with `to_csv(path, index=False)`, they are a file for `scored model verify --rows`.

    Args:
        pipeline: as export_bundle got it.
        rows: raw rows; other columns than the pipeline's are left as they are.
        positive: as export_bundle got it.
        columns: as export_bundle got them: their rules come before the pipeline.

    Returns:
        The rows, with the column `probability`: a number, or the text `refused` where the contract or the pipeline
        takes no such row.

    Raises:
        ExportError: the bundle cannot carry the pipeline exactly, or the pipeline refuses all rows.
    """
    check_inputs(pipeline, rows, columns)
    understood = prepared(pipeline, rows, positive, columns)
    out = rows.copy()
    for column in understood.raw:
        out[column.name] = understood.frame[column.name].set_axis(rows.index)
    said = ["refused" if np.isnan(p) else float(p) for p in understood.p]
    out[ANSWER] = pd.Series(said, index=rows.index, dtype="object")
    return out


class Prepared(NamedTuple):
    """A pipeline, understood."""

    model: Model
    raw: list[RawColumn]
    frame: pd.DataFrame
    members: list[Carried]
    notes: Notes
    contract: Contract
    p: Floats  # what the model says of the frame's rows under the contract


def prepared(
    pipeline: Any, rows: pd.DataFrame, positive: str | float | None, columns: Mapping[str, Any] | None
) -> Prepared:
    """Return what a pipeline takes and does, found out by asking it about the rows."""
    model = Model(pipeline, positive)
    raw, frame, p = raw_columns(rows, model, [member.oracle.serial for member in model.members])
    notes = notes_of(columns or {}, raw)
    answered = frame[~np.isnan(p)]
    model.check_given(answered, p[~np.isnan(p)])
    # A pipeline may answer for an infinite number, and the contract lets none through.
    finite = answered[~np.isinf(answered.select_dtypes("float64")).any(axis=1)]
    if finite.empty:
        raise ExportError("every row that the pipeline takes holds an infinite number, which scored rejects")
    members = carried(model, raw, finite[:20].reset_index(drop=True))
    contract = contract_of(notes, [m.blocks for m in members], model)
    return Prepared(model, raw, frame, members, notes, contract, contract.probabilities(frame, p))


@dataclass(frozen=True)
class Carried:
    """A member as the bundle holds it."""

    file: str
    member: Member
    blocks: list[Block]
    trees: Trees

    def as_json(self) -> dict[str, Any]:
        """Return the member as the manifest holds it."""
        calibration = self.member.calibration
        return {
            "forest": self.file,
            "transform": [block.as_json() for block in self.blocks],
            "features": self.member.oracle.feature_names(),
            **({} if calibration is None else {"calibration": calibration.as_json()}),
        }


def carried(model: Model, raw: list[RawColumn], sample: pd.DataFrame) -> list[Carried]:
    """Return the members as the bundle holds them; a transform that members share is asked once."""
    asked: dict[tuple[int, ...], list[Block]] = {}
    out = []
    for i, member in enumerate(model.members, 1):
        file = "forest.bin" if len(model.members) == 1 else f"forest-{i}.bin"
        before = member.oracle.before
        shared = () if before is None else tuple(id(step) for _, step in before.steps)
        if shared not in asked:
            asked[shared] = lower(member.oracle, raw, sample)
        out.append(Carried(file, member, asked[shared], trees_of(member.oracle.forest, member.oracle.positive_index)))
    return out


def most_golden(members: list[Carried]) -> int:
    """Return how many golden rows scored takes with these members, or refuse members that leave too few."""
    plans = {json.dumps([block.as_json() for block in m.blocks]): m.blocks for m in members}.values()
    features = sum(block.width for blocks in plans for block in blocks)
    steps = sum(1 + len(block.steps) for blocks in plans for block in blocks)
    levels = sum(int(tree.tree_.max_depth) + 1 for m in members for tree in m.member.oracle.forest.estimators_)
    most = min(MAX_GOLDEN, MAX_GOLDEN_FEATURES // features, MAX_GOLDEN_STEPS // steps, MAX_GOLDEN_LEVELS // levels)
    if most < MIN_GOLDEN:
        raise ExportError(
            f"scored takes {most} golden rows of a model of {features} features, {steps} steps and trees of {levels} "
            f"levels together, and {MIN_GOLDEN} are the fewest that prove it: group rare categories "
            "(OneHotEncoder(min_frequency=...)), take fewer or shallower trees, or calibrate with ensemble=False"
        )
    return most


def replaced(scratch: Path, out: Path, files: list[str]) -> None:
    """Put the files in place, and take away forests of an earlier export."""
    out.mkdir(exist_ok=True)
    for file in files:
        os.replace(scratch / file, out / file)
    for old in [out / "forest.bin", *out.glob("forest-*.bin")]:
        if old.name not in files:
            old.unlink(missing_ok=True)


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


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest: a line per entry of its long lists, so that two exports can be compared by eye."""
    text = lines_of(json.loads(json.dumps(manifest, allow_nan=False)))
    if (size := len(text.encode()) + 1) > MAX_MANIFEST:
        raise ExportError(
            f"the manifest would have {size} bytes, and {MAX_MANIFEST} are the most: group rare categories "
            "(OneHotEncoder(min_frequency=...)), or calibrate with ensemble=False"
        )
    path.write_text(text + "\n", encoding="utf-8")


def lines_of(value: Any, indent: int = 1) -> str:
    """Return JSON: what fits on a line and holds nothing nested on one line, else a line per entry."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    entries = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if not entries or (len(line) <= LINE and not any(isinstance(entry, dict | list) for entry in entries)):
        return line
    texts = [lines_of(entry, indent + 1) for entry in entries]
    if isinstance(value, dict):
        texts = [f"{json.dumps(key, ensure_ascii=False)}: {text}" for key, text in zip(value, texts, strict=True)]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    inner = ",\n".join(" " * indent + text for text in texts)
    return f"{opening}\n{inner}\n{' ' * (indent - 1)}{closing}"


def write_digest(path: Path, of: Path) -> None:
    """Write a file's digest as sha256sum prints it: a flipped bit in the manifest shows at every load."""
    path.write_text(f"{hashlib.sha256(of.read_bytes()).hexdigest()}  {of.name}\n", encoding="ascii")


def verify(
    folder: Path,
    columns: list[RawColumn],
    gold: pd.DataFrame,
    gold_p: Floats,
    frame: pd.DataFrame,
    p: Floats,
    tolerance: float,
) -> tuple[int, dict[str, int]]:
    """Compare the files with the pipeline.

    Returns:
        The number of rows compared, and how many rows of the frame are refused by reason, the most frequent first.
    """
    try:
        bundle = reference.Bundle(folder)
        read = bundle.golden()
        stated = np.array([np.nan if answer is None else answer for _, answer in read])
        compare("golden row", bundle, [row for row, _ in read], stated, tolerance)
        if not np.array_equal(stated, gold_p, equal_nan=True):
            raise ExportError("golden.csv does not hold what the pipeline said")
        chosen = np.unique(np.linspace(0, len(frame) - 1, min(len(frame), VERIFIED_ROWS)).astype(int))
        compare("row", bundle, raw_rows(frame.iloc[chosen], columns), p[chosen], tolerance)
        return len(read) + len(chosen), refusals(bundle, frame, p, columns)
    except BundleError as err:
        raise ExportError(
            f"the bundle cannot be read again: {err}: this is a fault of the exporter, please report it"
        ) from err


def refusals(bundle: reference.Bundle, frame: pd.DataFrame, p: Floats, columns: list[RawColumn]) -> dict[str, int]:
    """Return how many rows are refused by reason, the most frequent first."""
    counts: Counter[str] = Counter()
    refused = np.flatnonzero(np.isnan(p))
    for i, row in zip(refused, raw_rows(frame.iloc[refused], columns), strict=True):
        reason = bundle.refusal(row)
        if reason is None:
            raise ExportError(f"row {i}: the pipeline refuses it and the bundle would not")
        counts[reason] += 1
    return dict(counts.most_common())


def compare(
    what: str, bundle: reference.Bundle, rows: list[dict[str, reference.Raw]], expected: Floats, tolerance: float
) -> None:
    """Refuse the bundle where it answers otherwise than the pipeline, by the first row that shows it."""
    got = bundle.probabilities(rows)
    differing = np.flatnonzero(~(np.abs(got - expected) <= tolerance) & ~(np.isnan(got) & np.isnan(expected)))
    if not differing.size:
        return
    i = int(differing[0])
    if np.isnan(got[i]):
        raise ExportError(f"{what} {i}: the pipeline answers and the bundle would not: {bundle.refusal(rows[i])}")
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
