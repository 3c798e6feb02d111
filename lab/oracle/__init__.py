"""A user's state and document from scratch: written from docs/spec.md alone, without `streamer.profile`."""
