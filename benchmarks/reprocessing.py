"""Rebuilding a list from its raw mails, against a plain scan of the same raw mails that parses them, too."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice

import psycopg

from benchmarks.report import Figure
from core import raw
from core.database import Conn
from core.session import Session
from sandbox.hyperkitty.archive import MailList
from sandbox.hyperkitty.views import Links, full
from sandbox.hyperkitty.writer import MailWriter, body_of
from trackers.mailing_list import store
from trackers.mailing_list.options import MailingListOptions
from trackers.mailing_list.parse import parse_message
from trackers.mailing_list.reprocess import reprocess

MAILS, PEOPLE, SEED, ROUNDS = 200_000, 2_000, 1, 4
LIST = "boost-interest@lists.boost.org"
COPY = """
COPY core.raw_payload (source, kind, key, fetched_at, content_type, sha256, body) FROM STDIN (FORMAT binary)
"""
TYPES = ("varchar", "varchar", "varchar", "timestamptz", "varchar", "bytea", "bytea")
SCAN = "SELECT body FROM core.raw_payload WHERE source = %s AND kind = %s"


def figures(url: str) -> Iterator[Figure]:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("TRUNCATE mailing_list.message, core.raw_payload")
        size = fill(conn)
        rebuild(conn, "new")
        conn.execute("VACUUM ANALYZE")
        conn.execute("CHECKPOINT")
        scans, reads = [], []
        for _ in range(ROUNDS):
            scans.append(seconds(lambda: scan(conn)))
            reads.append(seconds(lambda: read(conn)))
        plain, ordered = min(scans), min(reads)
        rates = f"{MAILS / ordered:,.0f}/s, plain {MAILS / plain:,.0f}/s"
        note = f"best of {ROUNDS}: {rates}, {size / MAILS:,.0f} bytes each"
        yield Figure(
            f"{MAILS:,} raw mails in batches, parsed, against a plain scan",
            ordered / plain,
            1.3,
            at_least=False,
            note=note,
        )
        whole = seconds(lambda: rebuild(conn, "unchanged"))
        yield Figure(
            "reprocessing them, all rows unchanged, against that scan",
            whole / plain,
            None,
            note=f"{MAILS / whole:,.0f}/s",
        )
        conn.execute("TRUNCATE mailing_list.message, core.raw_payload")


def fill(conn: Conn) -> int:
    """Store the mails of a generated list as the archive answers them; return how many bytes they are."""
    mail_list = MailList(LIST, body_of=lambda entry: body_of(SEED, entry))
    links, now, size = Links("https://lists.example.org/archives"), datetime.now(UTC), 0
    with conn.cursor() as cursor, cursor.copy(COPY) as copy:
        copy.set_types(TYPES)
        for entry in islice(MailWriter(SEED, LIST, PEOPLE), MAILS):
            body = json.dumps(full(links, mail_list, entry)).encode()
            size += len(body)
            key, digest = store.raw_key(LIST, entry.message_hash), hashlib.sha256(body).digest()
            copy.write_row((store.SOURCE, store.EMAIL, key, now, "application/json", digest, body))
    return size


def seconds(action: Callable[[], None]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def scan(conn: Conn) -> None:
    """Read everything as the table holds it, with a server-side cursor, and parse it."""
    with conn.transaction(), conn.cursor("scan", binary=True) as cursor:
        cursor.itersize = raw.KEYS_PER_QUERY
        for (body,) in cursor.execute(SCAN, (store.SOURCE, store.EMAIL)):
            parse_message(json.loads(body), LIST)


def read(conn: Conn) -> None:
    """Read everything in the order of the keys, as a tracker does, and parse it."""
    for items in raw.batches(conn, store.SOURCE, store.EMAIL, prefix=f"{LIST}/"):
        for item in items:
            parse_message(json.loads(item.body), LIST)


def rebuild(conn: Conn, expected: str) -> None:
    options = MailingListOptions(list_names=(LIST,))
    counts = reprocess(Session(conn), options).counts
    if counts.get(expected) != MAILS:
        raise RuntimeError(f"{MAILS} {expected} expected: {counts}")
