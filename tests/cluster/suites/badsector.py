"""sectors of one node's store go bad under load: it hands leadership away, fetches what it lacks, and all else goes on"""
import collections
import contextlib
import json
import os
import re
import signal
import subprocess

import admin
from lmdb_pages import PAGE, LmdbPages
from suite import Suite

TOPIC, PARTITIONS = "held", 3
RECORDS, RECORD = 200, 20_000  # of what goes bad
MORE = 40         # records, where the trees do not lie before those
MARKER = b"MARKER-%s-%04d-"
LOOKS = 4         # a read goes by trees of up to a tenth of a second ago: so many looks, half a second apart
FEWEST_LOST = 20  # records, where the file is cut short


class Run(Suite):
    in_ci = True
    only_storage = "storage-lmdb"  # where its trees lie says what may be cut; the other's files: tests/unit/storage-log

    @staticmethod
    def options(parser):
        parser.add_argument("--rounds", type=int, help="each on a cluster of its own, and another node (default 6, bounded 1)")

    def run(self):
        for n in range(self.arguments.rounds or (1 if self.bounded else 6)):
            self.round(self.other(n + 1), self.other(n))

    @staticmethod
    def other(n):
        return n % 3 + 1

    def round(self, flipped, cut):
        # What was written last is not to be read from memory; and leaders move but by the damage, or where they are asked to.
        raft = 'tail_cache = "1MiB"\nleader_balance = "0s"'
        with self.cluster(tables={"storage": 'preallocate = "4MiB"', "raft": raft}) as cluster:
            cluster.start()
            self.wait_for_links(cluster)
            self.create(cluster.bootstrap, TOPIC, PARTITIONS, "replicas=3", "min.insync.replicas=2")
            with self.load(cluster.bootstrap, TOPIC, PARTITIONS, cluster.folder, consumers=1, rate=200) as load:
                load.wait_for_all_partitions()
                leaders = self.leaderships(cluster)
                self.flipped(cluster, cluster.node(flipped))
                load.wait_for_all_partitions()
                self.cut_short(cluster, cluster.node(cut))
                load.wait_for_all_partitions()
                moved = self.leaderships(cluster) - leaders
                self.expect(not moved, f"leaders of what is whole moved: {sorted(moved)[:3] or 'none'}")
                for node in cluster.nodes:
                    self.expect(node.process.poll() is None and node.ready(), f"node {node.id} goes on")
                self.back_after_kill(cluster, flipped, cut)
                load.wait_for_all_partitions()
                load.finish()
            load.check("after all of it")

    @staticmethod
    def leaderships(cluster):
        return {line for line in cluster.log().splitlines() if f"became leader for {TOPIC}/" in line}

    # ---- pages flipped ----
    def flipped(self, cluster, node):
        self.say(f"pages of node {node.id}, which leads, are flipped under its feet")
        cold = Cold(self, cluster, "flipped", node)
        with open(node.folder / "data" / "storage-lmdb" / "data.mdb", "r+b") as file:
            data = file.read()
            for marker in (cold.marker(n) for n in range(5, 100, 7)):
                at = -1
                while (at := data.find(marker, at + 1)) >= 0:
                    os.pwrite(file.fileno(), bytes([data[at + 4_000] ^ 0x55]), at + 4_000)
        self.hands_over(cold, node)
        self.wait_until(lambda: f"The log of {cold.label} ends after index" in node.log(), "it leaves out what is damaged")
        said = node.log().count("is damaged on this node")
        self.wait_until(cold.led, f"node {node.id} has what it lacked, and leads again", pause=0.2)
        self.expect(cold.read() == cold.lines, f"all of {cold.label} is read, from node {node.id}")
        self.expect(node.log().count("is damaged on this node") == said, "nothing of it is damaged there any more")

    # ---- the file cut short under its map ----
    def cut_short(self, cluster, node):
        self.say(f"the store of node {node.id}, which leads, is cut short under its map: what lay there raises SIGBUS")
        early = Cold(self, cluster, "early", node)
        cold = Cold(self, cluster, "cut", node)
        self.expect(admin.delete_topic(self.controller(cluster), early.topic) == 0, "room for the trees is made before what is cut")
        lost = self.cut(node, cold)
        self.expect(lost >= FEWEST_LOST, f"records of {cold.label} that are gone: {lost}")
        self.hands_over(cold, node)
        others = [each.id for each in cluster.nodes if each != node]
        self.wait_until(lambda: admin.reassign(self.controller(cluster), cold.topic, {cold.partition: others}) == 0, "its replica is moved")
        self.wait_until(lambda: cold.shown()["replicas"] == [{"id": each} for each in others], "the replica has left", pause=0.2)
        self.expect(cold.read() == cold.lines, f"all of {cold.label} is read, from the others")

    def cut(self, node, cold):
        """Where only payloads lie behind. How many of its records are gone. Where LMDB puts its trees cannot be said: it takes the
        pages that are free, and as long as it has some behind all of those records, more of them are written, which lie behind those."""
        path = node.folder / "data" / "storage-lmdb" / "data.mdb"
        last = collections.deque(maxlen=LOOKS)
        gone = set()

        def found():
            if len(last) == LOOKS:
                last.clear()
                cold.write(MORE)
            with self.held(node):
                pages = LmdbPages(path)
                last.append(pages.last_tree_page)
                behind = (max(last) + 1) * PAGE
                data = path.read_bytes()
                live = [(page * PAGE, size) for page, size in pages.payloads if page * PAGE >= behind]
                markers = set().union(*(cold.numbers(data[at:at + size]) for at, size in live))
                if len(last) == LOOKS and len(markers) >= FEWEST_LOST:
                    os.truncate(path, behind)
                    gone.update(markers)
            return gone
        self.wait_until(found, "the trees lie before what is cut", 120, pause=0.5)
        return len(gone)

    @staticmethod
    @contextlib.contextmanager
    def held(node):
        """Its store stands still meanwhile."""
        node.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            node.signal(signal.SIGCONT)

    # ---- what follows ----
    def hands_over(self, cold, node):
        self.expect(cold.read() == cold.lines, f"all of {cold.label} is read, from a replica that is whole")
        self.expect(f"The log of {cold.label} is damaged on this node, which hands leadership over" in node.log(),
                    f"node {node.id} says so, and hands leadership over")

    def back_after_kill(self, cluster, *ids):
        for node in {cluster.node(each) for each in ids}:
            node.kill()
            node.start()
            self.expect("cannot be opened" not in node.log(), f"node {node.id} opens what it has")

    @staticmethod
    def controller(cluster):
        return cluster.node(cluster.leaders()["__meta"]).kafka_port


