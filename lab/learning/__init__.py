"""How good lists of recommenders are that learn from a "no": beside baselines, in worlds and on public data.

The harness of ``python -m lab learning``; what its figures mean is told in docs/learning.md.
"""
