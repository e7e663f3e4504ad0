"""`python -m bench --binary PATH --cache FOLDER --out FILE [--quick]`: measure, print the tables and write the file."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
from pathlib import Path
from typing import Any

from . import forests, tables
from .measure import Effort, Measurement, say


def main() -> None:
    """Measure every forest, the smallest first."""
    arguments = argparse.ArgumentParser(prog="bench", description=__doc__)
    arguments.add_argument("--binary", type=Path, required=True, help="cmd/bench/forest, built")
    arguments.add_argument("--cache", type=Path, required=True, help="folder that keeps forests and conversions")
    arguments.add_argument("--out", type=Path, required=True, help="JSON file of what was measured")
    arguments.add_argument("--quick", action="store_true", help="fewer rows and rounds, nothing is compiled")
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the children are ended, too

    shapes = (forests.T50, forests.D12, forests.UL5, forests.UL1)
    effort = Effort(rounds=5, seconds=0.3, build=False) if given.quick else Effort(rounds=9, seconds=0.5, build=True)
    found: dict[str, Any] = {"machine": machine(), "quick": given.quick, "rounds": effort.rounds, "forests": []}
    failed: dict[str, str] = {}
    for shape in shapes:
        say(f"{shape.title}: training, unless it is kept")
        forest = forests.forest(shape, given.cache)
        engines = Measurement(forest, effort, given.binary, failed).run()
        facts = {"name": shape.name, "title": shape.title, "trees": shape.trees, "nodes": forest.nodes}
        facts |= {"deepest": forest.deepest, "visits": forest.visits, "engines": engines}
        found["forests"].append(facts)
        print(tables.forest(facts), flush=True)
        # Written after each forest, so that what was measured outlives what fails later.
        given.out.write_text(json.dumps(found, indent=1) + "\n")
    print(tables.targets(found), flush=True)


def machine() -> dict[str, object]:
    """Say what kind of machine this is."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