class Cold:
    """Records that were written once: a partition of a topic of its own, led by one node."""

    def __init__(self, suite, cluster, topic, node):
        self.cluster, self.topic, self.node = cluster, topic, node
        suite.create(cluster.bootstrap, topic, 3, "replicas=3", "min.insync.replicas=2")
        self.partition = next(p["partition"] for p in self.all_shown() if p["replicas"][0]["id"] == node.id)
        self.label = f"{topic}/{self.partition}"
        suite.wait_until(self.led, f"node {node.id} leads {self.label}", pause=0.2)
        self.written = []
        self.write(RECORDS)

    def write(self, n):
        """One batch each."""
        lines = [self.marker(len(self.written) + i).ljust(RECORD, b"x") for i in range(n)]
        self.written += lines
        subprocess.run([*self.kcat, "-P", "-X", "acks=all", "-X", "batch.num.messages=1"], input=b"\n".join(lines), check=True, timeout=60)

    @property
    def lines(self):
        return b"\n".join(self.written)

    @property
    def kcat(self):
        return ["kcat", "-b", self.cluster.bootstrap, "-t", self.topic, "-p", str(self.partition)]

    def marker(self, n):
        return MARKER % (self.topic.encode(), n)

    def numbers(self, data):
        """Of the records in it."""
        begin = re.escape(MARKER.split(b"%04d")[0] % self.topic.encode())
        return {int(number) for number in re.findall(begin + rb"(\d{4})-", data)}

    def read(self):
        done = subprocess.run([*self.kcat, "-C", "-e", "-o", "beginning"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
        return done.stdout.strip()

    def all_shown(self):
        done = subprocess.run(["kcat", "-L", "-J", "-b", self.cluster.bootstrap, "-t", self.topic], stdout=subprocess.PIPE, check=True,
                              timeout=60)
        return json.loads(done.stdout)["topics"][0]["partitions"]

    def shown(self):
        return next(p for p in self.all_shown() if p["partition"] == self.partition)

    def led(self):
        """Whether the node leads it; it is asked to."""
        for each in self.cluster.nodes:
            admin.elect_preferred(each.kafka_port, self.topic, self.partition)
        return self.shown()["leader"] == self.node.id
