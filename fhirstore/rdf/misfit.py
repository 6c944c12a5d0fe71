"""What goes up through a walk when something does not fit, and learns on the way where it was.

So a walk need not carry its place along for the one case in which somebody has to be told.
"""

from __future__ import annotations

from fhirstore.errors import MalformedContent


class Misfit(Exception):
    """`Misfit("a boolean is expected")`; each level of the walk puts its own part of the place in front."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        self.expression = ""

    def under(self, part: str) -> None:
        """It was below `part`: a property, or a position as `[2]`."""
        below = self.expression
        self.expression = part + ("" if below.startswith("[") or not below else ".") + below

    def as_error(self) -> MalformedContent:
        return MalformedContent(self.why, expression=self.expression or None)
