"""What a serving tier imports: read a user's avoid list, then filter, penalise, rerank and explain.

from streamer.serving import AvoidListReader, Candidate

with AvoidListReader("redis://localhost:6379/0") as reader:
    avoid = reader.get("u1")
    ranked = avoid.rerank([Candidate("c1", "creator-7", ("true-crime",), 1800.0)], [0.8])
"""

from streamer.serving.candidate import Candidate
from streamer.serving.reader import AsyncAvoidListReader, AvoidListReader
from streamer.serving.rules import AvoidList, Explanation, Match

__all__ = ["AsyncAvoidListReader", "AvoidList", "AvoidListReader", "Candidate", "Explanation", "Match"]
