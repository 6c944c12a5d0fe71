"""What a load did: counts per type, and what it says of itself while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

# The row of documents from which not even a resource type could be read.
UNREADABLE = "(unreadable)"

REASONS_KEPT = 5


@dataclass(slots=True)
class Counts:
    """What became of the resources of one type.

    `overtaken` were not written, for the same load says something else about the same resource further on.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    overtaken: int = 0
    rejected: int = 0

    @property
    def total(self) -> int:
        return self.created + self.updated + self.unchanged + self.overtaken + self.rejected

    def add(self, other: Counts) -> None:
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.overtaken += other.overtaken
        self.rejected += other.rejected


@dataclass(slots=True)
class Report:
    """What a load did. `types` counts by resource type; `seconds` is the time it took, start of the workers included.

    `skipped` counts files that were passed over, `rejects` is the file with what was rejected, None if nothing was or
    none was wanted; `reasons` are the first few, in words. `interrupted` says that Ctrl-C ended it: run it again to go
    on. `pending_parameters` counts the search parameters that came or went with it, and are still to be built.
    """

    types: dict[str, Counts] = field(default_factory=dict)
    seconds: float = 0.0
    skipped: int = 0
    interrupted: bool = False
    rejects: Path | None = None
    reasons: list[str] = field(default_factory=list)
    pending_parameters: int = 0

    @property
    def total(self) -> Counts:
        made = Counts()
        for counts in self.types.values():
            made.add(counts)
        return made

    @property
    def rate(self) -> float:
        """Resources a second, whatever became of them."""
        return self.total.total / self.seconds if self.seconds else 0.0

    @property
    def exit_code(self) -> int:
        """0; 1 if anything was rejected; 130 if interrupted, as shells say it."""
        if self.interrupted:
            return 130
        return 1 if self.total.rejected else 0

    def count(self, type: str) -> Counts:
        return self.types.setdefault(type, Counts())

    def add(self, types: dict[str, Counts]) -> None:
        for type, counts in types.items():
            self.count(type).add(counts)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a load is. `read` of `size` bytes on disk were read and dealt with; `resources` and `rejected` are counts.

    `phase` is "reading", and then "finishing" while what had to wait is written (`waiting` resources are left).
    """

    phase: str
    read: int
    size: int
    resources: int
    rejected: int
    waiting: int
    seconds: float
