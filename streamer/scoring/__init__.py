"""What counts are worth: log odds, tiers, expiry, entries, the avoid list document. Pure."""
