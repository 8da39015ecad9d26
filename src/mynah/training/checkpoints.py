"""Checkpoints of a fit in any store: content-addressed parts first, one manifest last.

A checkpoint exists when its manifest does and everything in it verifies; there is no pointer to "the latest". So a
kill at any point leaves the checkpoints before, and two machines that go on with one run do each other no harm: they
write the same parts under the same names, and manifests of different names.

Tensors are kept, and come back, on the processor: `Fit.restore` sends them where it trains.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

import mynah
from mynah.ground.errors import IncompatibleFile, Stopped
from mynah.stores import Missing, Store

SCHEMA = "mynah.checkpoint/1"
#: Verified checkpoints that stay; a newer one must verify before an older one goes.
KEPT = 2
PARTS, MANIFESTS = "parts/", "manifests/"


class Checkpoints:
    """The checkpoints of one fit.

    Args:
        store: where they are.
        identity: what decides the fit; a checkpoint of another identity is refused, never used.
    """

    def __init__(self, store: Store, identity: str) -> None:
        self.store, self.identity = store, identity
        self.attempt = os.urandom(4).hex()

    def save(self, state: dict[str, Any]) -> str:
        """Write a state (``state["step"]`` counts), verify it, drop those beyond `KEPT`; return the manifest's name.

        Raises:
            Stopped: it cannot be written, or what is read back is not what was written.
        """
        try:
            return self._save(state)
        except Missing as error:
            ahead = [name for name in self._manifests() if _step(name) > state["step"]]
            if ahead:  # another machine is further on with this fit, and has tidied up: its checkpoint serves
                return ahead[0]
            raise Stopped("what was written is not there any more", where=error.where) from error

    def _save(self, state: dict[str, Any]) -> str:
        plain, tensors = split(state)
        there = set(self.store.names(PARTS))
        parts = {}
        for name, group in tensors.items():
            content = safetensors.torch.save(group)
            digest = hashlib.sha256(content).hexdigest()
            parts[name] = {"sha256": digest, "bytes": len(content)}
            if _part(digest) not in there:
                self._put(_part(digest), content)
        body = {
            "schema": SCHEMA,
            "identity": self.identity,
            "step": state["step"],
            "attempt": self.attempt,
            "versions": {"mynah": mynah.__version__, "torch": torch.__version__},
            "parts": parts,
            "state": plain,
        }
        name = f"{MANIFESTS}{state['step']:012d}-{self.attempt}.json"
        self._put(name, _sealed(body))
        self._prune(name)
        return name

    def _put(self, name: str, content: bytes) -> None:
        self.store.put(name, content)
        if self.store.get(name) != content:  # some servers accept what they damage
            raise Stopped("the store returned something else than was written", where=f"{self.store.url}/{name}")

    def newest(self) -> dict[str, Any] | None:
        """Return the state of the newest checkpoint that verifies, or None when there is none.

        Raises:
            IncompatibleFile: the newest is of another version of Mynah's checkpoints, or of another fit.
            Stopped: the store cannot be reached.
        """
        for name in self._manifests():
            body = self._manifest(name)
            if body is None:
                continue
            self._refuse_foreign(name, body)
            state = self._state(body)
            if state is not None:
                return state
        return None

    def clear(self) -> None:
        """Forget all checkpoints: the fit has ended and its result is kept."""
        for name in [*self._manifests(), *self.store.names(PARTS)]:
            self.store.delete(name)

    def _manifests(self) -> list[str]:
        """Return the names of all manifests, newest step first."""
        return self.store.names(MANIFESTS)[::-1]

    def _manifest(self, name: str) -> dict[str, Any] | None:
        """Return a manifest whose seal is whole, else None."""
        try:
            return _unsealed(self.store.get(name))
        except Missing:
            return None

    def _refuse_foreign(self, name: str, body: dict[str, Any]) -> None:
        where = f"{self.store.url}/{name}"
        if body.get("schema") != SCHEMA:
            raise IncompatibleFile(
                "a checkpoint of another version",
                where=where,
                measured=f"{body.get('schema')}; this Mynah reads {SCHEMA}",
                remedy="Use the version that wrote it, or another place.",
            )
        if body.get("identity") != self.identity:
            raise IncompatibleFile(
                "a checkpoint of other sounds or settings", where=where, remedy="Use another place for this run."
            )

    def _state(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """Return the state of a manifest, or None when a part of it is missing or damaged."""
        tensors = {}
        for name, facts in body["parts"].items():
            try:
                content = self.store.get(_part(facts["sha256"]))
            except Missing:
                return None
            if len(content) != facts["bytes"] or hashlib.sha256(content).hexdigest() != facts["sha256"]:
                return None
            tensors[name] = safetensors.torch.load(content)
        return join(body["state"], tensors)

    def _prune(self, newest: str) -> None:
        """Drop manifests beyond `KEPT`, then the parts that only they named. Called when `newest` has verified.

        Parts that no manifest names stay: another machine may be about to name them.
        """
        names = self._manifests()
        steps = sorted({_step(name) for name in names}, reverse=True)
        if _step(newest) not in steps[:KEPT]:
            return  # another machine is ahead; it prunes
        old = [name for name in names if _step(name) not in steps[:KEPT]]
        if not old:
            return
        used = {part for name in names if name not in old for part in self._parts(name)}
        spare = {part for name in old for part in self._parts(name)} - used
        for name in [*old, *spare]:
            self.store.delete(name)

    def _parts(self, manifest: str) -> Iterator[str]:
        body = self._manifest(manifest) or {"parts": {}}
        return (_part(facts["sha256"]) for facts in body["parts"].values())


def _part(digest: str) -> str:
    return f"{PARTS}{digest}.safetensors"


def _step(manifest: str) -> int:
    return int(manifest.removeprefix(MANIFESTS).partition("-")[0])


def _sealed(body: dict[str, Any]) -> bytes:
    text = json.dumps(body, separators=(",", ":"))
    return json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "body": text}).encode()


def _unsealed(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
        text = found["body"]
        if hashlib.sha256(text.encode()).hexdigest() != found["sha256"]:
            return None
        body = json.loads(text)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return body if isinstance(body, dict) else None


# --- a state as plain values and tensors


def split(state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Tensor]]]:
    """Part a nested state into JSON-able values and its tensors, grouped by the key they lie under.

    Memory orders are kept: the order decides which kernel runs, and that may decide the last bit.
    """
    tensors: dict[str, dict[str, Tensor]] = {}
    plain = {name: _plain(value, tensors.setdefault(name, {}), "") for name, value in state.items()}
    return plain, {name: group for name, group in tensors.items() if group}


def join(plain: dict[str, Any], tensors: dict[str, dict[str, Tensor]]) -> dict[str, Any]:
    """Undo `split`."""
    return {name: _rich(value, tensors.get(name, {})) for name, value in plain.items()}


def _plain(value: Any, tensors: dict[str, Tensor], path: str) -> Any:
    if isinstance(value, Tensor):
        value = value.cpu()  # a file knows no device
        by_channel = value.dim() == 4 and not value.is_contiguous()
        tensors[path] = (value.permute(0, 2, 3, 1) if by_channel else value).contiguous()
        return {"$": "pixels" if by_channel else "tensor", "at": path}
    if isinstance(value, dict):
        return {"$": "dict", "items": [[k, _plain(v, tensors, f"{path}/{k}")] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {"$": kind, "items": [_plain(v, tensors, f"{path}/{i}") for i, v in enumerate(value)]}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$": "float", "text": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} at {path} cannot be kept in a checkpoint")


def _rich(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    kind = value["$"]
    if kind == "tensor":
        return tensors[value["at"]]
    if kind == "pixels":
        return tensors[value["at"]].permute(0, 3, 1, 2)
    if kind == "dict":
        return {k: _rich(v, tensors) for k, v in value["items"]}
    if kind == "float":
        return float(value["text"])
    items = [_rich(item, tensors) for item in value["items"]]
    return tuple(items) if kind == "tuple" else items
