"""a cluster without space: it goes on to lead and to read; lowering retention or deleting a topic brings it back"""
import collections
import contextlib
import json
import os
import subprocess

import admin
import load
from raw_produce import batch, produce, pump
from suite import Suite

PARTITIONS = 8
RECORD = 16_000
SIZE = "200MiB"
KEEP = 1 << 20  # of each partition, once retention is lowered


class Run(Suite):
    in_ci = True
    ci_storages = ("storage-lmdb", "storage-log")

    @staticmethod
    def options(parser):
        parser.add_argument("--rounds", type=int, default=20)
        parser.add_argument("--file-system", action="store_true",
                            help="each node on a file system of its own that is full, in place of max_size; only root may mount it")

    def run(self):
        self.large_after_small()
        if self.again:  # room that is counted was seen to hold: here the disk refuses writes
            return self.fill_and_come_back(os.geteuid() == 0)
        self.fill_and_come_back(self.arguments.file_system)
        if self.bounded and not self.arguments.file_system and os.geteuid() == 0:
            self.say("the same on file systems that are full")
            self.fill_and_come_back(True)

    def large_after_small(self):
        """What retention leaves of small batches lies between free pages, where large ones find none in a row."""
        self.say("large batches after small ones")
        size = 96 << 20
        with self.cluster(tables={"storage": self.small_store(f"{size >> 20}MiB")}) as cluster:
            cluster.start()
            self.wait_for_links(cluster)
            self.create(cluster.bootstrap, "mixed", PARTITIONS, "replicas=3", "min.insync.replicas=2",
                        f"retention.bytes={size * 2 // 5 // PARTITIONS}")
            self.wait_until(lambda: self.in_sync(cluster, "mixed"), "all replicas are in sync", 60, pause=0.2)
            for turn in range(2):
                self.take(cluster, batch(os.urandom(3000)), 2 * size // 4096, at_once=200)
                refused = self.take(cluster, batch(os.urandom(1_000_000)), 8 * PARTITIONS, at_once=1)
                self.say(f"turn {turn}: all batches of 1 MB were taken; refused meanwhile: {refused}")
            moved = [int(node.metric(metric)) for node in cluster.nodes if (metric := self.store(node.id).moves_to_make_room)]
            if moved:
                self.expect(any(moved), f"bytes that were moved: {moved}")

    def take(self, cluster, payload, count, at_once):
        """Sends it until so many are taken; how many are refused meanwhile."""
        errors = collections.Counter()

        def all_are_taken():
            led = collections.defaultdict(dict)
            for index in range(PARTITIONS):
                led[cluster.leaders()[f"mixed/{index}"]][index] = payload
            for node, batches in led.items():
                errors.update(pump(cluster.node(node).kafka_port, [produce("mixed", batches)], at_once))
            return errors[0] >= count
        self.wait_until(all_are_taken, f"{count} batches of {len(payload)} bytes are taken", 120, pause=0.05)
        return errors.total() - errors[0]

    def fill_and_come_back(self, on_file_systems):
        rounds = 1 if self.again else 2 if self.bounded else self.arguments.rounds
        times = []
        store = self.small_store(None if on_file_systems else SIZE)
        with self.cluster(tables={"storage": store}) as cluster, contextlib.ExitStack() as file_systems:
            if on_file_systems:
                for node in cluster.nodes:
                    file_systems.enter_context(self.file_system(node.folder / "data"))
                file_systems.callback(lambda: [node.kill() for node in cluster.nodes])
            cluster.start()
            self.wait_for_links(cluster)
            for n in range(rounds):
                ways = (self.lower_retention, self.delete_a_topic)
                times.append(self.round(cluster, n, ways[n % 2]))
        self.measured("until all partitions take records again, median", load.percentile(times, 0.5), 10, "s")
        self.measured("until all partitions take records again, worst", max(times), 10, "s")

    @staticmethod
    @contextlib.contextmanager
    def file_system(folder):
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE.removesuffix('iB').lower()}", "tmpfs", folder], check=True)
        try:
            yield
        finally:
            subprocess.run(["umount", folder], check=True)

    def round(self, cluster, n, make_space):
        """One producer flat out fills the nodes: its own topic keeps less from then on, or goes, for the sake of another one."""
        self.say(f"round {n}: {make_space.__doc__}")
        topic, flat_out = f"held-{n}", f"full-{n}"
        alone = make_space == self.lower_retention
        with contextlib.ExitStack() as stack:
            producer = stack.enter_context(self.producer(cluster, topic, rate=0 if alone else 100))
            if not alone:
                stack.enter_context(self.producer(cluster, flat_out, rate=0))
            self.fill(cluster, producer)
            begin = load.now()
            make_space(cluster, topic if alone else flat_out)
            producer.wait_for_all_partitions(timeout=120)
            took = load.now() - begin
            self.measured("until all partitions take records again", took, 10, "s")
            self.wait_until(lambda: self.in_sync(cluster, topic), "all replicas are in sync", 60, pause=0.2)
            self.expect(self.finish(producer.processes["produce", 0]) == 0, "the producer ended without an error")
            self.check(producer, whole=not alone)
            for node in cluster.nodes:
                node.kill()
            cluster.start()
            self.wait_until(lambda: self.in_sync(cluster, topic), "all replicas are back", 60, pause=0.2)
            self.check(producer, whole=not alone)
        unopened = [line for line in cluster.log().splitlines() if "cannot be opened" in line or "stopped on this node" in line]
        self.expect(not unopened, f"replicas that cannot be opened: {unopened[:3] or 'none'}")
        self.expect(admin.delete_topic(self.controller(cluster), topic) == 0, "the topic goes")
        return took

    def producer(self, cluster, topic, rate):
        """Of a new topic."""
        folder = cluster.folder / topic
        folder.mkdir()
        self.create(cluster.bootstrap, topic, PARTITIONS, "replicas=3", "min.insync.replicas=2")
        return self.load(cluster.bootstrap, topic, PARTITIONS, folder, rate=rate, size=RECORD)

    def fill(self, cluster, producer):
        """Until each node is full, and for as long again as an election would take: who leads stays, and what is there is read."""
        self.wait_until(lambda: all("the store is full" in node.readyz() for node in cluster.nodes), "all nodes are full", 120, pause=0.1)
        acknowledged = dict(producer.follow()[1])
        before, moved = self.leaderships(cluster), self.moves(cluster)
        end = load.now() + 8
        reads = 0
        while load.now() < end or reads == 0:
            producer.dump()
            reads += 1
        held = producer.folder / "dump.history"
        self.expect(sum(1 for _ in open(held)) >= sum(newest + 1 for newest in acknowledged.values()),
                    f"all is read while there is no space, {reads} times")
        changed = self.leaderships(cluster) - before
        self.expect(len(changed) <= len(self.moves(cluster) - moved),
                    f"changes of leaders meanwhile, but to where there is room: {sorted(changed)[:3] or 'none'}")

    @staticmethod
    def leaderships(cluster):
        """Of topics that were there: the first client that names a group makes that of the groups."""
        return {line for line in cluster.log().splitlines() if "became leader for" in line and "__consumer_offsets" not in line}

    @staticmethod
    def moves(cluster):
        return {line for line in cluster.log().splitlines() if "has room" in line}

    # ---- what an operator does ----
    def lower_retention(self, cluster, topic):
        """retention is lowered"""
        self.expect(admin.set_config(self.controller(cluster), topic, "retention.bytes", str(KEEP)) == 0, "retention is lowered")

    def delete_a_topic(self, cluster, topic):
        """the topic that fills it is deleted"""
        self.expect(admin.delete_topic(self.controller(cluster), topic) == 0, "it is deleted")

    @staticmethod
    def controller(cluster):
        return cluster.nodes[0].kafka_port

    # ---- what must hold ----
    @staticmethod
    def in_sync(cluster, topic):
        shown = subprocess.run(["kcat", "-L", "-J", "-b", cluster.bootstrap, "-t", topic, "-m", "30"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, timeout=60)
        if shown.returncode != 0:
            return False
        partitions = json.loads(shown.stdout)["topics"][0]["partitions"]
        return len(partitions) == PARTITIONS and all(p["leader"] > 0 and len(p["isrs"]) == 3 for p in partitions)

    def check(self, producer, whole):
        """What was acknowledged is there, where it was, but for what retention took from the front."""
        producer.dump()
        there = collections.defaultdict(dict)
        for line in open(producer.folder / "dump.history"):
            _, partition, offset, _, sequence = line.split()
            there[int(partition)][int(offset)] = int(sequence)
        least = min(len(there[partition]) for partition in range(PARTITIONS)) * RECORD * 1.05  # of a record's own bytes
        self.expect(least >= (1 if whole else KEEP), f"retention left at least {least:.0f} bytes in each partition")
        start = {partition: 0 if whole else min(offsets) for partition, offsets in there.items()}
        lost = acknowledged = failed = 0
        for line in open(producer.produced[0]):
            fields = line.split()
            failed += fields[0] == "f"
            if fields[0] != "a":
                continue
            partition, sequence, offset = int(fields[2]), int(fields[3]), int(fields[4])
            acknowledged += 1
            lost += offset >= start.get(partition, 0) and there[partition].get(offset) != sequence
        self.expect(lost == 0, f"of {acknowledged} acknowledged records are lost: {lost}")
        self.expect(failed == 0, f"errors that reached the producer: {failed}")
