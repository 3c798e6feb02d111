"""The HTTP service: lists, scores, explanations and events for callers in any language (docs/service.md)."""
