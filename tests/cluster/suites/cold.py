"""consumers of cold data at 40 MB/s together, replicas taken from a node, a large topic deleted: no election, acknowledgements go on"""
import json
import os
import struct
import threading
import time

from admin import delete_topic, reassign
from load import now, percentile
from sightings import Connection, leaderships, total
from suite import Suite

MB = 1_000_000
PARTITIONS = 24      # of the cold topic, and of the one that is deleted
READ_RATE = 40 * MB  # a second, of all consumers together: one for each partition
RATE = 2_000         # records a second, acks=all


class Run(Suite):
    in_ci = True

    @staticmethod
    def options(parser):
        parser.add_argument("--gigabytes", type=float, help="of the topic that is deleted; 6 by default, 0.15 bounded")

    def run(self):
        doomed = int(1000 * MB * (self.arguments.gigabytes or (0.15 if self.bounded else 6)))
        cold = (200 if self.bounded else 2_400) * MB
        with self.cluster() as cluster:
            cluster.start()
            for topic, partitions in (("cold", PARTITIONS), ("doomed", PARTITIONS), ("history", 3)):
                self.create(cluster.bootstrap, topic, partitions, "replicas=3")
            self.await_leaders(cluster)
            cold = self.fill(cluster, "cold", PARTITIONS, cold)
            self.fill(cluster, "doomed", PARTITIONS, doomed)
            cluster.stop()
            self.drop_pages(cluster)
            cluster.start(120)
            self.await_leaders(cluster)
            self.await_preferred(cluster)
            with self.load(cluster.bootstrap, "history", 3, cluster.folder, consumers=1, rate=RATE, linger_ms=0) as load:
                load.wait_for_all_partitions()
                self.wait_for_groups_topic(cluster)
                before, elected = len(self.leaderships(cluster)), total(cluster.nodes, "chronik_raft_elections_total")
                windows = [self.tail(load, cold / READ_RATE), self.trouble(cluster, cold)]
                self.await_purge(cluster)
                load.wait_for_all_partitions()
                load.finish()
                load.check()
                elected = total(cluster.nodes, "chronik_raft_elections_total") - elected
                self.expect(elected == 0, f"elections: {elected}")
                rose = [f"{each.group} to {each.term}" for each in self.leaderships(cluster)[before:]]
                self.expect(not rose, f"terms of partitions that rose: {rose or 'none'}")
                beside = [percentile(load.latencies(*window), 0.99) for window in windows]
                self.measured("p99 of acknowledgements, target twice that with consumers at the tail", beside[1], 2 * beside[0], "ms")

    # ---- the steps ----
    def await_leaders(self, cluster):
        self.wait_until(lambda: total(cluster.nodes, "chronik_raft_leaders") == 2 * PARTITIONS + 4, "all are led", 120, pause=0.2)

    def await_preferred(self, cluster):
        """Later it would come by itself, in the middle of what is measured."""
        def preferred():
            self.elect_preferred(cluster)
            return total(cluster.nodes, "kafka_topic_partition_leader_is_preferred") == 2 * PARTITIONS + 3
        self.wait_until(preferred, "preferred replicas lead", 120, pause=1)

    @staticmethod
    def leaderships(cluster):
        """Of partitions: __meta too goes back to its preferred node, 30 s after the start."""
        return [each for each in leaderships(cluster.nodes) if each.group != "__meta"]

    @staticmethod
    def drop_pages(cluster):
        """While no node runs: pages that are mapped stay."""
        os.sync()
        for path in cluster.folder.rglob("*"):
            if path.is_file():
                with open(path, "rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    @staticmethod
    def tail(load, seconds):
        """The load and its consumer alone: from when to when."""
        begin = now()
        load.wait_for_acks(int(RATE * seconds), 60 + 10 * seconds)
        return begin, now()

    def trouble(self, cluster, cold):
        """From when to when the consumers read."""
        leaders = cluster.leaders()
        consumers = [Consumer(cluster.node(leaders[f"cold/{index}"]), index) for index in range(PARTITIONS)]
        disk, begin = sum(node.read_bytes() for node in cluster.nodes), now()
        for consumer in consumers:
            consumer.start()
        self.wait_until(lambda: self.consumed(consumers) >= cold / 4, "a quarter is consumed", 60 + 5 * cold / READ_RATE)
        # Before the trouble, for that reads too.
        disk, consumed = sum(node.read_bytes() for node in cluster.nodes) - disk, self.consumed(consumers)
        self.expect(disk >= consumed / 2, f"of {consumed / MB:.0f} MB consumed the disk was read for {disk / MB:.0f}, half is the least"
                    + ("" if disk else ": NOTHING WAS COUNTED: the pages were cached, or the data folder lies in tmpfs"))
        self.take_away(cluster, leaders)
        for consumer in consumers:
            consumer.join(60 + 5 * cold / READ_RATE)
        end = now()
        self.say(f"consumed {self.consumed(consumers) / MB:.0f} MB at {self.consumed(consumers) / MB / (end - begin):.1f} MB/s")
        errors = [str(consumer.error or "still reading") for consumer in consumers if consumer.error or consumer.is_alive()]
        self.expect(not errors and self.consumed(consumers) >= cold, f"all was consumed in order, errors: {errors or 'none'}")
        return begin, end

    @staticmethod
    def consumed(consumers):
        return sum(consumer.bytes for consumer in consumers)

    def take_away(self, cluster, leaders):
        """From node 3 its replicas of what it does not lead, and from all of them the other topic."""
        others = {index: [leaders[f"cold/{index}"], 3 - leaders[f"cold/{index}"]] for index in range(PARTITIONS)
                  if leaders[f"cold/{index}"] != 3}
        self.wait_until(lambda: reassign(self.controller(cluster), "cold", others) == 0, "the reassignment is accepted")
        self.wait_until(lambda: delete_topic(self.controller(cluster), "doomed") == 0, "the topic is deleted")
        self.taken = len(others)

    @staticmethod
    def controller(cluster):
        return cluster.node(json.loads(cluster.node(1).http("/v1/cluster"))["controller"]).kafka_port

    def await_purge(self, cluster):
        # Groups: of both topics that stay, __meta, and the topic of the consumers' groups, which each node has whole.
        left = PARTITIONS + 4 + self.groups_partitions(cluster)
        self.wait_until(lambda: total([cluster.node(3)], "chronik_raft_groups") == left - self.taken, "node 3 has left", 600, pause=0.1)
        self.wait_until(lambda: total(cluster.nodes, "chronik_storage_groups") == 3 * left, "the topic is gone", 600, pause=0.1)
        self.expect(True, f"node 3 has left {self.taken} partitions, and the topic is gone from all nodes")


class Consumer(threading.Thread):
    """Reads one partition from its beginning to its end, at its part of the rate."""

    def __init__(self, node, partition):
        super().__init__(daemon=True)
        self.node, self.partition = node, partition
        self.bytes, self.error = 0, None

    def run(self):
        try:
            connection, begin, offset, end = Connection(self.node), time.monotonic(), 0, 1
            while offset < end:
                records, end = self.fetch(connection, offset)
                offset = self.follow(records, offset)
                time.sleep(max(0, begin + self.bytes * PARTITIONS / READ_RATE - time.monotonic()))  # the load: its rate
        except Exception as error:
            self.error = error

    def fetch(self, connection, offset):
        """Fetch 4: the batches from there on, and the high watermark."""
        body = struct.pack(">iiiibih4si", -1, 500, 1, MB, 0, 1, 4, b"cold", 1)
        connection.send(1, 4, body + struct.pack(">iqi", self.partition, offset, MB))
        answer = connection.answer()
        answer.at += 4 + 4 + 2 + 4 + 4 + 4  # throttle time, topics, name, partitions, partition
        error, end = answer.take("h"), answer.take("q")
        if error:
            raise RuntimeError(f"partition {self.partition}, offset {offset}: error {error}")
        answer.take("q")  # last stable offset
        answer.each(lambda: answer.take("16s"))  # aborted
        size = answer.take("i")
        return answer.data[answer.at:answer.at + size], end

    def follow(self, records, offset):
        """The offset after these batches, which are of one record each."""
        at = 0
        while at < len(records):
            found, size = struct.unpack_from(">qi", records, at)
            if found != offset:
                raise RuntimeError(f"partition {self.partition}: offset {found} in place of {offset}")
            at, offset = at + 12 + size, offset + 1
        self.bytes += len(records)
        return offset
