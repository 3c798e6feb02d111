"""How good the lists are: rules behind one interface, worlds with known tastes, and public data sets.

A :class:`~lab.evaluation.rules.base.Rule` sees the events of one user and says which tags and creators that user
dislikes. Ours is driven through the worker's own :class:`streamer.profile.Profile`; nothing of it is written twice.
What each figure means is told in docs/evaluation.md.
"""
