"""Where trials run: joblib's backends by name, and the cluster engines that they reach. None of our own."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import signal
import threading
from collections.abc import Iterator
from typing import Any

from mynah.ground.errors import MissingExtra, Stopped, UsageError

#: Names of `--executor`, and joblib's name for each.
EXECUTORS = {"sequential": "sequential", "processes": "loky", "ray": "ray", "dask": "dask"}
#: Modules that some of them need.
_NEEDS = {"ray": "ray", "dask": "distributed"}
#: How the engines call it when a worker is gone.
_LOSSES = frozenset({"TerminatedWorkerError", "BrokenProcessPool", "RayActorError", "ActorDiedError", "KilledWorker"})


def check_executor(name: str) -> None:
    """Raise `UsageError` where there is no such executor, `MissingExtra` where what it needs is not installed."""
    if name not in EXECUTORS:
        raise UsageError("no such executor", where=name, remedy=f"Use one of {', '.join(EXECUTORS)}.")
    module = _NEEDS.get(name)
    if module is not None and importlib.util.find_spec(module) is None:
        remedy = f"pip install '.[{name}]' in Mynah's folder"
        raise MissingExtra(f"needs {module}", where=f"--executor {name}", remedy=remedy)


@contextlib.contextmanager
def cluster(executor: str, count: int, address: str | None) -> Iterator[dict[str, Any]]:
    """Yield joblib's options for an executor; a cluster that is started here is stopped here.

    Args:
        executor: one of `EXECUTORS`.
        count: workers.
        address: of a cluster that is there, for ray and dask; None starts one on this machine.

    Raises:
        Stopped: no cluster at this address.
    """
    options: dict[str, Any] = {"backend": EXECUTORS[executor], "n_jobs": count}
    if executor == "processes":
        yield options | {"inner_max_num_threads": 1}
    elif executor == "ray":
        with _ray(address, count):
            yield options
    elif executor == "dask":
        with _dask(address, count):
            yield options
    else:
        yield options


def is_loss(error: BaseException) -> bool:
    """Whether an error says that a worker process or machine is gone."""
    return type(error).__name__ in _LOSSES


@contextlib.contextmanager
def _ray(address: str | None, count: int) -> Iterator[None]:
    import ray
    from ray.util.joblib import register_ray

    register_ray()
    ours = not ray.is_initialized()
    if ours:
        handler = signal.getsignal(signal.SIGTERM)
        where: dict[str, Any] = {"address": address} if address else {"num_cpus": count, "include_dashboard": False}
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise Stopped("no Ray cluster can be reached", where=address, measured=_first_line(error)) from error
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, handler)  # Ray puts its own in place, which saves nothing
    try:
        yield
    finally:
        if ours:
            ray.shutdown()


@contextlib.contextmanager
def _dask(address: str | None, count: int) -> Iterator[None]:
    from distributed import Client

    local: dict[str, Any] = {"n_workers": count, "threads_per_worker": 1, "dashboard_address": None}
    try:
        client = Client(address, timeout=20) if address else Client(**local)
    except (OSError, ValueError) as error:
        raise Stopped("no Dask cluster can be reached", where=address, measured=_first_line(error)) from error
    with client:
        yield


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().split("\n")[0]
