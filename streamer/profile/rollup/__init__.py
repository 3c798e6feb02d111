"""R: the decayed sums of a user's sealed sessions, and what follows from them alone."""
