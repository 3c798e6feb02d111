"""The document of a profile: R, what open sessions add to it, and the entries that follow."""
