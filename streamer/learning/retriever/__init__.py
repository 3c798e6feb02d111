"""A sequence model that proposes items, and learns from a "no" (docs/learning.md)."""
