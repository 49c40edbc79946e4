"""Object metadata: identity, age, owners, finalizers. The same for every kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from fsm.model.base import NULL_LIST, NULL_MAP, Bool, Int, Model
from fsm.model.instant import Time


class OwnerReference(Model):
    """Who owns an object; ownership is the uid, never the name."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: Bool | None = None


class ManagedField(Model):
    """Who wrote some fields, and when."""

    manager: str = ""
    time: Time | None = None


class ObjectMeta(Model):
    """Metadata of an object; only the name must be there, a uid is missing in a manifest that was never stored."""

    name: Annotated[str, Field(min_length=1)]
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: Int = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    deletion_grace_period_seconds: Int | None = None
    finalizers: Annotated[tuple[str, ...], NULL_LIST] = ()
    labels: Annotated[Mapping[str, str], NULL_MAP] = {}
    annotations: Annotated[Mapping[str, str], NULL_MAP] = {}
    owner_references: Annotated[tuple[OwnerReference, ...], NULL_LIST] = ()
    managed_fields: Annotated[tuple[ManagedField, ...], NULL_LIST] = ()

    @property
    def owner(self) -> OwnerReference | None:
        """The owner that controls this object; Kubernetes allows at most one."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class Resource(Model):
    """What every kind has. The version is documentation: `kind` decides how an object is read."""

    api_version: str = ""
    metadata: ObjectMeta

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name), unique among the living objects of a kind."""
        return self.metadata.namespace, self.metadata.name
