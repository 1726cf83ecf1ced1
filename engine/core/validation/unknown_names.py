"""What is said of a name that is not defined: that there is none, those there are, the nearest, and where to define it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from engine.core.errors import did_you_mean
from engine.core.sentence import Sentence, codes


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of names, and what to do about one that is not there."""

    unknown: Sentence
    """With `{name}`, and `{known}` for those there are."""
    remedy: Sentence
    otherwise: Sentence
    """The remedy after a near miss: names may be like each other by chance."""

    def said(self, name: str, known: Collection[str], **values: str) -> Sentence:
        """Return what is said of a name that is not among those known.

        Parameters:
            values: what the sentences of this kind name besides
        """
        meant = did_you_mean(name, known)
        remedy = (self.otherwise if meant else self.remedy).with_values(**values)
        if meant:
            remedy = Sentence("{hint}{remedy}", hint=meant, remedy=remedy)
        said = self.unknown.with_values(name=name, known=codes(known) or Sentence("none"), **values)
        return Sentence("{said}.{remedy}", said=said, remedy=remedy)


CHANNEL = Kind(
    Sentence("unknown channel `{name}`; known: {known}"),
    Sentence(" Add it under `channels` in engine.yaml."),
    Sentence(" Or add it under `channels` in engine.yaml."),
)
CHANNEL_HERE = Kind(
    CHANNEL.unknown,
    Sentence(" Add it under `channels`."),
    Sentence(" Or add it under `channels`."),
)
"""In engine.yaml itself."""
DIMENSION = Kind(
    Sentence("unknown dimension `{name}`; known: {known}"),
    Sentence(" Declare it under `dimensions` in engine.yaml, or compute it in segments.yaml."),
    Sentence(" Or declare it under `dimensions` in engine.yaml, or compute it in segments.yaml."),
)
VALUE = Kind(
    Sentence("unknown value of {dimension} `{name}`; known: {known}"),
    Sentence(" Add it to the values of `{dimension}` in {file}."),
    Sentence(" Or add it to the values of `{dimension}` in {file}."),
)
"""Of a dimension."""
METRIC = Kind(
    Sentence("unknown metric `{name}`; known: {known}"),
    Sentence(" Define it under `metrics` in segments.yaml."),
    Sentence(" Or define it under `metrics` in segments.yaml."),
)
SEGMENT = Kind(
    Sentence("unknown segment `{name}`; known: {known}"),
    Sentence(" Define it under `segments` in segments.yaml."),
    Sentence(" Or define it under `segments` in segments.yaml."),
)
CLOCK = Kind(
    Sentence("unknown clock `{name}`; known: {known}"),
    Sentence(" Define it under `clocks` in engine.yaml."),
    Sentence(" Or define it under `clocks` in engine.yaml."),
)
ATTRIBUTE = Kind(
    Sentence("unknown attribute `{name}`; known: {known}"),
    Sentence(" Declare it under `attributes` in engine.yaml."),
    Sentence(" Or declare it under `attributes` in engine.yaml."),
)
ROLE = Kind(
    Sentence("unknown role `{name}`; known: {known}"),
    Sentence(" Add it under `staff` in engine.yaml."),
    Sentence(" Or add it under `staff` in engine.yaml."),
)
SOP = Kind(
    Sentence("unknown SOP `{name}`; known: {known}"),
    Sentence(" Define it in a file of its own."),
    Sentence(" Or define it in a file of its own."),
)
