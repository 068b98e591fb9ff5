"""From documents to records: chunking, filtering, ids, metadata, comparing with the ledger."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.documents import Document, Documents, PineconeInstance
from core.errors import ConfigurationError
from core.settings import Settings
from trackers.pinecone.chunk_filter import reason_against
from trackers.pinecone.chunk_records import RecordBuilder
from trackers.pinecone.chunking import _library_splitter, recursive_splitter
from trackers.pinecone.diff import diff_records
from trackers.pinecone.options import ManualSyncOptions, SearchOptions
from trackers.pinecone.pinecone_limits import METADATA_BYTES
from trackers.pinecone.preprocessor import bound, load_preprocessor
from trackers.pinecone.read_documents import as_documents, read_document, split_ids
from trackers.pinecone.record import (
    BadRecord,
    chunked_id,
    clean_metadata,
    meta_hash,
    split_id,
    with_title,
)
from trackers.pinecone.settings import PineconeSettings
from trackers.pinecone.store import LedgerRow
from trackers.pinecone.sync_limits import SyncLimits
from trackers.pinecone.target import Target

WORDY = "Enough words to be worth a search, and more than fifty characters of them."


# -- chunking -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size", "overlap", "expected"),
    [
        (
            "Alpha beta gamma delta.\n\nEpsilon zeta eta theta iota kappa lambda mu.\n\nNu xi.",
            40,
            10,
            [
                ("Alpha beta gamma delta.", 0),
                ("Epsilon zeta eta theta iota kappa", 25),
                ("kappa lambda mu.", 53),
                ("Nu xi.", 71),
            ],
        ),
        (
            "abcdefghijklmnopqrstuvwxyz0123456789",
            20,
            5,
            [("abcdefghijklmnopqrst", 0), ("pqrstuvwxyz012345678", 15), ("456789", 30)],
        ),
        ("", 40, 10, []),
        (" \n\n ", 40, 10, []),
    ],
)
def test_chunking(text: str, size: int, overlap: int, expected: list[tuple[str, int]]) -> None:
    assert [(c.text, c.start) for c in recursive_splitter(size, overlap)(text)] == expected


@given(st.text(alphabet="ab .\n\t", max_size=60), st.integers(1, 40))
def test_short_texts_are_split_as_the_library_splits_them(text: str, size: int) -> None:
    documents = _library_splitter(size, 0).create_documents([text])
    expected = [(d.page_content, d.metadata["start_index"]) for d in documents]
    if len(text) < size:
        assert [(c.text, c.start) for c in recursive_splitter(size, 0)(text)] == expected


@given(st.text(alphabet="abc .\n", max_size=400))
def test_chunks_start_where_they_claim(text: str) -> None:
    for chunk in recursive_splitter(40, 10)(text):
        assert text[chunk.start : chunk.start + len(chunk.text)] == chunk.text
        assert len(chunk.text) <= 40


def test_an_overlap_larger_than_the_chunk_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"overlap \(20\) is larger than pinecone_chunk_size \(10\)"):
        SyncLimits(chunk_size=10, chunk_overlap=20)


@pytest.mark.parametrize("raw", ["0", "97", "x"])
def test_a_batch_has_at_most_96_records(raw: str) -> None:
    with pytest.raises(ConfigurationError, match="PINECONE_BATCH_SIZE"):
        _ = Settings({"PINECONE_BATCH_SIZE": raw}).of(PineconeSettings).batch_size


# -- filtering -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a b c d " + "x" * 41, "too_short"),
        ("a b c d " + "x" * 42, None),
        ("| --- | --- |", "too_short"),
        ("| " + "--- | " * 12, "table_separator"),
        ("| a | b |" + "-" * 60 + " c d e f g", "mostly_table"),
        ("[]" * 10 + " one two three " + "x" * 30, "few_words"),
        ("one two three four five " + "?!" * 20, "punctuation"),
        (f"| --- | --- |\n| {WORDY} |", None),
        ("шаблоны выражений в библиотеке и время компиляции программ", None),
        (
            "模板元编程可以把很多计算移到编译期完成但是错误信息往往很长很难读懂所以需要更好的工具来帮助开发者理解这些信息的含义",
            None,
        ),
        (
            "テンプレートメタプログラミングはコンパイル時に計算を行う手法でありエラーメッセージが長くなることで知られています",
            None,
        ),
    ],
)
def test_texts_that_are_not_worth_indexing(text: str, reason: str | None) -> None:
    assert reason_against(text) == reason


def work(content: str, is_chunked: bool = False, limits: SyncLimits | None = None, **metadata: Any) -> Any:
    given_ = read_document({"content": content, "metadata": {"doc_id": "d", **metadata}})
    return RecordBuilder(limits or SyncLimits()).records_of(given_, is_chunked=is_chunked)


def test_short_documents_are_distinguished_from_bad_ones() -> None:
    assert work("Thanks!").too_short
    assert not work("?!" * 40 + " one two three four five").too_short
    kept = work("Thank you!", limits=SyncLimits(keep_short_documents=True))
    assert [record.text for record in kept.records] == ["Thank you!"]
    assert not work("Thanks!", limits=SyncLimits(keep_short_documents=True)).records


def test_a_custom_splitter_replaces_the_default() -> None:
    from trackers.pinecone.chunking import Chunk

    cutter = RecordBuilder(SyncLimits(), lambda text: iter([Chunk(text[:70], 0)]))
    cut = cutter.records_of(read_document(Document(WORDY * 5, {"doc_id": "d"})), is_chunked=False)
    assert [record.text for record in cut.records] == [(WORDY * 5)[:70]]


# -- ids ---------------------------------------------------------------------------------------------------


def test_ids_equal_those_of_the_predecessor() -> None:
    assert split_id("youtube-abc", 0) == "e9d618a385ee7c46b08cc8965a69b775"
    assert split_id("M1", 0) == "9f31503afe0a20f1f6555e41839fbc69"
    uploaded = with_title("This chunk was already split by the caller and is long enough to be kept.", "T")
    assert len(uploaded) == 83
    assert chunked_id("d1", uploaded) == "c317878f4abc6ffef66fac1670d8b52c"
    assert chunked_id("d1", uploaded, 3) == chunked_id("d1", "edited", 3)


def test_a_title_is_added_once() -> None:
    assert with_title("text", "T") == "Title: T\n\ntext"
    assert with_title("Title: T\n\ntext", "T") == "Title: T\n\ntext"
    assert with_title("Title: T\ntext", "T") == "Title: T\ntext"
    assert with_title("Title: T", "T") == "Title: T"


def test_a_longer_first_line_is_not_the_title() -> None:
    assert with_title("Title: Tested and found", "T") == "Title: T\n\nTitle: Tested and found"
    assert with_title("text", "") == with_title("text", None) == "text"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a, b , c", ("a", "b", "c")),
        ("  ,  ", ()),
        (None, ()),
        (["a,1", "b", "a,1"], ("a,1", "b")),
        (7, ("7",)),
        ([1, 2], ("1", "2")),
    ],
)
def test_source_ids(value: Any, expected: tuple[str, ...]) -> None:
    assert split_ids(value) == expected


def test_the_first_field_with_source_ids_is_used() -> None:
    document = {"content": "", "metadata": {"source_ids": " ", "ids": "m"}, "source_ids": "t", "ids": "u"}
    assert read_document(document).source_ids == ("m",)
    del document["metadata"]["ids"]  # type: ignore[attr-defined]
    assert read_document(document).source_ids == ("t",)


# -- metadata ------------------------------------------------------------------------------------------------


def test_metadata_are_converted_to_types_that_pinecone_accepts() -> None:
    cleaned, cut = clean_metadata(
        {
            "none": None,
            "text": "a\x00b",
            "when": datetime(2024, 1, 2, 3, 4, 5),
            "zoned": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
            "day": date(2024, 1, 2),
            "tags": ("b", "a", None, 3),
            "set": {"y", "x"},
            "nested": {"b": 1, "a": [1]},
            "rows": [{"a": 1}],
            "flag": True,
            "huge": 2**70,
            "nan": float("nan"),
            "source_ids": "a",
            "ids": "b",
            "chunk_no": 4,
        },
        ["s,1"],
    )
    assert cut == []
    assert cleaned == {
        "text": "ab",
        "when": 1704164645,
        "zoned": 1704164645,
        "day": 1704153600,
        "tags": ["b", "a", "3"],
        "set": ["x", "y"],
        "nested": '{"a": [1], "b": 1}',
        "rows": '[{"a": 1}]',
        "flag": True,
        "huge": str(2**70),
        "table_ids": ["s,1"],
    }


def test_the_longest_text_is_cut_until_it_fits() -> None:
    cleaned, cut = clean_metadata({"a": "ü" * 30_000, "b": "short"}, [])
    assert cut == ["a"]
    assert cleaned["b"] == "short"
    assert len(json.dumps(cleaned, ensure_ascii=False).encode()) < METADATA_BYTES


def test_long_lists_are_cut_and_marked() -> None:
    tags = [f"tag {n:03}" * 6 for n in range(500)]
    ids = [f"some/source/id/{n}" for n in range(3000)]
    cleaned, cut = clean_metadata({"tags": tags, "type": "test"}, ids)
    assert cut == ["table_ids"]
    assert (cleaned["tags"], cleaned["type"]) == (tags, "test")
    *kept, mark = cleaned["table_ids"]
    assert kept == ids[: len(kept)]
    assert mark.startswith(f"… and {3000 - len(kept):,} more")
    assert 30_000 < len(json.dumps(cleaned, ensure_ascii=False).encode()) < METADATA_BYTES - 6 * 1024


def test_the_mark_of_a_cut_list_changes_with_what_was_cut() -> None:
    ids = [f"some/source/id/{n}" for n in range(3000)]
    before, _ = clean_metadata({}, ids)
    after, _ = clean_metadata({}, [*ids[:-1], "some/source/id/x"])
    assert len(before["table_ids"]) == len(after["table_ids"])
    assert meta_hash(before) != meta_hash(after)


@given(
    st.dictionaries(
        st.sampled_from("abcdef"),
        st.lists(st.text(max_size=9), max_size=30) | st.text(max_size=99),
        max_size=6,
    ),
    st.integers(1, 2000),
)
def test_whatever_is_long_is_cut_until_it_fits(metadata: dict[str, Any], times: int) -> None:
    longer = {name: value * times for name, value in metadata.items()}
    cleaned, cut = clean_metadata(longer, [])
    assert cleaned.keys() == longer.keys()
    assert len(json.dumps(cleaned, ensure_ascii=False).encode()) < METADATA_BYTES
    assert all(len(cleaned[name]) < len(longer[name]) for name in cut)


@pytest.mark.parametrize("key", ["id", "_id", "chunk_text", "$and"])
def test_reserved_keys_are_refused(key: str) -> None:
    with pytest.raises(BadRecord):
        clean_metadata({key: 1}, [])


def test_numbers_are_compared_as_doubles() -> None:
    assert meta_hash({"n": 5, "b": True}) == meta_hash({"b": True, "n": 5.0})
    assert meta_hash({"n": 5}) != meta_hash({"n": 6})
    assert meta_hash({"b": True}) != meta_hash({"b": 1})


# -- comparing -----------------------------------------------------------------------------------------------


def row(record: Any, **changes: Any) -> LedgerRow:
    values = {
        "record_id": record.id,
        "app_type": "a",
        "doc_id": "d",
        "source_ids": [],
        "text_sha256": record.text_sha256,
        "meta_sha256": record.meta_sha256,
        "confirmed": True,
    }
    return LedgerRow(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "upload", "update"),
    [
        ({}, 0, 0),
        ({"confirmed": False}, 1, 0),
        ({"text_sha256": "x"}, 1, 0),
        ({"meta_sha256": "x"}, 0, 1),
        ({"app_type": "b"}, 0, 0),
    ],
)
def test_records_to_upload_and_update(changes: dict[str, Any], upload: int, update: int) -> None:
    done = work(WORDY)
    record = done.records[0]
    diff = diff_records([done], {record.id: row(record, **changes)}, {record.id}, "a")
    assert (len(diff.upload), len(diff.update)) == (upload, update)
    assert done.failed is ("app_type" in changes)


# -- preprocess functions and options --------------------------------------------------------------------------------------------


def test_return_values_of_a_preprocess_function() -> None:
    assert as_documents(([1], True)) == Documents([1], True, ())
    assert as_documents(([1], False, [2])) == Documents([1], False, [2])

    class Lazy:
        documents = (1,)
        deleted_doc_ids = ("x",)

    found = as_documents(Lazy())
    assert (found.documents, found.is_chunked, found.deleted_doc_ids) == ((1,), False, ("x",))


@pytest.mark.parametrize("answer", [(1,), (1, 2, 3, 4), None, 7])
def test_other_return_values_are_errors(answer: Any) -> None:
    with pytest.raises(ConfigurationError):
        as_documents(answer)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nodot", "must be a dotted path"),
        ("no.such.module.function", "there is no module no"),
        ("trackers.pinecone.preprocessor.nothing", "has no nothing"),
        ("trackers.pinecone.pinecone_limits.DELETE_IDS", "is not a function"),
    ],
)
def test_a_preprocessor_that_cannot_be_loaded(path: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_preprocessor(path)


def test_a_function_with_a_connection_parameter_gets_the_connection() -> None:
    conn: Any = object()
    assert bound(lambda conn, failed, since: (conn, failed, since), conn)(["a"], None) == (conn, ["a"], None)
    assert bound(lambda failed, since: (failed, since), conn)(["a"], None) == (["a"], None)


def test_a_variant_of_a_source_gets_its_arguments() -> None:
    conn: Any = object()

    def of_team(conn: Any, failed: list[str], since: datetime | None, team: str) -> Any:
        return conn, failed, since, team

    assert bound(of_team, conn, {"team": "cpplang"})(["a"], None) == (conn, ["a"], None, "cpplang")


@pytest.mark.parametrize(("app_type", "namespace"), [("", "n"), ("a", " "), ("a" * 65, "n")])
def test_invalid_targets_are_refused(app_type: str, namespace: str) -> None:
    with pytest.raises(ConfigurationError):
        Target(app_type, namespace, PineconeInstance.PUBLIC)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "nothing to do"),
        ({"app_type": "x", "preprocessor": "a.b"}, "param namespace is empty"),
        ({"sources": ("mailing",), "instance": "secret"}, "not one of public, private"),
    ],
)
def test_incomplete_options_are_errors(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ManualSyncOptions(**values).check()


def test_a_search_needs_a_query() -> None:
    with pytest.raises(ConfigurationError, match="query is empty"):
        SearchOptions(query="  ").check()
