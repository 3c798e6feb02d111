"""Everything goes wrong at once, for minutes: brokers, processes, Redis, the network between, and what time it is.

    plan        what is sent and when, from a seed: a city with duplicates, disorder, erasures, bad records, strangers
    sending     sends it
    deployment  three brokers, two Redis behind a proxy, two workers, two publishers, a population agent
    program     what the processes run: themselves, with a wall clock that can be stepped
    nemesis     one file per kind of fault; each kind has a thread, so faults of different kinds overlap
    chronicle   what was done, and when
    undisturbed what should have come of it
    verdict     what did

A failing run tells its seed and its chronicle. The seed gives the same plan and the same choices, though not the same
moments: lab/simulation replays exactly, but it has no Kafka and no Redis.
"""
