"""Which database a command works on: from its options, or from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, SettingsConfigDict

from fhirstore.async_store import AsyncStore
from fhirstore.store import Store
from fhirstore.validation import Level

# Where an embedded store lies if nothing else is said.
DEFAULT_PATH = Path("fhirstore-data")


class Settings(BaseSettings):
    """`FHIRSTORE_URI`, `FHIRSTORE_PATH`, `FHIRSTORE_DATABASE` and `FHIRSTORE_VALIDATION` ("structure" or "off"); what is
    given to the constructor goes before them.

    With a `uri` the store is on that server; without, it is embedded in the directory `path`.
    """

    model_config = SettingsConfigDict(env_prefix="FHIRSTORE_", extra="ignore")

    uri: str | None = None
    path: Path = DEFAULT_PATH
    database: str = "fhir"
    validation: Level = "structure"

    @classmethod
    def of(cls, **options: Any) -> Settings:
        """From a command's options: those that are None are left to the environment."""
        given = {name: value for name, value in options.items() if value is not None}
        if "path" in given and "uri" not in given:
            # A path on the command line goes before a server in the environment.
            given["uri"] = None
        return cls(**given)

    @property
    def place(self) -> str:
        """The database in words, without what an address may hold of a password."""
        where = _without_password(self.uri) if self.uri else f"embedded in {self.path}"
        return f"{self.database!r}, {where}"

    def store(self) -> Store:
        """A blocking store in this database. Raises Unavailable, ServerStartFailed."""
        if self.uri:
            return Store.connect(self.uri, database=self.database, validation=self.validation)
        return Store.embedded(str(self.path), database=self.database, validation=self.validation)

    def async_store(self, base_urls: tuple[str, ...] = ()) -> AsyncStore:
        """The same for asyncio; to be called in the event loop that will use it."""
        options: dict[str, Any] = {
            "database": self.database,
            "base_urls": base_urls,
            "validation": self.validation,
        }
        if self.uri:
            return AsyncStore.connect(self.uri, **options)
        return AsyncStore.embedded(str(self.path), **options)


def _without_password(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
