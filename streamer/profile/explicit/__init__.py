"""What a user said: records of it, what of them stands, and the evidence they give."""
