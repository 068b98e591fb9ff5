"""The target of a sync: instance, namespace and app type."""

from __future__ import annotations

from dataclasses import dataclass

from core.documents import PineconeInstance, SourceSpec
from core.errors import ConfigurationError

LONGEST_APP_TYPE = 64


@dataclass(frozen=True)
class Target:
    """A source's part of the index; it is the key of checkpoint, failures and ledger rows."""

    app_type: str
    namespace: str
    instance: PineconeInstance = PineconeInstance.PUBLIC

    def __post_init__(self) -> None:
        """Raise if a value cannot be part of the key."""
        for name, value in (("app_type", self.app_type), ("namespace", self.namespace)):
            if not value.strip():
                raise ConfigurationError(f"{name} is empty; a sync needs app_type and namespace")
        if len(self.app_type) > LONGEST_APP_TYPE:
            raise ConfigurationError(
                f"app_type has {len(self.app_type)} characters; use at most {LONGEST_APP_TYPE}"
            )

    @classmethod
    def of(cls, spec: SourceSpec) -> Target:
        """Return the target of a declared source."""
        return cls(spec["app_type"].strip(), spec["namespace"].strip(), PineconeInstance(spec["instance"]))

    @property
    def key(self) -> dict[str, str]:
        """The parameters of a query for this target."""
        return {"instance": self.instance.value, "namespace": self.namespace, "app_type": self.app_type}

    def __str__(self) -> str:
        """Return the target's name for logs and locks."""
        return f"{self.instance}/{self.namespace}/{self.app_type}"
