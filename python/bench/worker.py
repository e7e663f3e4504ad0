"""The child process of one engine: `python -m bench.worker ENGINE FOLDER`.

It answers a line of JSON with a line of JSON, as cmd/bench/forest does: `prepare` converts, `load` reads the converted
forest, `predict` scores the first rows of a file and writes the answers as float64. Only what the engine itself does is
timed.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from .forests import read_rows
from .peers import Engine, engine


class Worker:
    """Holds the engine and the rows in the form that it takes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.forms: dict[tuple[str, int], Any] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what a request asks."""
        match request["do"]:
            case "prepare":
                return self.timed(self.engine.prepare)
            case "load":
                return self.load(request["rows"], request["count"])
            case "predict":
                return self.predict(request["rows"], request["count"], request["threads"], request["answers"])
        raise ValueError(f"no such request: {request['do']}")

    def load(self, file: str, count: int) -> dict[str, Any]:
        """Load the forest, and say how much memory it takes once it has scored: some engines load at first use."""
        form = self.form(file, count)
        before = resident()
        reply = self.timed(self.engine.load)
        self.engine.predict(form, 1)
        return reply | {"bytes": resident() - before}

    def form(self, file: str, count: int) -> Any:
        """Return the first rows of a file in the engine's form."""
        if (file, count) not in self.forms:
            self.forms[file, count] = self.engine.form(read_rows(Path(file))[:count])
        return self.forms[file, count]

    def predict(self, file: str, count: int, threads: int, answers: str) -> dict[str, Any]:
        """Score the first rows of a file."""
        form = self.form(file, count)
        found: list[Any] = []
        reply = self.timed(lambda: found.append(self.engine.predict(form, threads)))
        np.asarray(found[0], dtype=np.float64).ravel().tofile(answers)
        return reply

    @staticmethod
    def timed(work: Any) -> dict[str, Any]:
        """Run work and return its seconds on the wall and on the processor."""
        wall, cpu = time.perf_counter(), processor()
        work()
        return {"seconds": time.perf_counter() - wall, "cpu": processor() - cpu}


def processor() -> float:
    """Return the processor's seconds of this process and of the children that it waited for."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def resident() -> int:
    """Return the bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def serve(worker: Worker, requests: TextIO, replies: TextIO) -> None:
    """Answer until the parent closes the pipe."""
    for line in requests:
        replies.write(json.dumps(worker.answer(json.loads(line))) + "\n")
        replies.flush()


def main() -> None:
    """Keep what a library prints out of the replies, and serve."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(Worker(engine(sys.argv[1])(Path(sys.argv[2]))), sys.stdin, replies)


if __name__ == "__main__":
    main()
