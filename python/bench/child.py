"""The parent's side of a child process: requests, time limits, limits of memory."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import selectors
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent

# A library that takes its number of threads as an argument may still be built on one of these; idle threads sleep.
THREADS = {
    "OMP_NUM_THREADS": "2",
    "OMP_WAIT_POLICY": "passive",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


class ChildError(Exception):
    """What became of a child that gave no answer."""


class Child:
    """A process that answers lines of JSON. `memory` limits the address space of each of its processes, in bytes."""

    def __init__(self, command: list[str], memory: int | None = None) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the child
        self.process = subprocess.Popen(  # noqa: S603  the commands are this package's own
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=os.environ | THREADS,
            cwd=PACKAGE.parent,  # where -m finds this package
            preexec_fn=limit(memory) if memory else None,
            start_new_session=True,
        )

    def ask(self, seconds: float, **request: Any) -> dict[str, Any]:
        """Send a request and return the reply; a child that fails or takes longer is ended."""
        requests, replies = self.process.stdin, self.process.stdout
        if not requests or not replies:
            raise ChildError("has no pipes")
        try:
            requests.write(json.dumps(request).encode() + b"\n")
            requests.flush()
        except BrokenPipeError:
            raise self.failed() from None
        with selectors.DefaultSelector() as selector:
            selector.register(replies, selectors.EVENT_READ)
            if not selector.select(seconds):
                self.end()
                raise ChildError(f"not within {seconds:.0f} s")
        line = replies.readline()
        if not line:
            raise self.failed()
        reply: dict[str, Any] = json.loads(line)
        return reply

    def failed(self) -> ChildError:
        """Say how the process ended, with the last line that it wrote."""
        code = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
        return ChildError(f"{how}: {lines[-1][:200]}" if lines else how)

    def end(self) -> None:
        """End the process and those that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in self.process.stdin, self.process.stdout:
            if pipe:
                pipe.close()
        self.errors.close()


def limit(memory: int) -> Callable[[], None]:
    """Return what limits the address space of a process that is about to begin."""
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
