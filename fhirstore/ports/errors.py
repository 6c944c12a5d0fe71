"""Driver errors to errors of the store, for all drivers: Motor's are PyMongo's, and mongomock raises PyMongo's where it is
installed."""

from __future__ import annotations

from bson.errors import BSONError, InvalidDocument
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    InvalidName,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)

from fhirstore.errors import (
    BadRequest,
    Conflict,
    InvalidSearch,
    TooLarge,
    Unavailable,
    Unprocessable,
)
from fhirstore.ports.port import CommandFailed, DuplicateKey

# What a driver call can raise for reasons that are not mistakes in this package.
DRIVER_ERRORS = (
    PyMongoError,
    BSONError,
    UnicodeError,
    OverflowError,
    RecursionError,
    NotImplementedError,
)

_DUPLICATE = frozenset({11000, 11001, 12582})
_TOO_LARGE = frozenset({10334, 17419, 17420})
# Shutting down, stepping down, not primary, interrupted, out of time, not acknowledged; 18 is a wrong password.
_UNAVAILABLE = frozenset(
    {6, 7, 18, 50, 64, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436}
)
# WriteConflict and NoSuchTransaction; 16777220 is DocumentDB's for a stale update, which carries no label.
_TRANSIENT = frozenset({112, 251, 16777220})
# FailedToParse, InvalidOptions, CommandNotSupported, ReadConcernMajorityNotEnabled and "not implemented".
_READ_CONCERN = frozenset({2, 9, 72, 115, 148, 238})
# BadValue, and MongoDB's own for a pattern that PCRE does not take. Patterns are ours, so that they can only be too long.
_BAD_PATTERN = frozenset({2, 51091})
COMMAND_NOT_SUPPORTED = 115
NAMESPACE_NOT_FOUND = 26


class BulkFailed(Exception):
    """Some documents of a bulk insert were not written: `failures` says why, by position."""

    def __init__(self, failures: dict[int, str]) -> None:
        super().__init__(f"{len(failures)} documents were not written")
        self.failures = failures


def refuses_read_concern(error: BaseException) -> bool:
    """Whether the server refused a read for its read concern, as some compatible servers do."""
    if not isinstance(error, OperationFailure) or error.code not in _READ_CONCERN:
        return False
    text = str(error).lower()
    return "readconcern" in text or "read concern" in text


def translated(error: BaseException) -> Exception:
    """The error of the store that says what `error` of a driver says."""
    if isinstance(error, BulkWriteError):
        return _of_bulk(error)
    if isinstance(error, DocumentTooLarge):
        return TooLarge(f"does not fit a MongoDB document of 16 MB: {error}")
    if isinstance(error, InvalidDocument | BSONError | UnicodeError | OverflowError):
        return Unprocessable(f"cannot be stored: {_shown(error)}", code="value")
    if isinstance(error, RecursionError):
        return Unprocessable("nested too deep to be stored", code="structure")
    if isinstance(error, NotImplementedError):
        return CommandFailed(str(error), COMMAND_NOT_SUPPORTED)
    if isinstance(error, InvalidName):
        return BadRequest(str(error), code="value")
    return _of_server(error)


def _of_bulk(error: BulkWriteError) -> Exception:
    details = error.details or {}
    if details.get("writeConcernErrors"):
        return Unavailable(
            f"the database did not acknowledge all of a bulk insert: {_shown(error)}"
        )
    return BulkFailed(
        {
            int(failure["index"]): str(failure.get("errmsg", ""))[:500]
            for failure in details.get("writeErrors", ())
        }
    )


def _of_server(error: BaseException) -> Exception:
    text = _shown(error)
    if isinstance(error, ConnectionFailure):
        return Unavailable(f"the database does not answer: {text}")
    if isinstance(error, InvalidOperation):
        return Unavailable(f"the database cannot be used: {text}")
    if isinstance(error, ConfigurationError):
        return Unavailable(f"the database cannot be reached as configured: {text}")
    if isinstance(error, ExecutionTimeout | WriteConcernError):
        return Unavailable(f"the database did not finish in time: {text}")
    if isinstance(error, OperationFailure):
        return _of_code(error, text)
    return CommandFailed(text)


def _of_code(error: OperationFailure, text: str) -> Exception:
    code = error.code
    if code in _DUPLICATE:
        return DuplicateKey(text)
    if code in _TOO_LARGE:
        return TooLarge(f"does not fit a MongoDB document of 16 MB: {text}")
    if code in _TRANSIENT or error.has_error_label("TransientTransactionError"):
        return Conflict(f"another writer was faster: {text}", code="transient")
    if code in _UNAVAILABLE:
        return Unavailable(f"the database cannot serve this now: {text}")
    if code in _BAD_PATTERN and "regex" in text.lower():
        return InvalidSearch("the database cannot look for so long a text", code="too-long")
    return CommandFailed(text, code)


def _shown(error: BaseException) -> str:
    """The message without the topology that drivers append, and short enough for an outcome."""
    return str(error).partition(", Topology Description")[0][:500]
