"""A broker that tells clients to come to where they cannot: they are told where that is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streamer.errors import BrokerUnavailable
from streamer.producing import SignalProducer, topics
from streamer.settings import Settings
from tests.backends.kafka import KafkaServer, jars
from tests.backends.missing import go_without
from tests.backends.ports import NotHere, wait_until
from tests.deployment import settings_of

NOWHERE = "no-such-host.invalid:9092"


def test_its_advertised_address_is_named(prefix: str, tmp_path: Path) -> None:
    try:
        jars()
    except NotHere as missing:
        go_without(missing)
    with KafkaServer() as kafka:
        kafka.stop()
        kafka.configure({"advertised.listeners": f"PLAINTEXT://{NOWHERE}"})
        kafka.launch()
        settings = settings_of(prefix, kafka.bootstrap, "redis://nobody", tmp_path, broker_timeout=3.0)

        def told(act: Callable[[Settings], object]) -> str:
            with pytest.raises(BrokerUnavailable) as error:
                act(settings)
            return str(error.value)

        wait_until(lambda: NOWHERE in told(topics.check), lambda: kafka.running, 60, lambda: told(topics.check))
        for act in (topics.create, SignalProducer):
            assert NOWHERE in told(act)
            assert "advertised.listeners" in told(act)
            assert len(told(act).splitlines()) == 1
