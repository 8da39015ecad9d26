"""What can go wrong, said in one sentence, and the exit code that goes with it."""

from __future__ import annotations

EXIT_CODES: dict[int, str] = {
    0: "ok (warnings allowed)",
    2: "usage: the command line is wrong",
    3: "bad input data",
    4: "a model or run file that this version cannot use",
    5: "not enough data for the question",
    6: "an optional dependency or method is missing",
    70: "a bug in Mynah",
    75: "stopped, and can be resumed",
    130: "interrupted by Ctrl-C, and can be resumed",
}


class MynahError(Exception):
    """An error a user can act on: what happened, where, the measured value, what to do next.

    Args:
        what: the fact, as one clause without a full stop.
        where: the file, folder or setting it is about.
        measured: the value that was found, with its unit.
        remedy: what to type or change next.
    """

    exit_code = 70

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        measured: object = None,
        remedy: str | None = None,
    ) -> None:
        self.what, self.where, self.measured, self.remedy = what, where, measured, remedy
        super().__init__(what, where, measured, remedy)

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where is not None else self.what
        if self.measured is not None:
            line += f" ({self.measured})"
        return f"{line}. {self.remedy}" if self.remedy else line

    def __reduce__(self) -> tuple[object, ...]:  # so that the error survives the way back from a worker process
        return _rebuild, (type(self), self.what, self.where, self.measured, self.remedy)


def _rebuild(kind: type[MynahError], what: str, where: object, measured: object, remedy: str | None) -> MynahError:
    return kind(what, where=where, measured=measured, remedy=remedy)


class UsageError(MynahError, ValueError):
    """An invalid command or argument."""

    exit_code = 2


class BadInput(MynahError):
    """Sounds or tables that cannot be used as they are."""

    exit_code = 3


class IncompatibleFile(MynahError):
    """A model, run or cache file of another kind or version, or a damaged one."""

    exit_code = 4


class NotEnoughData(MynahError):
    """The data are fine, but too few to answer the question honestly."""

    exit_code = 5


class MissingExtra(MynahError):
    """An optional dependency that is not installed, or an entry that is not built."""

    exit_code = 6


class Stopped(MynahError):
    """Work stopped by the outside (signal, full disk); what was finished is kept."""

    exit_code = 75
