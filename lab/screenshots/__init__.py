"""Pictures of the console with a made-up city in it, for the docs and to be looked at."""
