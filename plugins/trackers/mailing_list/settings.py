"""The settings of the mailing lists."""

from __future__ import annotations

from core.settings import Setting, SettingsGroup, as_names, as_text

DEFAULT_LISTS: tuple[str, ...] = (
    "boost-announce@lists.boost.org",
    "boost-users@lists.boost.org",
    "boost@lists.boost.org",
)


class MailingListSettings(SettingsGroup):
    """The lists, the folder of files to import, and the namespace of the documents."""

    prefix = "mailing_list"

    names = Setting(
        as_names,
        DEFAULT_LISTS,
        "The lists to collect, comma separated",
        env=("BOOST_MAILING_LIST_NAMES",),
    )
    import_folder = Setting(
        as_text,
        "",
        "Folder or object store of JSON files to import, `<list>/messages/**.json`; empty: in the workspace",
        env=("BOOST_MAILING_LIST_DROP_IN",),
        name="mailing_list_drop_in",
    )
    pinecone_app_type = Setting(
        as_text,
        "mailing",
        "Key of the mailing lists' documents in the vector index",
        env=("BOOST_MAILING_LIST_PINECONE_APP_TYPE",),
        section="Vector index",
    )
    pinecone_namespace = Setting(
        as_text,
        "mailing",
        "Namespace of the mailing lists' documents",
        env=("BOOST_MAILING_LIST_PINECONE_NAMESPACE",),
        section="Vector index",
    )
