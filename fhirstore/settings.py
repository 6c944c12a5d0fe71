"""Which database a command works on: from its options, or from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from fhirstore.async_store import AsyncStore
from fhirstore.errors import NotFound
from fhirstore.ports.uri import shown
from fhirstore.store import Store
from fhirstore.validation import Level

# Where an embedded store lies if nothing else is said.
DEFAULT_PATH = Path("fhirstore-data")


class Settings(BaseSettings):
    """`FHIRSTORE_URI`, `FHIRSTORE_PATH`, `FHIRSTORE_DATABASE` and `FHIRSTORE_VALIDATION` ("structure" or "off"); what is
    given to the constructor goes before them.

    With a `uri` the store is on that server; without, it is embedded in the directory `path`. None of them may be empty: a
    variable that a script failed to set would silently mean another, new database.
    """

    model_config = SettingsConfigDict(env_prefix="FHIRSTORE_", extra="ignore")

    uri: str | None = None
    path: Path = DEFAULT_PATH
    database: str = "fhir"
    validation: Level = "structure"

    @field_validator("*", mode="before")
    @classmethod
    def _is_said(cls, value: object) -> object:
        if value == "":
            raise ValueError("it is empty")
        return value

    @classmethod
    def of(cls, **options: Any) -> Settings:
        """From a command's options: those that are None are left to the environment. Raises ValueError in words."""
        given = {name: value for name, value in options.items() if value is not None}
        if "path" in given and "uri" not in given:
            # A path on the command line goes before a server in the environment.
            given["uri"] = None
        try:
            return cls(**given)
        except ValidationError as error:
            said = [
                f"{_name(one['loc'], given)}: {one['msg'].removeprefix('Value error, ')}"
                for one in error.errors()
            ]
            # Nothing of the values: an address has a password.
            raise ValueError("; ".join(said)) from None

    @property
    def place(self) -> str:
        """The database in words, without what an address may hold of a password."""
        where = shown(self.uri) if self.uri else f"embedded in {self.path}"
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

    def require_store(self) -> None:
        """Raise NotFound where an embedded store would be begun: to read there is nothing in it."""
        from fhirstore.embedded import is_begun

        if not self.uri and not is_begun(self.path):
            raise NotFound(f"there is no store in {self.path}: see --path, --uri")


def _name(place: tuple[int | str, ...], given: dict[str, Any]) -> str:
    """How a person has said, or may say, a setting."""
    name = str(place[0])
    return f"--{name}" if name in given else f"FHIRSTORE_{name.upper()}"
