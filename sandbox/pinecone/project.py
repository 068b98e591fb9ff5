"""A Pinecone project, found by its API key: its indexes, and the service's lag and limits."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from sandbox.pinecone.index import MODELS, Index
from sandbox.pinecone.limits import Refused

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,43}[a-z0-9])?")
REGIONS = {
    "aws": ("us-east-1", "us-west-2", "eu-west-1"),
    "gcp": ("us-central1", "europe-west4"),
    "azure": ("eastus2",),
}
KEYS = {"public": "pcsk_sandbox_public", "private": "pcsk_sandbox_private"}


@dataclass
class Behaviour:
    """How slow and how strict the service is; set through the control routes.

    :param lag: seconds until reads see a write.
    :param initializing: seconds until a new index is ready.
    :param tokens_per_window: embedding tokens that a project may use per window; 0 means no limit.
    :param window: length of that window in seconds (the real service uses a minute).
    """

    lag: float = 0.0
    initializing: float = 0.0
    tokens_per_window: int = 0
    window: float = 60.0


@dataclass
class Project:
    """The indexes of one API key."""

    name: str
    behaviour: Behaviour
    now: Callable[[], float] = time.monotonic
    indexes: dict[str, Index] = field(default_factory=dict)
    _window_began: float = 0.0
    _tokens_used: int = 0

    def host_of(self, index: Index) -> str:
        """Return the unique part of an index's host."""
        return f"{index.name}-{blake2b(self.name.encode(), digest_size=4).hexdigest()[:7]}"

    def at_host(self, host: str) -> Index:
        """Return the index with this host."""
        for index in self.indexes.values():
            if self.host_of(index) == host:
                return index
        raise Refused(404, "Index not found", "NOT_FOUND")

    def get(self, name: str) -> Index:
        """Return an index by name, or refuse with 404."""
        try:
            return self.indexes[name]
        except KeyError:
            raise Refused(404, f"Resource {name} not found", "NOT_FOUND") from None

    def create(self, body: Mapping[str, Any]) -> Index:
        """Create an index for a model, as `POST /indexes/create-for-model` does."""
        name, cloud, region = (body.get(key) for key in ("name", "cloud", "region"))
        embed = body.get("embed")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise Refused(
                400,
                "Name must consist of lower case alphanumeric characters or '-', at most 45 of them, and "
                "begin and end with an alphanumeric one",
            )
        if name in self.indexes:
            raise Refused(409, "Resource already exists", "ALREADY_EXISTS")
        if cloud not in REGIONS or region not in REGIONS[cloud]:
            raise Refused(404, f"Resource cloud: {cloud} region: {region} not found", "NOT_FOUND")
        if not isinstance(embed, dict) or not isinstance(embed.get("field_map"), dict):
            raise Refused(422, "embed: model and field_map are required", "UNPROCESSABLE_ENTITY")
        model = MODELS.get(str(embed.get("model")))
        text_field = embed["field_map"].get("text")
        if model is None:
            raise Refused(404, f"Model '{embed.get('model')}' not found", "NOT_FOUND")
        if not isinstance(text_field, str) or not text_field:
            raise Refused(400, "field_map must map 'text' to the name of a field")
        self.indexes[name] = Index(
            name=name,
            model=model,
            text_field=text_field,
            cloud=str(cloud),
            region=str(region),
            ready_at=self.now() + self.behaviour.initializing,
            now=self.now,
            lag=lambda: self.behaviour.lag,
            tags=dict(body.get("tags") or {}),
            deletion_protection=str(body.get("deletion_protection") or "disabled"),
        )
        return self.indexes[name]

    def delete(self, name: str) -> None:
        """Delete an index with all its records."""
        if self.get(name).deletion_protection == "enabled":
            raise Refused(403, "Deletion protection is enabled for this index", "FORBIDDEN")
        del self.indexes[name]

    def spend(self, tokens: int, model: str) -> None:
        """Count embedding tokens; refuse with 429 if they exceed the window's limit."""
        limit = self.behaviour.tokens_per_window
        if not limit:
            return
        now = self.now()
        if now - self._window_began >= self.behaviour.window:
            self._window_began, self._tokens_used = now, 0
        if self._tokens_used + tokens > limit and self._tokens_used:
            raise Refused(
                429,
                f"You've reached the max embedding tokens per minute ({limit}) for model '{model}' for the "
                "current project",
                "RESOURCE_EXHAUSTED",
            )
        self._tokens_used += tokens


@dataclass
class Pinecone:
    """All projects of the sandbox."""

    behaviour: Behaviour = field(default_factory=Behaviour)

    def __post_init__(self) -> None:
        self.projects = {name: Project(name, self.behaviour) for name in KEYS}

    def by_key(self, key: str | None) -> Project:
        """Return the project of an API key."""
        for name, known in KEYS.items():
            if key == known:
                return self.projects[name]
        raise Refused(401, "Invalid API key", "UNAUTHENTICATED")
