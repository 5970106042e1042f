#!/usr/bin/env python3
"""Real processes in trouble.

  form     three nodes from empty folders: a topic of replication factor 3, and all that was acknowledged after kill -9 of any one
  kill     kill -9 under idempotent acks=all load, again and again: every acknowledged record is there once, in order, at its offset
  stalled  consumers stalled in the middle of a response while produce goes on at retention: the store stays within 1.5 times the
           live data, and produce goes on
  announce 1,000 connections that each announce a huge frame and send no more: memory stays within 64 MiB
"""
import argparse
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "harness"))
from cluster import Cluster  # noqa: E402
from node import Node  # noqa: E402


class Suite:
    def __init__(self, arguments):
        self.arguments = arguments
        self.tests = pathlib.Path(arguments.server).resolve().parent.parent / "tests"
        self.failures = []
        self.checks = 0

    def expect(self, condition, what):
        self.checks += 1
        print(("ok   " if condition else "FAIL ") + what, flush=True)
        if not condition:
            self.failures.append(what)

    def client(self, *arguments, **options):
        return subprocess.run([str(self.tests / "history_client"), *map(str, arguments)], check=True, **options)

    # ---- three nodes ----
    def form(self):
        partitions, records = 3, 3000
        with tempfile.TemporaryDirectory(prefix="chronik-form-") as folder, Cluster(self.arguments.server, folder) as cluster:
            begin = time.monotonic()
            cluster.start()
            self.client("create", cluster.bootstrap, "formed", partitions, "replicas=3")
            sent = self.produce_some(cluster, "formed", partitions, records)
            print(f"     {time.monotonic() - begin:.2f} s from the start of three nodes to {len(sent)} acknowledged records")
            self.expect(len(sent) >= records, f"records acknowledged by three nodes: {len(sent)}")
            for victim in cluster.nodes:
                victim.kill()
                dump = self.client("dump", cluster.bootstrap, "formed", partitions, stdout=subprocess.PIPE).stdout
                missing = sent - set(dump.decode().splitlines())
                self.expect(not missing, f"acknowledged records that are lost without node {victim.id}: {len(missing)}")
                victim.start()
                self.await_links(cluster)
            self.expect(all(node.metric("chronik_wire_decode_errors_total") == 0 for node in cluster.nodes),
                        "no node sent what another could not read")
            codes = cluster.stop()
            self.expect(codes == [0, 0, 0], f"all stop cleanly: {codes}")

    def produce_some(self, cluster, topic, partitions, count):
        """At least so many records with acks=all; the lines "partition sequence offset" of those acknowledged."""
        path = cluster.folder / "acknowledged"
        with open(path, "wb") as out:
            producer = subprocess.Popen([str(self.tests / "history_client"), "produce", cluster.bootstrap, topic, str(partitions)],
                                        stdout=out)
            try:
                self.wait_for_growth(path, count * 12)
                producer.send_signal(signal.SIGTERM)
                self.expect(producer.wait(90) == 0, "the producer ended without an error")
            finally:
                producer.kill()
                producer.wait()
        return {line for line in path.read_text().splitlines() if not line.startswith("error")}

    @staticmethod
    def await_links(cluster, timeout=30):
        """Until each node is linked with each other."""
        deadline = time.monotonic() + timeout
        while any(node.metric("chronik_link_up") < len(cluster.nodes) - 1 for node in cluster.nodes):
            if time.monotonic() > deadline:
                raise RuntimeError("the nodes do not link up:\n" + cluster.nodes[0].log_tail())
            time.sleep(0.01)

    # ---- kill -9 ----
    def kill(self):
        kills = 10 if self.arguments.bounded else 50
        partitions = 3
        with tempfile.TemporaryDirectory(prefix="chronik-kill-") as folder, Node(self.arguments.server, folder) as node:
            node.start()
            self.client("create", node.bootstrap, "history", partitions)
            acknowledged_path = pathlib.Path(folder) / "acknowledged"
            with open(acknowledged_path, "wb") as out:
                producer = subprocess.Popen([str(self.tests / "history_client"), "produce", node.bootstrap, "history",
                                             str(partitions)], stdout=out)
                try:
                    for _ in range(kills):
                        self.wait_for_growth(acknowledged_path, 20_000)
                        node.kill()
                        node.start()
                    self.wait_for_growth(acknowledged_path, 20_000)
                    producer.send_signal(signal.SIGTERM)
                    code = producer.wait(90)
                finally:
                    producer.kill()
                    producer.wait()
            self.expect(code == 0, "the idempotent producer went on over every kill")
            dump = self.client("dump", node.bootstrap, "history", partitions, stdout=subprocess.PIPE).stdout
            self.check_history(acknowledged_path.read_text(), dump.decode(), kills)

    @staticmethod
    def wait_for_growth(path, size, timeout=60):
        """Until the client wrote that much more: progress, not time, decides when the next kill comes."""
        target = path.stat().st_size + size
        deadline = time.monotonic() + timeout
        while path.stat().st_size < target:
            if time.monotonic() > deadline:
                raise RuntimeError("the producer makes no progress")
            time.sleep(0.01)

    def check_history(self, acknowledged, dump, kills):
        log = {}
        last = {}
        duplicates = disorder = 0
        for line in dump.splitlines():
            partition, sequence, offset = map(int, line.split())
            duplicates += (partition, sequence) in log
            disorder += sequence != last.get(partition, -1) + 1
            last[partition] = sequence
            log[partition, sequence] = offset
        lost = moved = errors = count = 0
        for line in acknowledged.splitlines():
            if line.startswith("error"):
                errors += 1
                continue
            partition, sequence, offset = map(int, line.split())
            count += 1
            lost += (partition, sequence) not in log
            # A retry of a batch that was stored before may be answered without its offset.
            moved += offset >= 0 and log.get((partition, sequence), offset) != offset
        print(f"     {kills} kills, {count} acknowledged, {len(log)} in the log")
        self.expect(count > 1000 and lost == 0, f"acknowledged records that are lost: {lost}")
        self.expect(duplicates == 0, f"records that are there twice: {duplicates}")
        self.expect(disorder == 0, f"records out of order: {disorder}")
        self.expect(moved == 0, f"records at another offset than acknowledged: {moved}")
        self.expect(errors == 0, f"errors that reached the idempotent producer: {errors}")

    # ---- stalled readers ----
    def stalled(self):
        readers, seconds = (200, 30) if self.arguments.bounded else (200, 600)
        partitions, keep = 4, 256 << 20
        with tempfile.TemporaryDirectory(prefix="chronik-stalled-") as folder, Node(self.arguments.server, folder) as node:
            node.start()
            self.client("create", node.bootstrap, "churn", partitions, f"retention.bytes={keep}")
            # Fill it once, so that it stands at retention.
            self.perf(node, partitions, 1, 8)
            filled = node.store_bytes()
            sockets = [self.stall(node, i % partitions) for i in range(readers)]
            result = self.perf(node, partitions, 1, seconds)
            live = partitions * keep
            used = node.store_bytes()
            print(f"     {readers} stalled readers, {seconds} s of produce at {result}; live {live / 1e6:.0f} MB, "
                  f"store {filled / 1e6:.0f} MB before, {used / 1e6:.0f} MB after")
            waiting = node.metric("chronik_storage_waiting_bytes")
            print(f"     pages that wait for readers: {waiting / 1e6:.1f} MB; "
                  f"leases over their age: {node.metric('chronik_storage_overdue_leases'):.0f}")
            self.expect(used <= 1.5 * live, f"the store is {used / live:.2f} times the live data, the limit is 1.5")
            self.expect(node.process.poll() is None, "the node goes on")
            for s in sockets:
                s.close()

    def perf(self, node, partitions, warmup, seconds):
        done = subprocess.run([str(self.tests / "perf_client"), "produce", node.bootstrap, "churn", str(partitions), str(warmup),
                               str(seconds)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return done.stdout.strip()

    @staticmethod
    def stall(node, partition):
        """A connection that asks for much, reads a little of the answer, and then nothing."""
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", node.kafka_port))
        s.settimeout(30)
        topic = b"churn"
        # ListOffsets 1 for the earliest offset, then Fetch 4 from there.
        body = struct.pack(">ii", -1, 1) + struct.pack(">h", len(topic)) + topic + struct.pack(">iiq", 1, partition, -2)
        header = struct.pack(">hhih", 2, 1, 1, -1)
        s.sendall(struct.pack(">i", len(header + body)) + header + body)
        answer = s.recv(4096)
        offset = struct.unpack(">q", answer[-8:])[0]
        body = struct.pack(">iiiib", -1, 500, 1, 50 << 20, 0) + struct.pack(">i", 1) + struct.pack(">h", len(topic)) + topic
        body += struct.pack(">iiqi", 1, partition, offset, 16 << 20)
        header = struct.pack(">hhih", 1, 4, 2, -1)
        s.sendall(struct.pack(">i", len(header + body)) + header + body)
        s.recv(1024)
        return s

    # ---- hostile announcements ----
    def announce(self):
        with tempfile.TemporaryDirectory(prefix="chronik-announce-") as folder, Node(self.arguments.server, folder) as node:
            node.start()
            before = node.anonymous_bytes()
            for size, name in ((0x7fffffff, "2 GiB"), (90 << 20, "90 MiB")):
                sockets = []
                for _ in range(1000):
                    s = socket.create_connection(("127.0.0.1", node.kafka_port))
                    s.sendall(struct.pack(">i", size) + b"\0\0\0\7")
                    sockets.append(s)
                time.sleep(0.2)  # not a synchronisation: memory is only looked at
                grown = node.anonymous_bytes() - before
                self.expect(grown <= 64 << 20, f"1,000 connections that announce {name} cost {grown / (1 << 20):.1f} MiB")
                for s in sockets:
                    s.close()
            self.client("create", node.bootstrap, "after", 1)
            self.expect(node.process.poll() is None, "the node goes on")

    def main(self):
        for name in self.arguments.only or ["announce", "form", "kill", "stalled"]:
            print(f"-- {name}", flush=True)
            getattr(self, name)()
        print(f"{self.checks - len(self.failures)} passed, {len(self.failures)} failed")
        return 1 if self.failures else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--bounded", action="store_true", help="fewer kills, shorter runs: for CI")
    parser.add_argument("only", nargs="*", help="announce, form, kill, stalled; all by default")
    sys.exit(Suite(parser.parse_args()).main())
