"""How a recommender answers to a "no": counterfactual simulation, after Wang et al. (arXiv 2308.12256, docs/learning.md)."""
