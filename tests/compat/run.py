#!/usr/bin/env python3
"""Real clients against a real node.

Every client produces the same records with every codec it has to a topic of its own; every client that can read the codec reads
every topic back and must see the same bytes at the same offsets: at once, and after kill -9 and restart of the node. Then the same
on another storage. Two members of a group of each share a topic, until one is killed and the other takes over all. Kafka's tools for operators also run against three nodes. Ends with how many clients ran, and fails if one was skipped.
"""
import argparse
import concurrent.futures
import json
import pathlib
import re
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
import clients  # noqa: E402
import groups  # noqa: E402
from cluster import Cluster  # noqa: E402
from node import Node, exit_on_sigterm  # noqa: E402
from operators import Operators  # noqa: E402

COUNT = 120


def records(client, codec):
    """What a client produces: keys and values that tell where they come from, of many sizes."""
    return [(f"key-{i}", f"{client}/{codec}/{i}/" + "abcdefghij"[i % 10] * (i * i % 1700)) for i in range(COUNT)]


def lines(pairs):
    return "".join(f"{key}\t{value}\n" for key, value in pairs).encode()


def expected(pairs):
    return "".join(f"{i}\t{key}\t{value}\n" for i, (key, value) in enumerate(pairs)).encode()


class Run:
    def __init__(self, arguments):
        self.arguments = arguments
        self.cache = pathlib.Path(arguments.cache).expanduser()
        self.cache.mkdir(parents=True, exist_ok=True)
        self.failures = []
        self.checks = 0

    def check(self, what, action):
        self.checks += 1
        try:
            action()
        except Exception as error:  # a client's failure is a finding; go on with the others
            self.failures.append(what)
            print(f"FAIL {what}: {error}", flush=True)

    def installed(self):
        wanted = [c() for c in clients.ALL if not self.arguments.only or c.name in self.arguments.only]
        ready = []
        for client in wanted:
            before = len(self.failures)
            self.check(f"install {client.name}", lambda: client.install(self.cache))
            if len(self.failures) == before:
                ready.append(client)
        return wanted, ready

    def read_back(self, node, ready, when):
        for writer in ready:
            for codec in writer.codecs:
                want = expected(records(writer.name, codec))
                for reader in ready:
                    if codec not in reader.codecs:
                        continue
                    # Java's start costs seconds: it reads its own topics and those of one other client.
                    if reader.name == "java" and writer.name not in ("java", "kcat"):
                        continue

                    def compare():
                        got = reader.consume(node.bootstrap, f"{writer.name}.{codec}")
                        if got != want:
                            raise RuntimeError(f"read {len(got)} bytes, want {len(want)}; first lines {got[:120]!r}")

                    self.check(f"{when}: {reader.name} reads {writer.name}.{codec}", compare)

    def matrix(self, node, ready, kill):
        java = next((c for c in ready if c.name == "java"), None)
        if java:
            for codec in java.codecs:
                self.check(f"kafka-topics creates java.{codec}", lambda: java.tool(
                    "TopicCommand", "--bootstrap-server", node.bootstrap, "--create", "--topic", f"java.{codec}",
                    "--partitions", "1", "--replication-factor", "1"))
        for client in ready:
            for codec in client.codecs:
                self.check(f"{client.name} produces {codec}", lambda: client.produce(
                    node.bootstrap, f"{client.name}.{codec}", codec, lines(records(client.name, codec))))
        self.read_back(node, ready, "at once")
        if java:
            self.check("kafka-topics describes every topic", lambda: self.describe(java, node, ready))
            self.check("kafka-features describes, downgrades and upgrades", lambda: self.features(java, node))
            self.check("kafka-reassign-partitions verifies", lambda: self.verify_reassignment(java, node))
            self.check("kafka-configs alters a topic", lambda: self.alter_topic(java, node))
            self.check("kafka-configs alters brokers", lambda: self.alter_brokers(java, node))
            self.check("kafka-configs alters a group", lambda: self.alter_group(java, node))
            self.check("kafka-consumer-groups lists, describes, resets and deletes", lambda: groups.Groups(node).admin(java))
        if kill:  # once is enough
            self.lose_members(node, ready)
            node.kill()
            node.start()
            self.read_back(node, ready, "after kill -9")

    def lose_members(self, node, ready):
        """All at once: they wait for sessions to end."""
        losers = [(client, protocol) for client in ready for protocol in client.group_protocols]
        with concurrent.futures.ThreadPoolExecutor(len(losers) or 1) as pool:
            running = [pool.submit(groups.Groups(node).lose_member, *loser) for loser in losers]
        for (client, protocol), result in zip(losers, running):
            self.check(f"{client.name}: a group of the protocol {protocol} loses a member", result.result)

    def describe(self, java, node, ready):
        text = java.tool("TopicCommand", "--bootstrap-server", node.bootstrap, "--describe").decode()
        for client in ready:
            for codec in client.codecs:
                if f"Topic: {client.name}.{codec}\t" not in text:
                    raise RuntimeError(f"{client.name}.{codec} is missing in:\n{text}")

    def features(self, java, node):
        def tool(*arguments):
            return java.tool("FeatureCommand", "--bootstrap-server", node.bootstrap, *arguments).decode()

        def shows(feature, level):
            text = tool("describe")
            if not re.search(rf"Feature: {feature}\s.*FinalizedVersionLevel: {level}\s", text):
                raise RuntimeError(f"{feature} is not at {level} in:\n{text}")

        shows("chronik.version", "3")
        shows("metadata.version", "4.3-IV0")
        tool("downgrade", "--feature", "metadata.version=25")
        shows("metadata.version", "4.0-IV3")
        tool("upgrade", "--feature", "metadata.version=30", "--feature", "chronik.version=3")
        shows("metadata.version", "4.3-IV0")

    def configs(self, java, node, *arguments):
        return java.tool("kafka.admin.ConfigCommand", "--bootstrap-server", node.bootstrap, *arguments).decode()

    def expect(self, text, *wanted):
        missing = [each for each in wanted if each not in text]
        if missing:
            raise RuntimeError(f"{missing} is missing in:\n{text}")

    def alter_topic(self, java, node):
        of = ["--entity-type", "topics", "--entity-name", "java.none"]
        self.configs(java, node, *of, "--alter", "--add-config",
                     "segment.bytes=52428800,min.cleanable.dirty.ratio=0.01,leader.replication.throttled.replicas=0:1")
        self.expect(self.configs(java, node, *of, "--describe", "--all"),
                    "segment.bytes=52428800 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:segment.bytes=52428800, "
                    "DEFAULT_CONFIG:log.segment.bytes=1073741824}",
                    "min.cleanable.dirty.ratio=0.01 ", "leader.replication.throttled.replicas=0:1 ",
                    "retention.ms=604800000 sensitive=false synonyms={}")

    def alter_brokers(self, java, node):
        every, one = ["--entity-type", "brokers", "--entity-default"], ["--entity-type", "brokers", "--entity-name", "1"]
        self.configs(java, node, *every, "--alter", "--add-config", "log.retention.ms=86400000,message.max.bytes=2000000")
        self.configs(java, node, *one, "--alter", "--add-config", "message.max.bytes=3000000")
        self.expect(self.configs(java, node, *one, "--describe", "--all"),
                    "message.max.bytes=3000000 sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:message.max.bytes=3000000, "
                    "DYNAMIC_DEFAULT_BROKER_CONFIG:message.max.bytes=2000000, DEFAULT_CONFIG:message.max.bytes=1048588}",
                    "delete.topic.enable=true ")
        self.configs(java, node, *every, "--alter", "--delete-config", "message.max.bytes")
        self.expect(self.configs(java, node, *every, "--describe"), "log.retention.ms=86400000 ")

    def alter_group(self, java, node):
        of = ["--entity-type", "groups", "--entity-name", "group-of-configs"]
        self.configs(java, node, *of, "--alter", "--add-config", "consumer.session.timeout.ms=50000,consumer.heartbeat.interval.ms=5500")
        self.configs(java, node, *of, "--alter", "--delete-config", "consumer.session.timeout.ms")
        self.expect(self.configs(java, node, *of, "--describe", "--all"),
                    "consumer.heartbeat.interval.ms=5500 sensitive=false synonyms={DYNAMIC_GROUP_CONFIG:consumer.heartbeat.interval.ms=5500, "
                    "STATIC_BROKER_CONFIG:group.consumer.heartbeat.interval.ms=300, ", "consumer.session.timeout.ms=6000 ")

    def verify_reassignment(self, java, node):
        """Without --preserve-throttles the tool removes the configs of throttles, too."""
        plan = json.dumps({"version": 1, "partitions": [{"topic": "java.none", "partition": 0, "replicas": [1]}]})
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(plan)
            file.flush()
            text = java.tool("reassign.ReassignPartitionsCommand", "--bootstrap-server", node.bootstrap, "--verify",
                             "--reassignment-json-file", file.name).decode()
        if "is completed" not in text and "is complete" not in text:
            raise RuntimeError(f"the reassignment is not complete:\n{text}")

    def operate(self, java, folder):
        with Cluster(self.arguments.server, folder) as cluster:
            cluster.start()
            for what, action in Operators(java, cluster).checks():
                self.check(what, action)
            if any(cluster.stop()):
                self.failures.append("three nodes: clean stop")
                print(cluster.log())

    def main(self):
        started = time.monotonic()
        wanted, ready = self.installed()
        with tempfile.TemporaryDirectory(prefix="chronik-compat-") as folder:
            for storage, kill in (("storage-lmdb", True), ("storage-memory", False)):
                print(f"-- {storage}", flush=True)
                with Node(self.arguments.server, f"{folder}/{storage}", storage=storage,
                          tables={"kafka": groups.SETTINGS}) as node:
                    node.start()
                    self.matrix(node, ready, kill)
                    if node.stop() != 0:
                        self.failures.append(f"{storage}: clean stop")
                        print(node.log_tail())
            for java in (c for c in ready if c.name == "java"):
                print("-- three nodes", flush=True)
                self.operate(java, f"{folder}/three")
        print(f"{len(ready)} clients ran ({', '.join(c.name for c in ready)}), {len(wanted) - len(ready)} skipped; "
              f"{self.checks} checks in {time.monotonic() - started:.0f} s")
        print(f"{self.checks - len(self.failures)} passed, {len(self.failures)} failed")
        return 1 if self.failures or len(ready) != len(wanted) else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="the chronik-server to test")
    parser.add_argument("--cache", default="~/.cache/chronik-compat", help="where clients are installed")
    parser.add_argument("only", nargs="*", help="names of clients; all by default")
    exit_on_sigterm()
    sys.exit(Run(parser.parse_args()).main())
