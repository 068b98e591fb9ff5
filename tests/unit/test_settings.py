from __future__ import annotations

import pytest

from core.errors import ConfigurationError
from core.settings import Settings, declared_settings
from trackers.mailing_list.settings import DEFAULT_LISTS, MailingListSettings


def test_a_variable_overrides_the_environment_and_the_default() -> None:
    environ = {"BOOST_MAILING_LIST_NAMES": "a@x.org, b@x.org"}
    assert Settings({}).of(MailingListSettings).names == DEFAULT_LISTS
    assert Settings(environ).of(MailingListSettings).names == ("a@x.org", "b@x.org")
    found = Settings(environ, {"bdc_mailing_list_names": "c@x.org"}.get)
    assert found.value(MailingListSettings.names) == ("c@x.org",)
    assert found.resolve(MailingListSettings.names).origin == "Variable bdc_mailing_list_names"


def test_blank_means_not_set() -> None:
    assert Settings({"BOOST_MAILING_LIST_NAMES": "  "}).of(MailingListSettings).names == DEFAULT_LISTS


@pytest.mark.parametrize("raw", ["perhaps", "2", "-"])
def test_an_invalid_value_names_its_variable(raw: str) -> None:
    with pytest.raises(ConfigurationError, match="BOOST_COLLECTOR_SCHEDULE_STRICT"):
        _ = Settings({"BOOST_COLLECTOR_SCHEDULE_STRICT": raw}).schedule_strict
    with pytest.raises(ConfigurationError, match="bdc_max_body_mb"):
        _ = Settings({}, {"bdc_max_body_mb": "many"}.get).max_body_mb


@pytest.mark.parametrize(("raw", "value"), [("YES", True), ("off", False), ("1", True), ("False", False)])
def test_flags(raw: str, value: bool) -> None:
    assert Settings({"BOOST_COLLECTOR_SCHEDULE_STRICT": raw}).schedule_strict is value


def test_secrets_are_not_shown() -> None:
    found = Settings({"DATABASE_URL": "postgresql://u:hush@h/d"}).resolve(Settings.database_url)
    assert found.shown() == "set"


def test_settings_of_every_source_are_known() -> None:
    found = declared_settings()
    assert {"workspace_dir", "mailing_list_names", "pinecone_batch_size", "pinecone_api_key"} <= found.keys()
    assert found["mailing_list_drop_in"] is MailingListSettings.import_folder
    assert [name for name, setting in found.items() if setting.name != name] == []


def test_only_the_variables_of_used_settings_are_read() -> None:
    read: list[str] = []

    def variable(name: str) -> None:
        read.append(name)

    _ = Settings({}, variable).max_body_mb
    assert read == ["bdc_max_body_mb"]
