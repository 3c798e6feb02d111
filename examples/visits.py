"""Twenty days of somebody who is shown sport and never opens it (docs/tutorial.md)."""

from streamer.clock import wall_ms
from streamer.producing import SignalProducer

DAY_MS, SECOND_MS = 86_400_000, 1_000
TAGS = ["sport", "music", "cooking", "sport", "music", "cooking"]

with SignalProducer() as producer:
    for day in range(20, 0, -1):
        ts = wall_ms() - day * DAY_MS
        for position, tag in enumerate(TAGS):
            item = {"content_id": f"{tag}-{day}-{position}", "tags": [tag], "duration_s": 120.0}
            shown = ts + position * SECOND_MS
            producer.impression(user_id="ben", ts=shown, visible_ms=3_000, position=position, **item)
            if tag != "sport":
                producer.play(user_id="ben", ts=shown + 10 * SECOND_MS, played_s=110.0, **item)
