"""The tables, as printed and as docs/benchmark.md holds them.

`python -m bench.tables build/bench.json build/bench-run.txt docs/benchmark.md` puts them into the page.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from .measure import LEAVES, OURS, REASONS

HEAD = (
    "Engine",
    "1 thread, rows/s",
    "scored is",
    "2 threads, rows/s",
    "scored is",
    "2 over 1",
    "ns/visit",
    "load",
    "memory",
    "bytes/node",
    "off by",
    "near thresholds",
)

# How many times as fast as scikit-learn the forest is to be; the rest of the targets is the same for all.
SCIKIT_LEARN = {"d12": 5.0, "ul5": 4.0, "ul1": 2.0}
REASONS_COST = 2.5

# A thread that gets less of a core than this was held up by others.
BUSY = 0.9


def forest(facts: dict[str, Any]) -> str:
    """Return the table of one forest, in Markdown that reads well as text, too."""
    rows = [line(facts, engine) for engine in facts["engines"] if "problem" not in engine]
    out = [
        f"{facts['title']}: {facts['nodes']:,} nodes, at most {facts['deepest']} splits deep; "
        f"a row passes {facts['visits']:,.0f} nodes.",
        "",
        *aligned([list(HEAD), *rows]),
    ]
    problems = [engine for engine in facts["engines"] if "problem" in engine]
    if problems:
        out += ["", *(f"- {engine['name']} {engine['version']}: {engine['problem']}." for engine in problems)]
    slowest = min(engine["threads"]["1"]["cores"] for engine in facts["engines"] if "problem" not in engine)
    if slowest < BUSY:
        out += ["", f"This machine was busy with other work: a thread had as little as {slowest:.2f} of a core."]
    return "\n".join(out) + "\n"


def line(facts: dict[str, Any], engine: dict[str, Any]) -> list[str]:
    """Return an engine's cells."""
    ours = next(e for e in facts["engines"] if e["name"] == OURS)
    one, two = engine["threads"]["1"]["rate"], engine["threads"]["2"]["rate"]
    return [
        engine["name"] + (" (WRONG)" if engine["wrong"] else ""),
        f"{one:,.0f}",
        ratio(ours, engine, "1"),
        f"{two:,.0f}",
        ratio(ours, engine, "2"),
        f"{two / one:.2f} x",
        f"{1e9 / one / facts['visits']:.2f}",
        *held(facts, engine),
        f"{engine['difference']:.0e}" if engine["difference"] else "0",
        f"{engine['near_difference']:.0e}" if engine["near_difference"] else "0",
    ]


def ratio(ours: dict[str, Any], engine: dict[str, Any], threads: str) -> str:
    """Say how many times as fast as the engine our forest is."""
    if engine is ours:
        return ""
    return f"{ours['threads'][threads]['rate'] / engine['threads'][threads]['rate']:.1f} x"


def held(facts: dict[str, Any], engine: dict[str, Any]) -> list[str]:
    """Say what loading takes. Reasons need no load of their own."""
    if engine["name"] == REASONS:
        return ["", "", ""]
    megabytes, per_node = engine["bytes"] / 1e6, engine["bytes"] / facts["nodes"]
    return [f"{engine['load_seconds']:.2f} s", f"{megabytes:,.0f} MB", f"{per_node:,.0f}"]


def targets(found: dict[str, Any]) -> str:
    """Return the table of what the forest is to reach on each of the forests, and whether it does."""
    columns = [judged(facts) for facts in found["forests"]]
    names = ["Target, 1 thread unless it says otherwise", *(facts["title"] for facts in found["forests"])]
    rows = [[target, *(column[target] for column in columns)] for target in columns[0]]
    return "\n".join(aligned([names, *rows])) + "\n"


def judged(facts: dict[str, Any]) -> dict[str, str]:
    """Return target by target what was reached on a forest."""
    rates = {e["name"]: e["threads"]["1"]["rate"] for e in facts["engines"] if "problem" not in e and not e["wrong"]}
    ours = next(e for e in facts["engines"] if e["name"] == OURS)["threads"]
    one = ours["1"]["rate"]
    peers = {name: rate for name, rate in rates.items() if name not in (OURS, REASONS)}
    fastest = max(peers, key=lambda name: peers[name])
    return {
        "10 x leaves": at_least(10, one / rates[LEAVES]),
        "scikit-learn: 5 x on depth 12, 4 x on 5 samples, 2 x on 1": at_least(
            SCIKIT_LEARN.get(facts["name"]), one / rates["scikit-learn"]
        ),
        "ahead of each peer": f"{fastest}: {at_least(1, one / peers[fastest])}",
        "two threads at 1.9 x one": at_least(1.9, ours["2"]["rate"] / one),
        "reasons at 2.5 x a prediction or less": verdict(one / rates[REASONS], one / rates[REASONS] <= REASONS_COST),
    }


def at_least(wanted: float | None, got: float) -> str:
    """Say what was got and whether it is what was wanted."""
    return f"{got:.2f} x" if wanted is None else verdict(got, got >= wanted)


def verdict(got: float, met: bool) -> str:
    """Say what was got and whether that meets the target."""
    return f"{got:.2f} x, {'met' if met else 'MISSED'}"


def aligned(rows: list[list[str]]) -> list[str]:
    """Set cells in columns: the first to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]

    def cells(row: list[str]) -> str:
        first = row[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return "| " + " | ".join([first, *rest]) + " |"

    rule = "|" + "-" * (widths[0] + 2) + "|" + "|".join("-" * (width + 1) + ":" for width in widths[1:]) + "|"
    return [cells(rows[0]), rule, *(cells(row) for row in rows[1:])]


def render(found: dict[str, Any], run: str, page: str) -> str:
    """Put what was printed between the page's markers."""
    machine = found["machine"]
    rounds = f"{found['rounds']} rounds" + (" of a quick run, in which nothing is compiled" if found["quick"] else "")
    page = between(page, "machine", f"{machine['processor']}, {machine['cores']} cores; {rounds}.\n")
    for facts in found["forests"]:
        page = between(page, f"table {facts['name']}", forest(facts))
    page = between(page, "targets", targets(found))
    return between(page, "run", f"```\n{run.strip()}\n```\n")


def between(page: str, name: str, text: str) -> str:
    """Put text between a pair of markers."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(f"the page has no place for: {name}")
    return pattern.sub(lambda _: begin + text + end, page)


def main() -> None:
    """Write the page anew."""
    results, run, page = map(Path, sys.argv[1:])
    found = json.loads(results.read_text())
    page.write_text(render(found, run.read_text(), page.read_text()))


if __name__ == "__main__":
    main()
