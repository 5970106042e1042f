"""skewed partitions, millions of small batches at a restart, answers behind one that is stuck, requests that stop, a stalled disk: memory stays bounded"""
import collections
import contextlib
import select
import signal
import socket
import struct
import subprocess
import time

from raw_produce import batch, metadata, produce, pump
from suite import Suite

MB = 1_000_000
MOST = 250 * MB             # of anonymous memory, of any node
MOST_AT_RESTART = 40 * MB
MOST_LEFT = 80 * MB         # once large requests are over: malloc keeps 64 MiB for the next ones
LOADS = ("skewed", "restart", "behind", "unfinished", "stall")


class Run(Suite):
    in_ci = True

    @staticmethod
    def options(parser):
        parser.add_argument("--batches", type=int, help="of one record, before the restart; 10,000,000 by default")
        parser.add_argument("--loads", default=",".join(LOADS), help=", ".join(LOADS))

    def run(self):
        for load in self.arguments.loads.split(","):
            self.say(load + ": " + getattr(self, load).__doc__)
            getattr(self, load)()

    def led(self, cluster, topic, partitions):
        """node -> the partitions of the topic that it leads, once all are led."""
        def leaders():
            known = cluster.leaders()
            return [known.get(f"{topic}/{index}") for index in range(partitions)]
        self.wait_until(lambda: None not in leaders(), f"all of {topic} are led", 120, pause=0.2)
        found = collections.defaultdict(list)
        for index, node in enumerate(leaders()):
            found[node].append(index)
        return found

    # ---- the loads ----
    def skewed(self):
        """batches of 1 KiB for 60 partitions, in one request with 900 KB for another, as Java's producer packs them"""
        partitions, rounds = 63, 15 if self.bounded else 100
        large, small = batch(bytes(900_000)), batch(bytes(1_000))
        with self.cluster() as cluster:
            cluster.start()
            self.create(cluster.bootstrap, "skewed", partitions, "replicas=3", f"retention.bytes={64 << 20}")
            led = self.led(cluster, "skewed", partitions)
            with self.watched(cluster.nodes, MOST, "skewed"):
                for node in cluster.nodes:
                    hot, *slow = led[node.id]
                    errors = pump(node.kafka_port, [produce("skewed", {index: small, hot: large}) for index in slow], rounds)
                    # 7: more than a node takes before it is on its disk; a client tries again.
                    self.expect(set(errors) <= {0, 7}, f"node {node.id} took {sum(errors.values())} batches, errors: {dict(errors)}")

    def restart(self):
        """batches of one record in 16 partitions, kill -9, a start, and what retention looks at then"""
        partitions = 16
        count = self.arguments.batches or (400_000 if self.bounded else 10_000_000)
        with self.node() as node:
            node.start()
            self.create(node.bootstrap, "small", partitions)
            request = produce("small", {index: batch(b"x") for index in range(partitions)}, acks=1)
            self.wait_until(lambda: set(pump(node.kafka_port, [request], 1)) == {0}, "all are led", pause=0.1)
            begin = time.monotonic()
            errors = pump(node.kafka_port, [request], count // partitions)
            self.expect(set(errors) == {0}, f"{sum(errors.values())} batches in {time.monotonic() - begin:.0f} s, errors: {dict(errors)}")
            self.expect(node.store_bytes() > 100 * count, f"all are there: {node.store_bytes() / count:.0f} bytes of store a batch")
            self.say(f"the node took {node.anonymous_bytes() / MB:.0f} MB meanwhile, its store {node.store_bytes() / MB:.0f} MB")
            for how in ("killed", "stopped"):
                node.kill() if how == "killed" else node.stop(60)
                with self.watched([node], MOST_AT_RESTART, f"restart, {how}"):
                    begin = time.monotonic()
                    node.start(timeout=300)
                    self.say(f"ready after {time.monotonic() - begin:.1f} s")
                    # Its partitions look at their oldest batches twice a second.
                    looked = time.monotonic() + 5
                    self.wait_until(lambda: time.monotonic() > looked, "retention has looked", 60)

    def behind(self):
        """127 Metadata behind a Produce whose followers do not answer, on each of 200 connections"""
        partitions, connections = (300, 200) if self.bounded else (1_000, 200)
        with self.cluster() as cluster:
            cluster.start()
            self.create(cluster.bootstrap, "wide", partitions, "replicas=3")
            leader, led = max(self.led(cluster, "wide", partitions).items(), key=lambda each: len(each[1]))
            node = cluster.node(leader)
            others = [each for each in cluster.nodes if each is not node]
            request = produce("wide", {led[0]: batch(b"x")}) + metadata() * 127
            with self.watched([node], MOST, "behind"), contextlib.ExitStack() as open_sockets:
                sockets = [open_sockets.enter_context(socket.create_connection(("127.0.0.1", node.kafka_port), timeout=60))
                           for _ in range(connections)]
                for other in others:
                    other.signal(signal.SIGSTOP)
                try:
                    for s in sockets:
                        s.sendall(request)
                    self.wait_until(lambda: self.first_answered(sockets), "the stuck ones are answered", 60, pause=0.1)
                finally:
                    for other in others:
                        other.signal(signal.SIGCONT)

    @staticmethod
    def first_answered(sockets):
        with contextlib.suppress(BlockingIOError):
            return len(sockets[0].recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)) > 0
        return False

    def unfinished(self):
        """40 connections that send 99 of 100 MB and stop, while another one produces"""
        connections, announced = 40, 100 * MB
        payload = memoryview(struct.pack(">ihhih", announced, 0, 7, 1, -1) + bytes(announced - MB))
        with self.node() as node:
            node.start()
            self.create(node.bootstrap, "bystander", 1)
            request = produce("bystander", {0: batch(bytes(500_000))})
            self.expect(set(pump(node.kafka_port, [request], 20)) == {0}, "the bystander is served")
            before = node.anonymous_bytes()
            with self.watched([node], MOST, "unfinished"), contextlib.ExitStack() as open_sockets:
                left = {}
                for _ in range(connections):
                    s = open_sockets.enter_context(socket.create_connection(("127.0.0.1", node.kafka_port), timeout=60))
                    s.setblocking(False)
                    left[s] = payload
                self.send_what_is_taken(left)
                self.say(f"{sum(not rest for rest in left.values())} of {connections} could send what they had")
                errors = pump(node.kafka_port, [request], 100)
                self.expect(set(errors) == {0}, f"the bystander goes on: {sum(errors.values())} batches, errors: {dict(errors)}")
                self.wait_until(lambda: self.send_what_is_taken(left) or "others wait for the memory" in node.log(),
                                "the one that stands has its connection ended", 60)
                line = [each for each in node.log().splitlines() if "others wait for the memory" in each][0]
                self.expect("peer=127.0.0.1" in line and "Produce" in line, f"the log names peer and API: {line}")
            self.wait_until(lambda: node.anonymous_bytes() < before + MOST_LEFT, f"less than {MOST_LEFT / MB:.0f} MB of it stay", 60, pause=0.1)
            self.say(f"anonymous memory before: {before / MB:.0f} MB, after: {node.anonymous_bytes() / MB:.0f} MB")

    @staticmethod
    def send_what_is_taken(left):
        """Sends on all sockets, until for a second none takes any more."""
        while writable := select.select([], [s for s, rest in left.items() if rest], [], 1)[1]:
            for s in writable:
                try:
                    left[s] = left[s][s.send(left[s]):]
                except BlockingIOError:
                    continue
                except OSError:  # the node has ended it
                    left[s] = left[s][:0]

    def stall(self):
        """flat out to 1,000 partitions while a disk stalls, then all of them do"""
        partitions, seconds, producers = (200, 6, 2) if self.bounded else (1_000, 20, 4)
        with self.folder() as folder, self.cluster() as cluster:
            for node in cluster.nodes:
                node.environment.update(LD_PRELOAD=str(self.tests / "stall_shim.so"), CHRONIK_STALL=str(folder / f"stall{node.id}"))
            cluster.start()
            self.create(cluster.bootstrap, "active", partitions, "replicas=3", f"retention.bytes={1 << 20}")
            self.led(cluster, "active", partitions)
            with contextlib.ExitStack() as clients, self.watched(cluster.nodes, MOST, "stall"):
                for _ in range(producers):
                    self.producer(clients, cluster, partitions, seconds)
                for stalled in ([3], [1, 2, 3]):
                    self.wait_for_records(cluster)
                    for node in stalled:
                        (folder / f"stall{node}").touch()
                    over = time.monotonic() + seconds
                    self.wait_until(lambda: time.monotonic() > over, "the disk has stalled for a while", 2 * seconds + 60)
                    for node in stalled:
                        (folder / f"stall{node}").unlink()
                    self.say(f"stalled: {stalled}; {cluster.anonymous_bytes() / MB:.0f} MB just then")
                self.wait_for_records(cluster)
            for node in cluster.nodes:
                self.expect(node.process.poll() is None, f"node {node.id} goes on")

    def producer(self, clients, cluster, partitions, seconds):
        process = subprocess.Popen([str(self.tests / "perf_client"), "produce", cluster.bootstrap, "active", str(partitions), "1",
                                    str(20 * seconds + 300)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        clients.callback(process.wait)
        clients.callback(process.kill)

    def wait_for_records(self, cluster):
        """Until more came in than was on its way."""
        before = sum(node.metric("chronik_raft_storage_write_seconds_count") for node in cluster.nodes)
        self.wait_until(lambda: sum(node.metric("chronik_raft_storage_write_seconds_count") for node in cluster.nodes) > before + 100,
                        "partitions take records", 120, pause=0.1)
