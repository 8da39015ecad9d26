"""The check of types and shapes in a test run: beartype, to which an int is a float, as it is to mypy (PEP 484)."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

#: Rooms whose annotations, shapes among them, are checked at every call in a test run.
ROOMS = ("mynah.layers", "mynah.representations", "mynah.models")

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
