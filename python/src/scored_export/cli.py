"""The command: from a pickled pipeline and a test period's rows to a bundle."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import joblib
from sklearn.exceptions import InconsistentVersionWarning

from .bundle import GRADES, Exported, export_bundle
from .dataset import Dataset, read_dataset
from .errors import DatasetError, ExportError, ExportWarning
from .notes import read_columns


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 written, 1 refused, 2 usage."""
    args = arguments(argv)
    try:
        done = export(args)
    except (ExportError, DatasetError, OSError) as err:
        print(f"scored-export: {err}", file=sys.stderr)
        return 1
    forests = f"{done.members} forests, " if done.members > 1 else ""
    print(
        f"{done.folder}: {forests}{done.trees} trees, {done.nodes} nodes, {done.features} features, "
        f"{done.bytes} bytes; {done.golden} golden rows, {done.refused} of them refused; equal to the pipeline on "
        f"{done.verified} rows"
    )
    print(f"{done.account.scored} of {done.account.rows} test rows scored")
    for what, count in done.account.figures().items():
        print(f"  {count:>8} {what}")
    for warning in done.account.warnings():
        print(f"scored-export: WARNING: {warning}", file=sys.stderr)
    return 0


def export(args: argparse.Namespace) -> Exported:
    """Write the bundle; what it warns of is in its account, too."""
    model = load(args.model)
    rows = read_dataset(args.rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExportWarning)
        return export_bundle(
            model,
            rows.X,
            args.out,
            name=args.name,
            positive=args.positive,
            period=args.period or period_of(rows),
            training={key: rows.meta[key] for key in ("job", "sql_digest") if key in rows.meta},
            grades=args.grades,
            columns=None if args.columns is None else read_columns(args.columns),
            labels=None if args.no_gains else rows.y,
            trained=args.trained,
            source=args.source,
        )


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(
        prog="scored-export", description="Write a fitted scikit-learn pipeline as a bundle."
    )
    parser.add_argument(
        "model", type=Path, metavar="MODEL.joblib", help="the pickled pipeline; loading it runs its code"
    )
    parser.add_argument(
        "--rows", type=Path, required=True, metavar="TEST.csv", help="a `scored dataset` of the test period"
    )
    parser.add_argument("--name", required=True, help="the model's name: lower case letters, digits and _")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the bundle's folder")
    parser.add_argument(
        "--positive", metavar="CLASS", help="the class whose probability is the score (default: 1 of 0/1)"
    )
    parser.add_argument("--period", help="what the rows are (default: first and last as_of)")
    parser.add_argument(
        "--columns",
        type=Path,
        metavar="FILE.toml",
        help="limits, rules for abnormal values and words for reasons, by column",
    )
    parser.add_argument("--no-gains", action="store_true", help="leave the rows' labels aside")
    parser.add_argument("--trained", type=moment, metavar="TIME", help="when it was trained, as 2026-05-04T13:00:00Z")
    parser.add_argument("--source", default="", metavar="REVISION", help="the revision of the training code")
    parser.add_argument(
        "--grades", type=grades, default=GRADES, metavar="A=90,B=70,C=40,D=0", help="cut-offs on the score"
    )
    return parser.parse_args(argv)


def grades(text: str) -> list[tuple[str, int]]:
    """Return the grades of `A=90,B=70`."""
    try:
        return [(grade, int(least)) for grade, least in (part.split("=") for part in text.split(","))]
    except ValueError as err:
        raise argparse.ArgumentTypeError("give grades as A=90,B=70,C=40,D=0") from err


def moment(text: str) -> datetime:
    """Return an instant; one without an offset is refused, as it could be anywhere's."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = datetime.min
    if when.tzinfo is None:
        raise argparse.ArgumentTypeError("give a time with its offset, as 2026-05-04T13:00:00Z")
    return when


def load(path: Path) -> Any:
    """Return the pickled pipeline, if it was pickled by the scikit-learn that is here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        try:
            return joblib.load(path)
        except OSError:
            raise
        except InconsistentVersionWarning as err:
            raise ExportError(
                f"{path} was pickled by scikit-learn {err.original_sklearn_version} and this is "
                f"{err.current_sklearn_version}: export it where it was trained"
            ) from err
        except Exception as err:  # a pickle may raise anything
            raise ExportError(f"{path} cannot be loaded: {type(err).__name__}: {err}") from err


def period_of(rows: Dataset) -> str:
    """Return the first and the last as_of."""
    if rows.as_of.empty:
        raise ExportError("the rows are empty: nothing to take the reference distribution from")
    first, last = rows.as_of.min(), rows.as_of.max()
    return f"{first:%Y-%m-%dT%H:%M:%SZ} to {last:%Y-%m-%dT%H:%M:%SZ}"


if __name__ == "__main__":
    sys.exit(main())
