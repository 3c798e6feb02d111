"""Orders two items by a user's avoid list (docs/tutorial.md)."""

from streamer.serving import AvoidListReader, Candidate
from streamer.settings import load

items = [Candidate("final", tags=("sport",)), Candidate("soup", tags=("cooking",))]
settings = load()
with AvoidListReader(settings.redis_url, prefix=settings.redis_prefix) as reader:
    avoid = reader.get("ben")
    for item, score in avoid.rerank(items, relevance=[0.9, 0.6]):
        print(item.content_id, "first" if score >= 0.6 else "pushed down", avoid.explain(item))
