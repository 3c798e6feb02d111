"""Invariant I3 and its kin with real processes, a real Kafka and a real Redis: whatever breaks, no document changes.

Every case ends in :meth:`deployed.Deployed.finish`: state, outbox and Redis of every user against the oracle.
`make faults` runs all of them; those marked `long` are left out of `make system` and CI.
"""
