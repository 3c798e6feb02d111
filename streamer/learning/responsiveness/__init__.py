"""How recommenders answer to a "no": simulated after Wang et al. (arXiv 2308.12256; docs/learning.md)."""
