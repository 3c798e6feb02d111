"""The console: what is known of a user, of everybody, and of the pipeline, in a browser (docs/console.md)."""
