"""Watch items and single objects: the border where Kubernetes' JSON becomes types. Nothing is changed in reading."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from fsm.errors import Place
from fsm.model.backup import Backup
from fsm.model.base import Model
from fsm.model.instant import Time
from fsm.model.job import Job
from fsm.model.pod import Pod
from fsm.model.problems import errors_of

AnyObject = Annotated[Backup | Job | Pod, Field(discriminator="kind")]


class WatchItem(Model):
    """One line of a watch. `at` is the recorder's time of arrival, where it wrote one.

    `BOOKMARK` and `ERROR` carry no object of ours, so they are no watch items: the reader takes them out first.
    """

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: AnyObject
    at: Time | None = None


WATCH_ITEM: TypeAdapter[WatchItem] = TypeAdapter(WatchItem)
"""For hot loops: `WATCH_ITEM.validate_json(line)`; `errors_of` explains what it raises."""
OBJECT: TypeAdapter[Backup | Job | Pod] = TypeAdapter(AnyObject)
"""For hot loops: `OBJECT.validate_json(text)`; `errors_of` explains what it raises."""


def object_from(data: Any, place: Place | None = None) -> Backup | Job | Pod:
    """The object of parsed JSON, or of JSON text or bytes; the first thing wrong with it is raised as an InputError."""
    try:
        return OBJECT.validate_json(data) if isinstance(data, str | bytes) else OBJECT.validate_python(data)
    except ValidationError as error:
        raise errors_of(error, place)[0] from None
