"""Names and versions of documents that one room writes and another reads.

They stand here since runs writes results and report reads them, and neither may be imported by the other for a name.
"""

from __future__ import annotations

#: Of ``results.json``.
RESULTS = "mynah.results/2"
