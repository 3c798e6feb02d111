"""The sums over all users: told by workers, added up and announced by the population agent."""
