"""The errors of the store: one tree, each with its FHIR issues, each class with its HTTP status.

An error is raised where it is noticed and never translated on the way: the REST facade turns any
`FhirError` into an OperationOutcome with `outcome()` and answers with `status`. Issue codes are those of
http://hl7.org/fhir/issue-type (spec page operationoutcome).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Issue:
    """One entry of an OperationOutcome.

    `severity` is fatal, error, warning or information; `code` an issue type; `expression` the FHIRPath of
    the element at fault (`Patient.name[0].given[1]`) or, for a search, the parameter as it was written.
    """

    severity: str
    code: str
    diagnostics: str
    expression: str | None = None

    def as_json(self) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "severity": self.severity,
            "code": self.code,
            "diagnostics": self.diagnostics,
        }
        if self.expression is not None:
            entry["expression"] = [self.expression]
        return entry


def operation_outcome(issues: Sequence[Issue]) -> dict[str, Any]:
    """The OperationOutcome resource that says `issues`."""
    return {"resourceType": "OperationOutcome", "issue": [issue.as_json() for issue in issues]}


class FhirError(Exception):
    """The root. `FhirError("what", expression="Patient.name")`, or `FhirError(issues=[...])`."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "exception"

    def __init__(
        self,
        diagnostics: str = "",
        *,
        expression: str | None = None,
        code: str | None = None,
        issues: Sequence[Issue] = (),
    ) -> None:
        self.issues: tuple[Issue, ...] = tuple(issues) or (
            Issue("error", code or self.code, diagnostics, expression),
        )
        super().__init__("; ".join(issue.diagnostics for issue in self.issues))

    def outcome(self) -> dict[str, Any]:
        """The OperationOutcome resource for this error."""
        return operation_outcome(self.issues)


class BadRequest(FhirError):
    """400: what was sent cannot be understood."""

    status = 400
    code = "invalid"


class MalformedContent(BadRequest):
    """400: not JSON, or JSON that no FHIR resource can be (spec page json)."""

    code = "structure"


class InvalidId(BadRequest):
    """400: a logical id outside `[A-Za-z0-9\\-.]{1,64}`, or one that contradicts the address."""

    code = "value"


class InvalidSearch(BadRequest):
    """400: a search parameter, modifier or value that is wrong or not supported (spec page search)."""


class InvalidPageToken(InvalidSearch):
    """400: a page token that this store did not issue, or not for this query."""

    code = "value"


class NotFound(FhirError):
    """404: no such resource, version or resource type."""

    status = 404
    code = "not-found"


class Gone(FhirError):
    """410: the resource was deleted (spec page http, read)."""

    status = 410
    code = "deleted"


class MethodNotAllowed(FhirError):
    """405: the address exists and does not take this method."""

    status = 405
    code = "not-supported"


class NotAcceptable(FhirError):
    """406: no representation that the client accepts."""

    status = 406
    code = "not-supported"


class UnsupportedMediaType(FhirError):
    """415: a content type that the store does not read."""

    status = 415
    code = "not-supported"


class Conflict(FhirError):
    """409: another writer was faster, again and again."""

    status = 409
    code = "conflict"


class PreconditionFailed(FhirError):
    """412: `If-Match` names another version, or a condition matches more than one resource."""

    status = 412
    code = "conflict"


class TooLarge(FhirError):
    """413: the resource would not fit MongoDB's 16 MB document, or the request exceeds the set limit."""

    status = 413
    code = "too-long"


class AddressTooLong(FhirError):
    """414: the address of a request exceeds the set limit."""

    status = 414
    code = "too-long"


class Unprocessable(FhirError):
    """422: well-formed, and against the rules of its type; every problem is one issue."""

    status = 422
    code = "processing"


class NotImplementedByStore(FhirError):
    """501: FHIR defines it, this store has not built it."""

    status = 501
    code = "not-supported"


class Unavailable(FhirError):
    """503: the database does not answer, or is not in a state to serve (migrations due)."""

    status = 503
    code = "transient"


class DatabaseTooOld(Unavailable):
    """The database waits for migrations; `fhirstore migrate apply` runs them."""

    code = "incomplete"


class DatabaseTooNew(Unavailable):
    """The database was written by a later fhirstore."""

    code = "not-supported"


class ServerStartFailed(Unavailable):
    """The embedded server did not come up."""
