"""What tells whether Streamer is right and how good it is; never shipped: ``python -m lab``.

- ``oracle``: the numbers of docs/spec.md, worked out plainly and slowly, by other code than the worker's.
- ``worlds``: users whose true tastes are known.
- ``evaluation``: our rule beside others, in these worlds and on public data.
"""
