"""segments.yaml: what is known of customers by their numbers, names for conditions, and dimensions that follow from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from engine.core.definitions.base import Model, Name, Names, OneOf, parse_duration
from engine.core.definitions.conditions import Conditions
from engine.core.sentence import Sentence, codes
from engine.core.time.cron import checked

DAILY = "0 3 * * *"
"""When numbers and computed dimensions are refreshed unless they say otherwise."""

RFM_PARTS = ("r", "f", "m", "score")
"""What an rfm metric consists of: recency, frequency, money, and the three digits together."""


def _over(value: Any) -> Any:
    return value if value == "ever" or isinstance(value, timedelta) else parse_duration(value)


Over = Annotated[
    timedelta | Literal["ever"],
    BeforeValidator(_over),
    WithJsonSchema({"type": "string", "pattern": r"^(ever|[0-9]{1,6}(s|m|h|d))$", "examples": ["730d", "ever"]}),
]
Cron = Annotated[str, AfterValidator(checked), WithJsonSchema({"type": "string", "examples": [DAILY]})]
_METRIC_NAME = re.compile(r"[^\W\d]\w{0,63}")


class Metric(OneOf):
    """A number about a customer. Exactly one of its kinds; a window such as 730d ends at the refresh."""

    beside: ClassVar[frozenset[str]] = frozenset({"over", "quantiles"})

    spend: Over | None = Field(None, description="sum of purchases less refunds, e.g. 730d or ever")
    orders: Over | None = Field(None, description="number of orders not fully refunded, e.g. 730d or ever")
    count: Names | None = Field(None, description="number of events of these types, with `over`")
    days_since: Name | None = Field(None, description="whole days since the last event of this type, as of now")
    rfm: Literal["purchase"] | None = Field(
        None, description="recency, frequency, money of purchases: <name>.r, .f, .m, .score"
    )
    over: Over = Field("ever", description="of count and rfm: the window, e.g. 30d; absent: ever")
    quantiles: Annotated[int, Field(strict=True, ge=2, le=9)] = Field(
        5, description="of rfm: scores run from 1 to this"
    )

    @model_validator(mode="after")
    def _beside_what_it_fits(self) -> Metric:
        written = self.model_fields_set
        if "quantiles" in written and "rfm" not in written:
            raise ValueError(Sentence("`quantiles` stands beside `rfm` only; remove it"))
        if "over" in written and not written & {"count", "rfm"}:
            raise ValueError(
                Sentence("`over` stands beside `count` or `rfm` only; write the window itself, e.g. {spend: 730d}")
            )
        return self

    def numbers(self, name: str) -> list[str]:
        """Return what conditions may name of a metric called so: itself; of an rfm its parts (`rfm.r`)."""
        return [f"{name}.{part}" for part in RFM_PARTS] if self.rfm else [name]

    @property
    def stored(self) -> bool:
        """Whether the number is computed at refresh (others are read off the customer at any time)."""
        return self.days_since is None


class DimensionValue(Model):
    """One value of a computed dimension."""

    value: Name = Field(description="the value")
    when: Conditions | None = Field(None, description="what must hold; only the last value may do without")


class ComputedDimension(Model):
    """A dimension whose value follows from conditions: the first value whose conditions hold, evaluated again by a cron."""

    refresh: Cron = Field(DAILY, description='when it is evaluated, in the engine\'s zone, e.g. "0 3 * * *"')
    values: Annotated[tuple[DimensionValue, ...], Field(min_length=1)] = Field(
        description="in order; the first that holds is taken"
    )

    @model_validator(mode="after")
    def _reachable(self) -> ComputedDimension:
        for number, each in enumerate(self.values[:-1]):
            if each.when is None:
                raise ValueError(
                    Sentence(
                        "`{value}` (number {number}) has no `when`, so those after it are never reached; put it last",
                        value=each.value,
                        number=number + 1,
                    )
                )
        names = [each.value for each in self.values]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(Sentence("listed twice: {names}; join their conditions by `any`", names=codes(repeated)))
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """All values, in order."""
        return tuple(each.value for each in self.values)


class SegmentsConfig(Model):
    """segments.yaml: metrics, segments, computed dimensions."""

    metrics: dict[Name, Metric] = Field(default_factory=dict, description="name: a number about each customer")
    segments: dict[Name, Conditions] = Field(
        default_factory=dict, description="name: conditions, usable wherever conditions are"
    )
    dimensions: dict[Name, ComputedDimension] = Field(
        default_factory=dict, description="name: values with the conditions they follow from"
    )

    @field_validator("metrics")
    @classmethod
    def _named(cls, metrics: dict[str, Metric]) -> dict[str, Metric]:
        for name in metrics:
            if not _METRIC_NAME.fullmatch(name):
                raise ValueError(
                    Sentence(
                        "`{name}` cannot be used in templates; write up to 64 letters, digits and `_`, a letter first",
                        name=name,
                    )
                )
        return metrics

    @property
    def stored_metrics(self) -> Mapping[str, Metric]:
        """The metrics that a refresh computes."""
        return {name: metric for name, metric in self.metrics.items() if metric.stored}

    @property
    def numbers(self) -> list[str]:
        """What conditions may name."""
        return [number for name, metric in self.metrics.items() for number in metric.numbers(name)]
