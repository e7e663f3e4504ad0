"""What became of the rows of the test period: a bundle's figures are of those that got a score."""

from __future__ import annotations

from dataclasses import dataclass

MAX_REFUSED = 0.05
MIN_SCORED = 100  # about as many as there are scores


@dataclass(frozen=True)
class Account:
    """How many rows got a score, and what became of the others."""

    rows: int
    scored: int
    refused: dict[str, int]  # rows by reason, which names a column and its rule, the most frequent first
    changed: dict[str, int]  # scored rows by column and what the contract made of its value

    def figures(self) -> dict[str, int]:
        """Return the rows that were not scored as they came, by what became of them; empty if all were."""
        return {f"refused: {reason}": count for reason, count in self.refused.items()} | self.changed

    def warnings(self) -> list[str]:
        """Return why these rows may say little of rows to come."""
        out = []
        refused = self.rows - self.scored
        if refused > MAX_REFUSED * self.rows:
            out.append(
                f"{refused} of {self.rows} test rows are refused, most often because {next(iter(self.refused))}: "
                "scores and gains are reckoned without them, and as large a part of the live rows may get no score"
            )
        if self.scored < MIN_SCORED:
            out.append(
                f"only {self.scored} test rows are scored: a score says where a probability stands among them, so give "
                f"at least {MIN_SCORED}"
            )
        return out
