"""What one task adds to the schema and to the page: one file a task, with `Additions` named ADDITIONS, by its name.

A task without a file here, such as one in a user's own file, adds nothing: its `details` may hold any plain values, and
its page has the general sections and those that its document brings (`sections`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from mynah.ground.errors import IncompatibleFile
from mynah.judging.metric import Metric
from mynah.report.embed import Preview

Results = dict[str, Any]


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        template: file in templates/; it sees what `make` returns under the file's name without ending.
        make: what the template shows, of the document, the sounds in the page, and how many were left out; None leaves
            the section out.
        title: in the navigation, empty for none.
        anchor: id of its element.
        after: template of the general section that it follows.
    """

    template: str
    make: Callable[[Results, Sequence[Preview], int], Any]
    title: str = ""
    anchor: str = ""
    after: str = ""

    @property
    def name(self) -> str:
        """What the template calls its content."""
        return self.template.removesuffix(".html")


@dataclass(frozen=True)
class Additions:
    """What a task adds.

    Attributes:
        fields: of the schema, paths in `details`, `families[].details` and `families[].sounds[].details`.
        optional: those that may be absent.
        check: raises `IncompatibleFile` where lists do not fit each other.
        sections: of the page.
        replaces: templates of general sections that these stand for.
        figures: how other scores than the metric are written, by their names.
        clip: what is shown beneath one of the clips to hear, by `clip_template`; None for nothing.
        clip_template: file in templates/ that sees `row.own`.
        limits: sentences on what the numbers do not show.
        scripts: files beside this one, each run where `data` is not empty.
        data: what they need.
    """

    fields: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    check: Callable[[Results], None] = lambda results: None
    sections: tuple[Section, ...] = ()
    replaces: frozenset[str] = frozenset()
    figures: Mapping[str, Metric] = field(default_factory=dict)
    clip: Callable[[Results, int], Any] = lambda results, item: None
    clip_template: str = ""
    limits: Callable[[Results], list[str]] = lambda results: []
    scripts: tuple[str, ...] = ()
    data: Callable[[Results], dict[str, Any]] = lambda results: {}


def check_sizes(sizes: Iterable[tuple[str, int, int]]) -> None:
    """Raise `IncompatibleFile` for the first (what, found, expected) whose numbers differ."""
    for what, found, expected in sizes:
        if found != expected:
            raise IncompatibleFile(f"{what} does not fit the rest", measured=f"{found}, expected {expected}")


def of_families(results: Results, *names: str) -> Iterator[tuple[str, int, int]]:
    """Yield for `check_sizes` the lists of each family's details that have an entry an item."""
    for family in results["families"]:
        for name in names:
            yield f"{name} of {family['name']}", len(family["details"][name]), len(results["items"])


def names() -> list[str]:
    """Return the tasks that add something."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")


def of(task: str) -> Additions:
    """Return what a task adds, nothing for one that is not known here."""
    if task not in names():
        return Additions()
    found: Additions = import_module(f"{__name__}.{task}").ADDITIONS
    return found
