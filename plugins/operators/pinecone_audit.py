"""The operator that compares ledger and index, repairs differences, and logs the lag of each source."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import structlog

from core.documents import DocumentSource, SourceSpec
from core.errors import ConfigurationError
from core.locks import collector_lock
from core.progress import duration
from core.protocols import TrackerResult
from core.session import UnitSession
from core.settings import Settings
from core.units import collect_units
from operators.framework.recorded import RecordedOperator
from operators.pinecone_sync import hook_for
from operators.sources import SOURCES
from trackers.pinecone.api import LOCK, PineconeInstance, Target, sync_to_pinecone
from trackers.pinecone.audit import Audit, DriftFound, Owner
from trackers.pinecone.inventory import Findings, describe_sources, known_namespaces
from trackers.pinecone.options import AuditOptions
from trackers.pinecone.preprocessor import bound

log = structlog.get_logger("collector")


class ConfiguredAccounts:
    """The hooks of the accounts that somebody configured, as one."""

    def __init__(self, settings: Settings) -> None:
        every = {instance.value: hook_for(instance.value, settings) for instance in PineconeInstance}
        self.by_instance = {name: hook for name, hook in every.items() if hook.is_configured()}

    @property
    def requests(self) -> int:
        """The number of requests of all accounts together."""
        return sum(hook.requests for hook in self.by_instance.values())

    @property
    def received_bytes(self) -> int:
        """The number of bytes of all accounts together."""
        return sum(hook.received_bytes for hook in self.by_instance.values())

    def close(self) -> None:
        """Close the hook of each account."""
        for hook in self.by_instance.values():
            hook.close()


class PineconeAuditOperator(RecordedOperator[AuditOptions, ConfiguredAccounts]):
    """Lists the ids of both indexes and compares them with the ledger, namespace by namespace."""

    command = "audit_pinecone"
    tracker = "pinecone"
    options_type = AuditOptions

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._declared: dict[tuple[str, str], list[tuple[SourceSpec, DocumentSource]]] = {}

    def make_hook(self) -> ConfiguredAccounts:
        """Return the hooks of the configured accounts."""
        return ConfiguredAccounts(self.settings)

    def validate(self) -> None:
        """Check the accounts that are configured; there must be at least one."""
        if not self.hook.by_instance:
            raise ConfigurationError(
                "Pinecone is not configured; create Connection pinecone_public under Admin > Connections"
            )
        for hook in self.hook.by_instance.values():
            hook.config()

    def run_task(self) -> TrackerResult:
        """Audit every namespace; at the end the task fails and names those that differ."""
        for indexed in SOURCES:
            for spec in indexed.specs(self.settings):
                declared = self._declared.setdefault((spec["instance"], spec["namespace"]), [])
                declared.append((spec, indexed.source))
        namespaces = dict.fromkeys([*self._declared, *known_namespaces(self.session.conn)])
        requested = self.options.namespaces
        units = {
            f"{instance}/{name}": (instance, name)
            for instance, name in namespaces
            if instance in self.hook.by_instance and (not requested or name in requested)
        }
        try:
            return collect_units(
                self.session,
                units,
                lambda unit: self._audit(unit, *units[unit.name]),
                noun="namespaces",
                one_by_one=True,
                shown_first=("in_ledger", "missing", "strays"),
            )
        finally:
            self._log_sources()

    def _audit(self, unit: UnitSession, instance: str, namespace: str) -> None:
        declared = self._declared.get((instance, namespace), [])
        with ExitStack() as locks:
            for spec, _ in declared:
                locks.enter_context(collector_lock(self.session.conn, LOCK, str(Target.of(spec))))
            audit = Audit(unit, self.hook.by_instance[instance], instance, namespace)
            found = audit.look()
            unit.log.info(found.summary())
            if self.options.fill_ledger and found.strays:
                adopted = audit.fill_ledger(self._owner(declared))
                unit.log.info(f"added {adopted:,} records to the ledger; a full resync compares them")
                found = audit.look()
                unit.log.info(found.summary())
            if not found.drift:
                return
            if not self.options.repair:
                raise DriftFound(f"{found.summary()}; run again with repair{_or_fill(found)}")
            if not found.in_ledger:
                raise DriftFound(
                    f"{found.summary()}; the ledger is empty, so a repair would delete everything: "
                    "run again with fill_ledger first"
                )
            audit.repair()
            for spec, source in declared:
                documents = bound(source.documents, self.session.conn, spec["arguments"])
                sync_to_pinecone(self.session, self.hook.by_instance[instance], Target.of(spec), documents)

    def _owner(self, declared: list[tuple[SourceSpec, DocumentSource]]) -> Owner:
        def owner(metadata: Mapping[str, Any]) -> str | None:
            return next((spec["app_type"] for spec, source in declared if source.is_owner(metadata)), None)

        return owner

    def _log_sources(self) -> None:
        """Log lag, failures and counts of each source."""
        for status in describe_sources(self.session.conn, self.session.clock.now()):
            lag = duration(status.lag_seconds) if status.lag_seconds is not None else "never completed"
            line = (
                f"{status.instance}/{status.namespace}/{status.app_type}: {status.documents:,} documents, "
                f"{status.chunks:,} chunks; behind by {lag}; "
                f"{status.failed:,} to try again, {status.dead:,} dead"
            )
            (log.warning if status.dead or status.last_error else log.info)(line)
            self.session.progress.counts.update(
                {
                    f"{status.app_type}/lag_seconds": status.lag_seconds or 0,
                    f"{status.app_type}/dead": status.dead,
                }
            )


def _or_fill(found: Findings) -> str:
    return ", or with fill_ledger to add what the index has to the ledger" if found.strays else ""
