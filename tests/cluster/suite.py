"""What every suite of tests/cluster is built on: what it expects, what it measures, and the clients that it runs.

A suite is one file of suites/, its name is the file's. Its first line of documentation is what `--help` shows; it has one class:

    class Run(Suite):
        in_ci = True                          # belongs to what CI runs, in the form that self.bounded asks for
        ci_storages = ("storage-lmdb", "storage-log")  # optional: CI runs it once on each of them
        only_storage = "storage-lmdb"         # optional: it holds for no other; see stores.py

        @staticmethod
        def options(parser):                  # optional: options of its own
            parser.add_argument("--kills", type=int, default=50)

        def run(self):
            with self.cluster(size=3) as cluster:
                cluster.start()
                ...
                self.expect(lost == 0, f"acknowledged records that are lost: {lost}")        # a condition of correctness
                self.measured("produce gap p50", gap, 300, "ms", absurd=30_000)              # a number beside its target
"""
import collections
import contextlib
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import stores

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "harness")]
from cluster import Cluster  # noqa: E402
from load import Load  # noqa: E402
from node import Node  # noqa: E402
from raw_produce import batch, produce, pump  # noqa: E402


class Suite:
    in_ci = False
    ci_storages = (stores.DEFAULT,)
    only_storage = None

    @staticmethod
    def options(parser):
        pass

    def __init__(self, name, arguments, storage, again=False):
        """again: CI has run it on another storage already."""
        self.name = name
        self.stores = stores.parse(storage)
        self.arguments = arguments
        self.bounded = arguments.bounded
        self.again = again
        self.server = arguments.server
        self.tests = pathlib.Path(arguments.server).resolve().parent.parent / "tests"
        self.failures = []
        self.checks = 0

    def run(self):
        raise NotImplementedError

    # ---- what must hold, and what is only measured ----
    def expect(self, condition, what):
        self.checks += 1
        self.say(what, "ok   " if condition else "FAIL ")
        if not condition:
            self.failures.append(what)
        return condition

    def measured(self, what, value, target, unit="", at_least=False, absurd=None):
        """Prints a number beside its target. Short of it is no failure, for the machine may be slow; beyond `absurd` is one."""
        met = value >= target if at_least else value <= target
        self.say(f"{what}: measured {value:g} {unit}, target {'at least' if at_least else 'at most'} {target:g} {unit}: "
                 f"{'met' if met else 'short'}")
        if absurd is not None:
            self.expect(value >= absurd if at_least else value <= absurd, f"{what} is not absurd, {absurd:g} {unit} would be")

    @staticmethod
    def say(what, mark="     "):
        print(mark + what, flush=True)

    # ---- what the nodes store with ----
    def store(self, node_id):
        """Of stores.py."""
        return self.stores[(node_id - 1) % len(self.stores)]

    def small_store(self, max_size=None):
        """[storage] of each node, for `tables`: of a store that is soon full."""
        return lambda node_id: self.store(node_id).small(max_size)

    def file_io(self):
        """The environment that says how files are written."""
        return {"CHRONIK_FILE_IO": self.arguments.file_io} if self.arguments.file_io else {}

    # ---- nodes, on every path out ended ----
    @contextlib.contextmanager
    def folder(self):
        with tempfile.TemporaryDirectory(prefix=f"chronik-{self.name}-") as folder:
            yield pathlib.Path(folder)

    @contextlib.contextmanager
    def cluster(self, relay=False, **options):
        """A cluster in a temporary folder, not started; options as for harness/cluster.py. With relay, its links can be troubled."""
        program = self.tests / "relay" if relay else None
        environment = options.pop("environment", {})
        with self.folder() as folder, Cluster(self.server, folder, relay=program, storage=lambda node_id: self.store(node_id).name,
                                              environment={**self.file_io(), **environment}, **options) as cluster:
            try:
                yield cluster
            except Exception:
                for node in cluster.nodes:
                    self.say(f"node {node.id} ended with\n{node.log_tail(12)}")
                raise

    @contextlib.contextmanager
    def node(self, **options):
        """One node in a temporary folder, not started; options as for harness/node.py."""
        with self.folder() as folder, self.node_in(folder, **options) as node:
            yield node

    def node_in(self, folder, node_id=1, **options):
        return Node(self.server, folder, node_id=node_id, storage=self.store(node_id).name, environment=self.file_io(), **options)

    # ---- what a node takes ----
    @contextlib.contextmanager
    def watched(self, nodes, most, what):
        """The most anonymous memory that each of the nodes takes meanwhile."""
        over = threading.Event()
        peaks = collections.Counter()

        def watch():
            while not over.wait(0.02):
                for node in nodes:
                    with contextlib.suppress(OSError):  # it is being started
                        peaks[node.id] = max(peaks[node.id], node.anonymous_bytes())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield peaks
        finally:
            over.set()
            watcher.join()
        for node in nodes:
            self.expect(0 < peaks[node.id] < most,
                        f"{what}: node {node.id} took {peaks[node.id] / 1e6:.0f} MB of anonymous memory, the limit is {most / 1e6:.0f}")

    # ---- clients ----
    def client(self, *arguments, **options):
        return subprocess.run([str(self.tests / "history_client"), *map(str, arguments)], check=True, **options)

    def create(self, bootstrap, topic, partitions, *configs):
        """configs: "replicas=3", "retention.bytes=..." and the like."""
        self.client("create", bootstrap, topic, partitions, *configs)

    def fill(self, cluster, topic, partitions, size):
        """So many bytes, and up to a batch more, the same in each partition, in batches of one record; how many they are."""
        value = batch(bytes(500_000))
        rounds = size // (partitions * 500_000) + 1
        left = dict.fromkeys(range(partitions), rounds)

        def fill_more():
            leaders = cluster.leaders()
            for index in [index for index, n in left.items() if n > 0]:
                port = cluster.node(leaders[f"{topic}/{index}"]).kafka_port
                left[index] -= pump(port, [produce(topic, {index: value})], left[index])[0]
            return not any(left.values())
        self.wait_until(fill_more, f"{topic} is filled", 1200, pause=0.5)
        return rounds * partitions * 500_000

    def load(self, bootstrap, topic, partitions, folder, **options):
        """Producers and consumers that leave a history; see load.py."""
        return Load(self, bootstrap, topic, partitions, folder, **options)

    @staticmethod
    def finish(process, timeout=90):
        """Asks a client to end; its exit code."""
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout)

    # ---- waiting: for a condition, with a deadline ----
    @staticmethod
    def wait_until(condition, what, timeout=60, pause=0.01):
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"not within {timeout} s: {what}")
            time.sleep(pause)

    @classmethod
    def wait_for_growth(cls, path, size, timeout=60):
        """Until the client wrote that much more: progress, not time, decides when the next fault comes."""
        target = path.stat().st_size + size
        cls.wait_until(lambda: path.stat().st_size >= target, "the producer makes progress", timeout)

    @classmethod
    def wait_for_links(cls, cluster, timeout=30):
        """Until each node is linked with each other."""
        cls.wait_until(lambda: all(node.metric("chronik_link_up") >= len(cluster.nodes) - 1 for node in cluster.nodes),
                       "the nodes link up", timeout)

    @classmethod
    def wait_for_groups_topic(cls, cluster, timeout=60):
        """The consumers of a load name a group, which makes the topic of the groups: until each of its partitions has a leader."""
        def is_led():
            led = sum(group.startswith("__consumer_offsets/") for group in cluster.leaders())
            return led == cls.groups_partitions(cluster) > 0
        cls.wait_until(is_led, "the topic of the groups is led", timeout, pause=0.2)

    @staticmethod
    def groups_partitions(cluster):
        found = re.search(r'kafka_topic_partitions{topic="__consumer_offsets"} (\d+)', cluster.nodes[-1].http("/metrics"))
        return int(found[1]) if found else 0

    def leader(self, cluster, of_meta=False, timeout=60):
        """A node that leads partitions, and __meta too or not. Where none does, leaders are asked back to their preferred nodes."""
        def candidates():
            leaders = cluster.leaders()
            meta = leaders.pop("__meta", None)
            found = [node for node in cluster.nodes if node.id in leaders.values() and (node.id == meta) == of_meta]
            if not found:
                self.elect_preferred(cluster)
            return found
        self.wait_until(candidates, f"a node leads partitions{' and __meta' if of_meta else ''}", timeout, pause=0.5)
        return candidates()[0]

    @staticmethod
    def elect_preferred(cluster):
        """ElectLeaders of every partition, as kafka-leader-election --election-type preferred --all-topic-partitions asks for it."""
        body = struct.pack(">hhihii", 43, 0, 1, -1, -1, 10_000)  # key, version, correlation, no client id, all topics, timeout
        with socket.create_connection(("127.0.0.1", cluster.nodes[0].kafka_port), timeout=15) as s:
            s.sendall(struct.pack(">i", len(body)) + body)
            s.recv(4)
