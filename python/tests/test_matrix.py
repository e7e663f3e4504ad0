"""The ends of `make test-matrix` are those of the package's metadata."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PYTHON = Path(__file__).parents[1]
OLDEST, NEWEST = (PYTHON / "matrix" / f"{version}.txt" for version in ("1.6.0", "1.9.1"))


def pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+)==(\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE))


def numbers(version: str) -> list[int]:
    """Return a version's numbers, without the noughts at its end."""
    return [int(n) for n in re.sub(r"(\.0)+$", "", version).split(".")]


def test_the_oldest_and_the_newest_are_what_the_metadata_admits() -> None:
    metadata = tomllib.loads((PYTHON / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    oldest, newest, pinned = pins(OLDEST), pins(NEWEST), pins(PYTHON / "requirements.txt")
    for line in metadata:
        name, low, high = re.fullmatch(r"([\w-]+)>=([\d.]+)(?:,<([\d.]+))?", line).groups()  # type: ignore[union-attr]
        assert numbers(oldest[name]) == numbers(low), line
        assert newest[name] == pinned[name]
        assert high is None or numbers(low) <= numbers(newest[name]) < numbers(high)
    for path in (OLDEST, NEWEST):
        assert pins(path)["scikit-learn"] == path.stem


def test_every_file_of_the_matrix_is_run() -> None:
    makefile = (PYTHON.parent / "Makefile").read_text(encoding="utf-8")
    (versions,) = re.findall(r"^MATRIX := (.*)$", makefile, re.MULTILINE)
    assert sorted(versions.split()) == sorted(path.stem for path in (PYTHON / "matrix").glob("*.txt"))
