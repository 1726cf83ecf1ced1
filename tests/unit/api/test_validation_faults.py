"""What pydantic says of bodies and parameters: the same in English, and all of it in Chinese."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from engine.api.validation_faults import fault
from engine.core.sentence import Sentence
from tests.support.said import untranslated


class Body1(BaseModel):  # with a digit: a name, where words are looked for
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=3, pattern="^[a-z]*$")] | None = None
    names: Annotated[list[str], Field(min_length=1, max_length=2)] | None = None
    texts: Annotated[dict[str, str], Field(max_length=1)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Body1:
        if self.name and self.names:
            raise ValueError(Sentence("name `days` or `until`, not both"))
        return self


CASES: list[tuple[Any, Any]] = [
    (Body1, {"more": 1}),
    (Body1, {"name": ""}),
    (Body1, {"name": "abcd"}),
    (Body1, {"name": "A"}),
    (Body1, {"name": 1}),
    (Body1, {"names": []}),
    (Body1, {"names": ["a", "b", "c"]}),
    (Body1, {"names": "a"}),
    (Body1, {"texts": {"a": "b", "c": "d"}}),
    (Body1, {"texts": 1}),
    (Body1, {"texts": {1: "b"}}),
    (Body1, {"name": "a", "names": ["b"]}),
    (Body1, 7),
    (dict[str, Any], []),
    (list[Body1], {}),
    (Annotated[str, Field(min_length=2, max_length=4)], "a"),
    (Annotated[str, Field(min_length=2, max_length=4)], "abcde"),
    (Annotated[int, Field(ge=1, lt=3)], 0),
    (Annotated[int, Field(ge=1, lt=3)], 3),
    (Annotated[int, Field(gt=1, le=3)], 1),
    (Annotated[int, Field(gt=1, le=3)], 4),
    (int, "x"),
    (int, 1.5),
    (int, []),
    (int, "1" * 5000),
    (float, "x"),
    (float, []),
    (Annotated[float, Field(allow_inf_nan=False)], "nan"),
    (bool, "perhaps"),
    (bool, []),
    (Literal["sent"], "x"),
    (Literal["sent", "failed"], "x"),
    (Literal["sent", "failed", "unknown"], None),
    (AwareDatetime, "2026-03-01T10:00:00"),
    (AwareDatetime, "soon"),
    (AwareDatetime, "2026-13-01T10:00:00Z"),
    (AwareDatetime, "2026-02-30T10:00:00Z"),
    (AwareDatetime, "2026-02-01T25:00:00Z"),
    (AwareDatetime, "2026-02-01T10:61:00Z"),
    (AwareDatetime, "2026-02-01T10:00:61Z"),
    (AwareDatetime, "2026-02-01T10:00:00+99:00"),
    (AwareDatetime, "2026-02-01T10:00:00 beijing"),
    (AwareDatetime, "2026/02/01"),
    (AwareDatetime, "2026-02-01x10:00:00Z"),
    (AwareDatetime, "2026-02-01T10.00"),
    (AwareDatetime, "2026-0x-01T10:00:00Z"),
    (AwareDatetime, "2026-01-0xT10:00:00Z"),
    (AwareDatetime, "2026-01-01Tx0:00:00Z"),
    (AwareDatetime, "2026-01-01T00:x0:00Z"),
    (AwareDatetime, "2026-01-01T00:00:x0Z"),
    (AwareDatetime, "2026-01-01T00:00:00.x0Z"),
    (AwareDatetime, "0000-01-01T00:00:00Z"),
    (AwareDatetime, 1e20),
    (AwareDatetime, -1e20),
    (AwareDatetime, []),
]


@pytest.mark.parametrize(("kind", "value"), CASES, ids=lambda each: repr(each)[:40])
def test_an_error_of_validation_is_said_in_either_language(kind: Any, value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    for each in refused.value.errors():
        said = fault(dict(each))
        assert said == each["msg"]
        assert untranslated(said) == []


def test_a_text_that_is_not_known_is_said_as_it_is() -> None:
    assert fault({"type": "new", "msg": "Input should be quite another thing"}) == "Input should be quite another thing"
