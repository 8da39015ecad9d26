"""Families that installed packages offer, by entry points of one group. To list them imports none of them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata

#: Entry points of this group are families.
GROUP = "mynah.families"


@dataclass(frozen=True)
class Offer:
    """A family of an installed package.

    Attributes:
        name: what it is called.
        place: module and class, ``package.module:Class``.
        package: with its version; empty where it is not known.
    """

    name: str
    place: str
    package: str


def offers() -> list[Offer]:
    """Return what installed packages offer, by name."""
    found = [
        Offer(point.name, point.value, f"{point.dist.name} {point.dist.version}" if point.dist else "")
        for point in metadata.entry_points(group=GROUP)
    ]
    return sorted(found, key=lambda offer: (offer.name, offer.place))
