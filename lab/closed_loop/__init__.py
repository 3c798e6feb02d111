"""A closed loop: what is recommended today is learned from what people did with what was recommended before.

Worlds (:mod:`lab.worlds`) show what is popular, whatever lists say. Here a recommender that is retrained every day
chooses, avoid lists take off what they know, people with true tastes answer, and creators adapt. Everything that a
deployment would conclude is concluded by its own code. How to run it, and what came out: docs/learning.md.
"""
