"""The whole job in memory, for tests: events in, documents out, and readers of them (docs/testing.md).

from streamer.testing import StreamerJob

job = StreamerJob()
job.send(Dislike(user_id="u1", ts=1_760_000_000_000, action="dislike", content_id="c1"))
job.reader().get("u1").penalty(Candidate("c1"))  # 0.0: excluded
"""

from streamer.errors import needing

with needing("worker", "the job in memory"):
    from streamer.testing.job import Rejected, StreamerJob

__all__ = ["Rejected", "StreamerJob"]
