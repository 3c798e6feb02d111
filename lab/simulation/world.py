"""A world that a schedule happens in; in the end it heals, and everything is read to the end."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

from aiokafka.errors import ProducerFenced

from lab.simulation.broker import Broker, Producer
from lab.simulation.member import TO_THE_END, Member, Process
from lab.simulation.redis import Publishers, Redis
from lab.simulation.schedule import Schedule, Step
from lab.simulation.story import BEGIN_MS, MINUTE_MS, Sent
from streamer.engine.kafka.producer import NewRecord
from streamer.events import Erasure, Watermark, encode
from streamer.profile import Rules
from streamer.settings import load

_SETTLED_MS: Final = 240 * MINUTE_MS
"""Longer than gap and grace: after this every session has sealed."""


@cache
def rules_of(clock: str) -> Rules:
    """The compiled rules of a simulated deployment; they take long to make, and no schedule changes them.

    A session of any length counts: of one that an erasure has cut nobody knows when what is left of it began.
    """
    return Rules(load(clock=clock, partitions=1, min_session=0, population=True, population_share=1.0))


class World:
    """Everything there is while one schedule happens.

    Args:
        schedule: what happens, when :meth:`run` is called.
        told: takes the lines of a trace; None: nobody wants it.

    Attributes:
        sent: what has been sent.
        rejected: by topic and offset, the code that a record sent must be rejected with.
        ended: workers that are no more.
    """

    def __init__(self, schedule: Schedule, told: Callable[[str], None] | None = None) -> None:
        rules = rules_of(schedule.clock)
        self.rules = rules
        self.settings = rules.settings.model_copy(
            update={"hot_users": schedule.hot_users, "buffer_events": schedule.buffer_events}
        )
        self.broker = Broker(BEGIN_MS, appends_time=schedule.appends_time)
        self.redis = Redis()
        self.publishers = Publishers(self.broker, self.settings, self.redis)
        self.sent: list[Sent] = []
        self.rejected: dict[tuple[str, int], str] = {}
        self.ended: list[Member] = []
        self._schedule = schedule
        self._told = told
        if told is not None:
            self.broker.told = told
        self._processes = [Process(self.broker), Process(self.broker)]
        self._owner = self._joined(0)
        self._zombies: list[Member] = []
        self._limbo: list[Producer] = []

    def run(self) -> None:
        """Does all that is in the schedule, then heals."""
        for step in self._schedule.steps:
            self.do(step)
        self._heal()

    # --- one step -----------------------------------------------------------------------------------------------

    def do(self, step: Step) -> None:
        """Does one step."""
        self.broker.now_ms = max(self.broker.now_ms, step.at)
        if self._told is not None:
            self._told(f"{self._minutes()}  {_told(step)}")
        who = self._owner if step.who == 0 else (self._zombies[-1] if self._zombies else None)
        if step.do in ("fetch", "slice", "save", "commit", "truncate", "leap"):
            if who is not None:
                self._work(who, step)
        elif step.sent is not None:
            self._send(step.sent)
        elif step.do in ("crash", "move", "steal", "remake"):
            self._goes(step)
        elif step.do == "arrive":
            self._arrives(step.n)
        elif step.do == "compact":
            self.broker.logs[step.topic].compact()
        else:
            self._publishing(step)

    def _work(self, who: Member, step: Step) -> None:
        try:
            if step.do == "fetch":
                self._fetch(who, step)
            elif step.do == "slice":
                who.slice(step.n, step.turns)
            elif step.do == "save":
                who.save(step.turns)
            elif step.do == "commit":
                who.consumer.commit()
            elif step.do == "truncate":
                who.truncate()
            else:
                who.process.leap(step.n)
        except ProducerFenced:
            self._fenced(who)

    def _fetch(self, who: Member, step: Step) -> None:
        """Fetches; by events' time erasures with whatever else: a day that seals before one is fetched goes whole."""
        but = step.topic.removeprefix("but ") if step.topic.startswith("but ") else ""
        for topic in who.topics:
            if topic == self.settings.topics.erasures and self.settings.clock == "events":
                who.fetch(topic, TO_THE_END)
            elif step.topic in ("", topic) or (but and topic != but):
                who.fetch(topic, step.n)

    def _send(self, sent: Sent) -> None:
        what = sent.what
        raw, key = (what, b"u") if isinstance(what, bytes) else (encode(what), what.user_id.encode())
        ts = None if isinstance(what, bytes) else what.ts
        offset = self.broker.append(sent.topic, [NewRecord(key, raw)], self.broker.now_ms if ts is None else ts)
        if sent.code:
            self.rejected[sent.topic, offset] = sent.code
        else:
            self.sent.append(sent)
        if self.settings.clock == "events" and not isinstance(what, Erasure):
            self._watermark()

    def _watermark(self) -> None:
        now_ms = self.broker.now_ms
        for topic in self.settings.topics.sources:
            self.broker.append(topic, [NewRecord(None, encode(Watermark(now_ms)))], now_ms)

    def _arrives(self, n: int) -> None:
        producers = [member.producer for member in (self._owner, *self._zombies)] + self._limbo
        under_way = [(producer, topic) for producer in producers for topic in producer.under_way()]
        if under_way:
            producer, topic = under_way[n % len(under_way)]
            producer.arrive(topic)

    def _publishing(self, step: Step) -> None:
        publishers = self.publishers
        if step.do == "publish":
            publishers.publish(step.n)
        elif step.do == "publish_part":
            publishers.publish(1000, lives_for=step.n)
        elif step.do == "publish_uncommitted":
            publishers.publish(step.n, commits=False)
        elif step.do == "freeze_publisher":
            publishers.freeze(step.n)
        elif step.do == "thaw_publisher":
            publishers.thaw()
        elif step.do == "flush":
            self.redis.flush()
        elif step.do == "rebuild":
            publishers.rebuild()

    # --- workers come and go ------------------------------------------------------------------------------------

    def _joined(self, at: int) -> Member:
        self._at = at
        return Member(self.broker, self.settings, self.rules, self._processes[at])

    def _goes(self, step: Step) -> None:
        owner = self._owner
        if step.do == "crash":
            self._end(owner)
            self._restart()
            return
        if step.do in ("move", "remake"):
            try:
                if step.do == "remake":
                    owner.save(TO_THE_END)
                owner.let_go()
            except ProducerFenced:
                owner.process.park(None)
            self._end(owner)
        else:  # it is frozen, and will be woken without knowing
            self._zombies.append(owner)
            self._processes[self._at] = owner.process.restarted(self.broker)
        if step.do == "remake":
            self._remake_outbox()
        self._owner = self._joined(1 - self._at)

    def _remake_outbox(self) -> None:
        """Somebody makes the outbox anew, while no worker runs and all of it is published.

        Not simulated: tombstones that are lost with it; and that a worker runs, or had no time to save. If the outbox
        then had fewer records at the last checkpoint than the new one has when somebody looks, nobody notices that it
        is another one.
        """
        self.publishers.publish(TO_THE_END)
        self.broker.remake(self.settings.topics.avoid_lists)
        self.publishers.begin_anew()

    def _restart(self) -> None:
        self._processes[self._at] = self._processes[self._at].restarted(self.broker)
        self._owner = self._joined(self._at)

    def _fenced(self, member: Member) -> None:
        """It learns that another has claimed the partition: an owner, of a zombie that did so when it was woken."""
        if member is self._owner:
            if member.producer.epoch == self.broker.epoch:
                raise AssertionError("the worker with the newest claim is refused")
            self._restart()
        else:
            self._zombies.remove(member)
        self._end(member)

    def _end(self, member: Member) -> None:
        member.stop()
        self._limbo.append(member.producer)
        self.ended.append(member)

    # --- in the end ---------------------------------------------------------------------------------------------

    def _heal(self) -> None:
        if self._told is not None:
            self._told(f"{self._minutes()}  everything heals")
        while self._zombies:
            zombie = self._zombies.pop()
            try:
                zombie.work_to_the_end()
            except ProducerFenced:
                self.broker.told("      a zombie learns that it is one")
            self._end(zombie)
        self.broker.now_ms += _SETTLED_MS
        if self.settings.clock == "events":
            self._watermark()
        self._last_words()
        self._end(self._owner)
        self.publishers.publish(TO_THE_END)
        if self.redis.is_flushed:
            self.publishers.rebuild()
        self.publishers.thaw()

    def _last_words(self) -> None:
        """The owner reads everything, ends in the midst of saving that, and its successor does it again."""
        try:
            self._owner.read_to_the_end()
            self._owner.save(self._schedule.ends_after)
            self._owner.consumer.commit()
        except ProducerFenced:
            self.broker.told("      the owner has been overtaken by a zombie")
        self._end(self._owner)
        self._restart()
        self._owner.work_to_the_end()

    def _minutes(self) -> str:
        return f"{(self.broker.now_ms - BEGIN_MS) / MINUTE_MS:8.2f} min"


def _told(step: Step) -> str:
    if step.sent is not None:
        what = step.sent.what
        return f"send {step.topic}: {(what if isinstance(what, bytes) else encode(what)).decode()}"
    who = "" if step.who == 0 else " zombie"
    return f"{step.do}{who} {step.topic} n={step.n} turns={step.turns}"
