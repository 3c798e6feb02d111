"""A real Apache Kafka: one node, KRaft, Kafka's own jars as Maven delivers them. No Docker."""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from streamer.embedded.child import Child
from tests.backends.opened import Opened
from tests.backends.ports import NotHere, NotReady, free_port, wait_until

POM: Final = Path(__file__).with_name("kafka-pom.xml")
CACHE: Final = Path.home() / ".cache" / "streamer-tests"
TEST_JVM: Final = ("-Xms256m", "-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Starts fastest. For benchmarks give a JVM without the last flag and with more heap."""


class KafkaServer(Opened):
    """Started by `start()` or as a context manager. Address, topics and offsets survive `kill()` and `start()`.

    Topics are not created by mere use, as in a well-kept cluster: create them (`streamer.producing.topics`).

    Args:
        properties: more of server.properties, or others than those below.
        jvm: options of the Java virtual machine.
        scram: users with their passwords, for SCRAM-SHA-256 and -512.
    """

    killable = True

    def __init__(
        self,
        properties: Mapping[str, str] | None = None,
        jvm: Sequence[str] = TEST_JVM,
        scram: Mapping[str, str] | None = None,
    ) -> None:
        self._jars = jars()
        self._jvm = tuple(jvm)
        self._scram = dict(scram or {})
        self._directory = Path(tempfile.mkdtemp(prefix="streamer-kafka-"))
        self.port = free_port()
        self.controller_port = free_port()
        self._config = self._directory / "server.properties"
        self._child: Child | None = None
        self.configure(properties or {})

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    @property
    def pid(self) -> int:
        """Process id of the broker: for measuring its CPU time."""
        assert self._child is not None, "start() it first"
        return self._child.pid

    @property
    def data(self) -> Path:
        """Where its log segments are: for measuring bytes as stored."""
        return self._directory / "data"

    def start(self) -> None:
        """Starts it, unless it runs; returns when an admin client gets an answer."""
        self.launch()
        self.await_answer()

    def launch(self) -> None:
        """Starts it, unless it runs, and does not wait for it."""
        if self.running:
            return
        if not self.data.exists():
            format_ = ["kafka.tools.StorageTool", "format", "-t", "streamer-test-cluster-0", "-c", self._config]
            for user, password in self._scram.items():
                for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                    format_ += ["--add-scram", f"{mechanism}=[name={user},password={password}]"]
            done = subprocess.run(self._java(*format_), capture_output=True, text=True, timeout=120, check=False)
            if done.returncode != 0:
                raise NotReady(f"Kafka's storage cannot be formatted: {done.stdout}{done.stderr}")
        self._child = Child(self._java("kafka.Kafka", self._config), log=self._directory / "kafka.log")

    def await_answer(self) -> None:
        """Waits until an admin client gets an answer."""
        child = self._child
        assert child is not None, "launch() it first"
        wait_until(self._answers, lambda: child.running, 90, child.tail)

    def stop(self) -> None:
        """Ends it in order (SIGTERM): a few seconds."""
        if self._child is not None:
            self._child.stop(timeout=30)

    def kill(self) -> None:
        """Ends it as a crash would (SIGKILL)."""
        if self._child is not None:
            self._child.kill()

    def close(self) -> None:
        """Ends it and deletes its data."""
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def configure(self, properties: Mapping[str, str]) -> None:
        """Writes server.properties: these, and for the rest those of a single broker in tests."""
        controller = self.controller_port
        config = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "log.dirs": str(self.data),
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.num.partitions": "4",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "log.cleaner.backoff.ms": "200",  # compaction, where a test asks for it, comes soon
            "controlled.shutdown.enable": "false",
            "broker.session.timeout.ms": "3000",  # a restarted broker is let in when its old session has ended
            "broker.heartbeat.interval.ms": "300",
            **properties,
        }
        self._config.write_text("".join(f"{name}={value}\n" for name, value in config.items()))

    def _java(self, *arguments: str | Path) -> list[str | Path]:
        return [
            "java",
            *self._jvm,
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
            f"{self._jars}/*",
            *arguments,
        ]

    def _answers(self) -> bool:
        try:
            client = KafkaAdminClient(
                bootstrap_servers=self.bootstrap, bootstrap_timeout_ms=1000, request_timeout_ms=2000
            )
        except KafkaError:
            return False
        try:
            return bool(client.describe_cluster()["brokers"])
        except KafkaError:
            return False
        finally:
            client.close()


def jars() -> Path:
    """The folder with Kafka's jars, fetched by Maven the first time (about 6 s).

    Raises:
        NotHere: there is no Java 17 or no Maven, or Maven cannot fetch them.
    """
    java, maven = shutil.which("java"), shutil.which("mvn")
    if java is None or maven is None:
        raise NotHere("Kafka needs Java 17 or newer and Maven: run  apt-get install default-jre-headless maven")
    found = re.search(
        r'version "(\d+)', subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    )
    if found is None or int(found[1]) < 17:
        raise NotHere(f"Kafka needs Java 17 or newer, `java` is {found[1] if found else 'unknown'}")
    version = re.search(r"kafka_2\.13</artifactId><version>([^<]+)<", POM.read_text())
    assert version is not None, "kafka-pom.xml names no version of kafka_2.13"
    CACHE.mkdir(parents=True, exist_ok=True)
    ready = CACHE / f"kafka-{version[1]}"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            with tempfile.TemporaryDirectory(dir=CACHE) as unfinished:
                shutil.copy(POM, Path(unfinished) / "pom.xml")
                fetch = [maven, "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={unfinished}/lib"]
                done = subprocess.run(fetch, cwd=unfinished, capture_output=True, text=True, timeout=540, check=False)
                if done.returncode != 0:
                    raise NotHere(f"Maven cannot fetch Kafka: {done.stdout[-2000:]}{done.stderr[-2000:]}")
                (Path(unfinished) / "lib").rename(ready)
    return ready
