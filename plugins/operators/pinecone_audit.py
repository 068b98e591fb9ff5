"""Compares ledger and index, mends what is asked for, tells how far each source is behind."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import structlog

from core.errors import ConfigurationError
from core.locks import collector_lock
from core.progress import duration
from core.protocols import TrackerResult
from core.units import collect_units
from hooks.pinecone_hook import PineconeHook
from operators.pinecone_sync import hook_for
from operators.recorded import RecordedOperator
from operators.sources import SOURCES, IndexedSource
from trackers.pinecone.api import LOCK, EngineLimits, PineconeInstance, Target, sync_to_pinecone
from trackers.pinecone.audit import Audit, DriftFound, Findings
from trackers.pinecone.contract import bound
from trackers.pinecone.inventory import describe_sources, known_namespaces
from trackers.pinecone.options import AuditOptions

log = structlog.get_logger("collector")


class PineconeAuditOperator(RecordedOperator):
    """Lists the ids of both indexes and compares them with the ledger, namespace by namespace."""

    command = "audit_pinecone"
    tracker = "pinecone"
    options_type = AuditOptions
    options: AuditOptions

    def validate(self) -> None:
        """Look which accounts are configured; at least one must be."""
        self._hooks: dict[str, PineconeHook] = {}
        for instance in PineconeInstance:
            hook = hook_for(instance.value, self.settings)
            if hook.is_configured():
                hook.config()
                self._hooks[instance.value] = hook
        if not self._hooks:
            raise ConfigurationError(
                "Pinecone is not configured; make Connection pinecone_public under Admin > Connections"
            )

    def traffic(self) -> tuple[int, int]:
        """Add up both accounts."""
        hooks = self._hooks.values() if hasattr(self, "_hooks") else ()
        return sum(h.requests for h in hooks), sum(h.received_bytes for h in hooks)

    def close(self) -> None:
        """Let go of both."""
        for hook in self._hooks.values() if hasattr(self, "_hooks") else ():
            hook.close()

    def carry_out(self) -> TrackerResult:
        """Audit every namespace; those that differ fail the task at its end, by name."""
        session = self.session
        self._sources: dict[tuple[str, str], list[IndexedSource]] = {}
        for source in SOURCES:
            spec = source.spec(self.settings)
            self._sources.setdefault((spec["instance"], spec["namespace"]), []).append(source)
        places = dict.fromkeys([*self._sources, *known_namespaces(session.conn)])
        asked = self.options.namespaces
        units = {f"{i}/{n}": (i, n) for i, n in places if i in self._hooks and (not asked or n in asked)}
        try:
            return collect_units(
                units,
                lambda unit: self._audit(*units[unit]),
                conn=session.conn,
                progress=session.progress,
                clock=session.clock,
                told_first=("in_ledger", "missing", "strays"),
            )
        finally:
            self._tell_sources()

    def _audit(self, instance: str, namespace: str) -> None:
        session = self.session
        session.progress.begin_unit(f"{instance}/{namespace}")
        sources = self._sources.get((instance, namespace), [])
        with ExitStack() as locks:
            for source in sources:
                target = self._target(source)
                locks.enter_context(collector_lock(session.conn, LOCK, str(target)))
            audit = Audit(
                session.conn, self._hooks[instance], instance, namespace, session.progress, session.clock
            )
            found = audit.look()
            log.info(found.told())
            if self.options.fill_ledger and found.strays:
                taken = audit.fill_ledger(self._owner(sources))
                log.info(f"took over {taken:,} records into the ledger; a full resync compares their content")
                found = audit.look()
                log.info(found.told())
            if not found.drift:
                return
            if not self.options.repair:
                raise DriftFound(f"{found.told()}; run again with repair{_or_fill(found)}")
            if not found.in_ledger:
                raise DriftFound(
                    f"{found.told()}; the ledger is empty, so a repair would delete everything: "
                    "run again with fill_ledger first"
                )
            audit.repair()
            for source in sources:
                self._sync(source)

    def _sync(self, source: IndexedSource) -> None:
        target, session = self._target(source), self.session
        sync_to_pinecone(
            session.conn,
            self._hooks[target.instance],
            app_type=target.app_type,
            namespace=target.namespace,
            instance=target.instance,
            preprocess_fn=bound(source.documents, session.conn),
            limits=EngineLimits.from_settings(self.settings),
            progress=session.progress,
            clock=session.clock,
        )

    def _target(self, source: IndexedSource) -> Target:
        spec = source.spec(self.settings)
        return Target(spec["app_type"], spec["namespace"], source.instance)

    def _owner(self, sources: list[IndexedSource]) -> Any:
        targets = [(source, self._target(source).app_type) for source in sources]

        def owner(metadata: Mapping[str, Any]) -> str | None:
            return next((app_type for source, app_type in targets if source.is_owner(metadata)), None)

        return owner

    def _tell_sources(self) -> None:
        """Tell lag, failures and counts of each source, once the rest is done."""
        for row in describe_sources(self.session.conn, self.session.clock.now()):
            lag = duration(row["lag_seconds"]) if row["lag_seconds"] is not None else "never completed"
            name = f"{row['instance']}/{row['namespace']}/{row['app_type']}"
            line = (
                f"{name}: {row['documents']:,} documents, {row['chunks']:,} chunks; behind by {lag}; "
                f"{row['failed']:,} to try again, {row['dead']:,} dead"
            )
            (log.warning if row["dead"] or row["last_error"] else log.info)(line)
            self.session.progress.counts.update(
                {
                    f"{row['app_type']}/lag_seconds": row["lag_seconds"] or 0,
                    f"{row['app_type']}/dead": row["dead"],
                }
            )


def _or_fill(found: Findings) -> str:
    return ", or with fill_ledger to take over what the index has" if found.strays else ""
