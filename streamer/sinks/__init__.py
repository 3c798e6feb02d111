"""Where avoid lists go: Redis. Readers import parts of it, so nothing is imported here that only writers need."""
