"""The names of a deployment's topics."""

from __future__ import annotations


class Topics:
    """Topic names of one deployment.

    >>> Topics("dev-").impressions
    'dev-impressions'
    >>> Topics("try-", "dev-").impressions, Topics("try-", "dev-").state
    ('dev-impressions', 'try-streamer-state')

    Args:
        prefix: put before every name.
        source_prefix: put before those of sources and erasures instead; None: it is not.
    """

    __slots__ = (
        "avoid_lists", "creator_health", "default_lists", "dislikes", "erasures", "feedback", "impressions", "journal",
        "labels", "plays", "population", "rejects", "snapshots", "sources", "state", "totals",
    )  # fmt: skip

    def __init__(self, prefix: str = "", source_prefix: str | None = None) -> None:
        sources = prefix if source_prefix is None else source_prefix
        self.impressions = sources + "impressions"
        self.plays = sources + "plays"
        self.dislikes = sources + "dislikes"
        self.feedback = sources + "feedback"
        self.erasures = sources + "erasures"
        self.avoid_lists = prefix + "avoid-lists"
        self.labels = prefix + "labels"
        self.rejects = prefix + "rejects"
        self.state = prefix + "streamer-state"
        self.journal = prefix + "streamer-journal"
        self.population = prefix + "population"
        self.totals = prefix + "streamer-totals"
        self.snapshots = prefix + "population-snapshots"
        self.default_lists = prefix + "default-lists"
        self.creator_health = prefix + "creator-health"
        self.sources = (self.impressions, self.plays, self.dislikes, self.feedback)

    @property
    def source_prefix(self) -> str:
        """What stands before the names of sources and erasures."""
        return self.impressions.removesuffix("impressions")
