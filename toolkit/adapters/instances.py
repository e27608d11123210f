"""Maskers whose detector gives a mask of each person: what is the same in all of them.

They add their people to those that the offline masker finds, in one set of tracks, so that whoever
is removed is redrawn from the same track.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

from toolkit.adapters.blazepose import BlazePoseMasker, Proposal, add_sighting
from toolkit.adapters.detectors import Detection
from toolkit.adapters.landmarks import Region
from toolkit.m2m.track import Sighting, merged, same_person
from toolkit.m2m.types import Array

MIN_SCORE = 0.5
_MIN_PRESENCE = 0.5


@dataclass(frozen=True)
class Person(Detection):
    """A person in a frame, with their mask: [H, W] bool."""

    mask_HW: Array | None = None


class PersonDetector(Protocol):
    """Finds people and their masks."""

    def detect(self, image_HWC: Array) -> list[Person]:
        """Return the people of a uint8 RGB frame, the surest first, none below ``MIN_SCORE``."""
        ...


class InstanceMasker(BlazePoseMasker):
    """Implements ``toolkit.m2m.types.Masker``: the offline masker, and who a detector sees."""

    def __init__(self) -> None:
        super().__init__()
        self._people = self._make_detector()

    @abstractmethod
    def _make_detector(self) -> PersonDetector: ...

    def _proposals(self, image_HWC: Array, index: int) -> list[Proposal]:
        seen = [
            ("maskrcnn", person, Region.around(person.box_xyxy))
            for person in self._people.detect(image_HWC)
        ]
        return [*super()._proposals(image_HWC, index), *seen]

    def _discover(
        self, image_HWC: Array, found: dict[int, Sighting], proposals: list[Proposal]
    ) -> tuple[list[Sighting], list[Sighting]]:
        """Add each mask to the person it is of, or as somebody new."""
        others = [item for item in proposals if not isinstance(item[1], Person)]
        fresh, weak = super()._discover(image_HWC, found, others)
        for _, person, region in proposals:
            if isinstance(person, Person) and person.mask_HW is not None and person.mask_HW.any():
                seen = Sighting(
                    person.mask_HW,
                    person.box_xyxy,
                    None,
                    None,
                    None,
                    person.score,
                    "detected",
                    confirmed=True,
                )
                looked = self._look(image_HWC, region, "detected", _MIN_PRESENCE)
                if looked is not None and same_person(looked, seen):
                    seen = merged(looked, seen)
                add_sighting(seen, found, fresh)
        return fresh, weak
