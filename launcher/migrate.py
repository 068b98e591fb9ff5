"""Brings a database to the newest schema."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import URL, make_url

from launcher.folders import ROOT


def alembic_config(url: str | URL) -> Config:
    """Return Alembic's configuration for a database."""
    config = Config(str(ROOT / "alembic.ini"))
    config.attributes["url"] = make_url(url).set(drivername="postgresql+psycopg")
    return config


def upgrade(url: str | URL) -> None:
    """Run the migrations that are missing."""
    command.upgrade(alembic_config(url), "head")
