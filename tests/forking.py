"""Children that are forks of the test process, which has loaded torch: a new interpreter needs seconds for that."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import IO


class Forked:
    """A call in a child, with what the tests use of `subprocess.Popen`.

    Args:
        work: returns the exit code.
        environment: of the child, beside that of this process.
    """

    def __init__(self, work: Callable[[], int], **environment: str) -> None:
        self.returncode: int | None = None
        self._said: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  read when it has ended
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            with contextlib.suppress(BaseException):
                code = self._run(work, environment)
            os._exit(code)

    def _run(self, work: Callable[[], int], environment: dict[str, str]) -> int:
        os.environ.update(environment)
        os.dup2(self._said.fileno(), 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return work()
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            sys.stderr.flush()

    def poll(self) -> int | None:
        """Return the exit code, minus the signal's number for one that was ended by a signal; None while it runs."""
        return self._waited(os.WNOHANG)

    def wait(self) -> int:
        """Return the exit code when it has ended."""
        code = self._waited(0)
        assert code is not None
        return code

    def communicate(self) -> tuple[None, str]:
        """Return, when it has ended, nothing and what it wrote to standard error."""
        self.wait()
        self._said.seek(0)
        return None, self._said.read()

    def send_signal(self, number: int) -> None:
        """Send a signal, where it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _waited(self, how: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, how)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def mynah(arguments: list[str]) -> Forked | subprocess.Popen[str]:
    """Start a command of `mynah`; one with workers in a new interpreter, since a pool of them survives no fork."""
    if "sequential" not in " ".join(arguments):
        command, environment = [sys.executable, "-m", "mynah", *arguments], os.environ | {"OMP_NUM_THREADS": "1"}
        nowhere = subprocess.DEVNULL
        return subprocess.Popen(command, env=environment, stdout=nowhere, stderr=subprocess.PIPE, text=True)

    def work() -> int:
        from mynah.cli.app import run

        return run(arguments)

    return Forked(work)


def together(processes: int, work: Callable[[], int]) -> list[tuple[int, str]]:
    """Run a call in so many processes that are one world, as torchrun starts them; return codes and what they wrote."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(processes)}
    children = [Forked(work, RANK=str(rank), LOCAL_RANK=str(rank), **place) for rank in range(processes)]
    return [(child.wait(), child.communicate()[1]) for child in children]
