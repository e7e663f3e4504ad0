"""The measurement: a child for each engine, and rounds in which each scores once with each number of threads."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import peers
from .child import Child, ChildError
from .forests import Forest

OURS, REASONS, LEAVES = "scored", "scored, with reasons", "leaves"
THREADS = (1, 2)
BUILD_SECONDS, BUILD_BYTES = 600, 8 << 30
LEAST_ROWS = 2048  # of a round
ANSWER_SECONDS = 300  # for what is not compiled
# An answer further from scikit-learn's is wrong: sums of 500 float32s stay within 1e-6.
WRONG = 1e-6


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int
    seconds: float  # of one engine in one round
    build: bool  # whether there is time to compile


@dataclass
class Contender:
    """An engine with what was found of it."""

    name: str
    version: str
    child: Child | None = None
    problem: str = ""
    build: dict[str, Any] = field(default_factory=dict)
    load: dict[str, Any] = field(default_factory=dict)
    rows: dict[int, int] = field(default_factory=dict)  # that it scores in a round, by threads
    rates: dict[int, list[float]] = field(default_factory=lambda: {t: [] for t in THREADS})
    cores: dict[int, list[float]] = field(default_factory=lambda: {t: [] for t in THREADS})
    difference: float = 0.0  # from scikit-learn's answers, at most
    near_difference: float = 0.0  # the same for rows on the thresholds and next to them

    def result(self) -> dict[str, Any]:
        """What build/bench.json keeps."""
        found: dict[str, Any] = {"name": self.name, "version": self.version, "build": self.build}
        if self.problem:
            return found | {"problem": self.problem}
        return found | {
            "load_seconds": self.load["seconds"],
            "bytes": self.load["bytes"],
            "difference": self.difference,
            "near_difference": self.near_difference,
            "wrong": max(self.difference, self.near_difference) > WRONG,
            "threads": {
                str(t): {
                    "rows": self.rows[t],
                    # What else goes on takes whole seconds away from one engine or another, and never adds any.
                    "rate": max(self.rates[t]),
                    "rates": self.rates[t],
                    "cores": statistics.median(self.cores[t]),
                }
                for t in THREADS
            },
        }


class Measurement:
    """All engines on one forest."""

    def __init__(self, forest: Forest, effort: Effort, binary: Path, failed: dict[str, str]) -> None:
        self.forest, self.effort, self.binary = forest, effort, binary.resolve()
        self.failed = failed  # the smaller forest that an engine did not build for, by the engine's name
        self.expected = {path: forest.answers(path) for path in (forest.rows, forest.near)}
        self.contenders: list[Contender] = []

    def run(self) -> list[dict[str, Any]]:
        """Measure, and return what was found of each engine."""
        try:
            self.start()
            for contender in self.running():
                self.attempt(contender, self.warm)
            for turn in range(self.effort.rounds):
                say(f"  round {turn + 1} of {self.effort.rounds}")
                for threads in THREADS:
                    for contender in self.running():
                        self.attempt(contender, self.score, threads)
        finally:
            for contender in self.contenders:
                if contender.child:
                    contender.child.end()
        return [contender.result() for contender in self.contenders]

    def running(self) -> list[Contender]:
        """The engines that had no problem so far."""
        return [c for c in self.contenders if not c.problem]

    def attempt(self, contender: Contender, work: Any, *arguments: Any) -> None:
        """Do work; an engine that fails keeps the problem and takes no further part."""
        try:
            work(contender, *arguments)
        except ChildError as problem:
            contender.problem = str(problem)
            say(f"  {contender.name}: {problem}")

    def start(self) -> None:
        """Convert the forest where that is not done yet, and start the children."""
        self.start_go()
        for engine in peers.ENGINES:
            contender = Contender(engine.name, engine.version())
            self.contenders.append(contender)
            self.attempt(contender, self.prepare, engine)
            if not contender.problem:
                contender.child = Child(self.worker(engine))

    def start_go(self) -> None:
        """Start the one child of the engines in Go."""
        go = Child([str(self.binary), str(self.forest.folder / "forest.bin")])
        versions = go_versions(self.binary)
        for name in (OURS, REASONS, LEAVES):
            self.contenders.append(Contender(name, versions.get(name, ""), child=go))

    def worker(self, engine: type[peers.Engine]) -> list[str]:
        """The command of an engine's child."""
        return [sys.executable, "-m", "bench.worker", engine.name, str(self.forest.folder)]

    def prepare(self, contender: Contender, engine: type[peers.Engine]) -> None:
        """Convert the forest for an engine within the limits, once per version: what happened is kept beside it."""
        kept = self.forest.folder / f"{engine.package}-{contender.version}.json"
        if not kept.exists():
            if engine.built and engine.name in self.failed:
                raise ChildError(f"not tried, for it did not build a smaller one ({self.failed[engine.name]})")
            if engine.built and not self.effort.build:
                raise ChildError("not built in a quick run")
            say(f"  {engine.name}: converting")
            kept.write_text(json.dumps(self.build(engine)))
        contender.build = json.loads(kept.read_text())
        if "problem" in contender.build:
            self.failed.setdefault(engine.name, self.forest.shape.title)
            raise ChildError(f"did not build: {contender.build['problem']}")

    def build(self, engine: type[peers.Engine]) -> dict[str, Any]:
        """Convert the forest for an engine and return how long that took, or what happened instead."""
        child = Child(self.worker(engine), memory=BUILD_BYTES)
        try:
            return child.ask(BUILD_SECONDS, do="prepare")
        except ChildError as problem:
            return {"problem": str(problem)}
        finally:
            child.end()

    def warm(self, contender: Contender) -> None:
        """Load the forest, compare the answers next to thresholds, and see how many rows a round has time for."""
        near = len(self.expected[self.forest.near])
        contender.load = self.ask(contender, do="load", rows=str(self.forest.near), count=near)
        for threads in THREADS:
            took = self.predict(contender, self.forest.near, near, threads)
            rate = near / took["seconds"]
            rows = min(self.forest.shape.rows, max(LEAST_ROWS, int(rate * self.effort.seconds)))
            contender.rows[threads] = rows
            self.predict(contender, self.forest.rows, rows, threads)

    def score(self, contender: Contender, threads: int) -> None:
        """Time one engine once."""
        rows = contender.rows[threads]
        took = self.predict(contender, self.forest.rows, rows, threads)
        contender.rates[threads].append(rows / took["seconds"])
        contender.cores[threads].append(took["cpu"] / took["seconds"])

    def predict(self, contender: Contender, rows: Path, count: int, threads: int) -> dict[str, Any]:
        """Have the first rows of a file scored, and compare the answers with scikit-learn's."""
        answers = self.forest.folder / "answers.f64"
        took = self.ask(contender, do="predict", rows=str(rows), count=count, threads=threads, answers=str(answers))
        difference = distance(np.fromfile(answers, dtype=np.float64), self.expected[rows][:count])
        if rows == self.forest.near:
            contender.near_difference = max(contender.near_difference, difference)
        else:
            contender.difference = max(contender.difference, difference)
        return took

    def ask(self, contender: Contender, **request: Any) -> dict[str, Any]:
        """Ask an engine's child."""
        if not contender.child:
            raise ChildError("has no process")
        return contender.child.ask(ANSWER_SECONDS, engine=contender.name, **request)


def distance(found: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]) -> float:
    """Return how far answers lie apart at most; a number of answers that differs, or a NaN, is infinitely far."""
    if found.shape != expected.shape or np.isnan(found).any():
        return float("inf")
    return float(np.abs(found - expected).max())


def go_versions(binary: Path) -> dict[str, str]:
    """Read leaves' version from the binary."""
    listed = subprocess.run(["go", "version", "-m", binary], capture_output=True, text=True, check=True)  # noqa: S603, S607
    for line in listed.stdout.splitlines():
        words = line.split()
        if words[:2] == ["dep", "github.com/dmitryikh/leaves"]:
            return {LEAVES: words[2]}
    return {}


def say(text: str) -> None:
    """Tell of progress."""
    print(text, file=sys.stderr, flush=True)
