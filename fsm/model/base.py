"""The base of every type read from Kubernetes: frozen, camelCase in JSON, unknown fields kept, nothing converted.

A value remembers which keys it was given, so that writing it back changes nothing else. It never talks to a cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, StrictBool, StrictInt, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

from fsm.errors import Place, UsageError
from fsm.model.problems import GIVEN, NULL, errors_of
from fsm.model.vocabulary import CleanPolicy, Phase

Int = StrictInt
Bool = StrictBool


class Model(BaseModel):
    """A frozen value with the keys it was given. JSON knows the camelCase names, Python the snake_case ones."""

    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True)

    @classmethod
    def from_json(cls, data: Any, place: Place | None = None) -> Self:
        """The value of parsed JSON, or of JSON text or bytes; the first thing wrong is raised as an InputError."""
        try:
            if isinstance(data, str | bytes):
                return cls.model_validate_json(data)
            return cls.model_validate(data)
        except ValidationError as error:
            raise errors_of(error, place)[0] from None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data with exactly the keys that were given or changed; unknown fields and nulls survive."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def with_(self, **changes: Any) -> Self:
        """A copy with these fields, by their Python names; what was set stays set. The values are not checked again."""
        unknown = changes.keys() - type(self).model_fields.keys()
        if unknown:
            raise UsageError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        return self.model_copy(update=changes)


class _NullTuple(tuple[Any, ...]):
    """The empty list that was written as null."""


class _NullDict(dict[str, Any]):
    """The empty map that was written as null."""


class NullAs:
    """Marks a field whose null reads as the object `zero`, as a Go program reads it, and is written back as null."""

    def __init__(self, zero: Any) -> None:
        self.zero = zero

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A union that asks Python only about a null, so that the common case stays inside pydantic's core."""
        inner = handler(source)
        null = core_schema.no_info_after_validator_function(lambda _: self.zero, core_schema.none_schema())
        return core_schema.union_schema(
            [(inner, GIVEN), (null, NULL)],
            mode="left_to_right",
            serialization=core_schema.wrap_serializer_function_ser_schema(self._written, schema=inner),
        )

    def _written(self, value: Any, inner: Callable[[Any], Any]) -> Any:
        null = value is self.zero or isinstance(value, _NullTuple | _NullDict)  # the types survive a pickle
        return None if null else inner(value)


NULL_LIST = NullAs(_NullTuple())
NULL_MAP = NullAs(_NullDict())


class EmptyOr:
    """Marks a vocabulary to which the empty text belongs too; an error lists the words and not two failed attempts."""

    def __init__(self, words: type[Phase] | type[CleanPolicy]) -> None:
        self.words = words

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = [handler(self.words), core_schema.literal_schema([""])]
        return core_schema.union_schema(
            list(choices),
            mode="left_to_right",
            custom_error_type="word",
            custom_error_message="{expected}",
            custom_error_context={"expected": "one of " + ", ".join(self.words)},
        )


PhaseOrNone = Annotated[Phase | Literal[""], EmptyOr(Phase)]
CleanPolicyOrNone = Annotated[CleanPolicy | Literal[""], EmptyOr(CleanPolicy)]
ConditionStatus = Literal["True", "False", "Unknown"]
