"""Deterministic simulation, as FoundationDB does it: one seed is one schedule of everything that may happen.

What runs is the product's own partition, checkpoint, recovery, clock and publisher code. Simulated are the log, Redis,
the clocks and whose turn it is::

    schedule   what happens, drawn from a seed, as data: it can be printed, replayed and shrunk
    story      the events of a few users, and when they are sent
    broker     topics, writes under way, fencing, group generations, compaction
    member     one worker from its claim to its end, its work resumed await by await
    redis      Redis, and publishers that crash and freeze
    world      executes a schedule, then heals everything and reads to the end
    verdict    what must hold then
    run        seeds, shrinking
"""
