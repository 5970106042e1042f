#!/usr/bin/env python3
"""Named workloads on chronik and on Apache Kafka 4.3.1 (its defaults, no fsync), in turn, with the same librdkafka client: ratios of
medians. One node each, 1 KiB records, acks=all, 6 partitions.

  produce   flat out: MB/s, server CPU s/GB, anonymous memory; then catch-up fetch from the beginning: MB/s, server CPU s/GB
  latency   2,000 records/s, linger 0: time to the acknowledgement
  start     from nothing to the first acknowledged record; memory of an idle node
"""
import argparse
import json
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "harness"))
sys.path.insert(0, str(HERE))
import kafka_peer  # noqa: E402
from node import Node  # noqa: E402

PARTITIONS = 6


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.client = pathlib.Path(arguments.client) if arguments.client else pathlib.Path(arguments.server).resolve().parent.parent / "tests" / "perf_client"
        cache = pathlib.Path(arguments.cache).expanduser()
        cache.mkdir(parents=True, exist_ok=True)
        self.jars = kafka_peer.install(cache)

    def node(self, kind, folder):
        if kind == "kafka":
            return kafka_peer.Kafka(self.jars, folder)
        # As Kafka keeps it: the whole run stays on disk.
        return Node(self.arguments.server, folder, tables={"kafka": f"default_partitions = {PARTITIONS}"})

    def run_client(self, *arguments):
        done = subprocess.run([str(self.client), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"the client failed: {done.stderr[-500:]}")
        return json.loads(done.stdout)

    def create(self, node, topic):
        """One topic with 6 partitions, the same way on both."""
        subprocess.run([str(self.client.parent / "history_client"), "create", node.bootstrap, topic, str(PARTITIONS)], check=True)

    def create_by_use(self, node, topic):
        self.run_client("first", node.bootstrap, topic)

    def measured_produce(self, node, topic):
        """CPU of the server between the client's two marks."""
        process = subprocess.Popen([str(self.client), "produce", node.bootstrap, topic, str(PARTITIONS),
                                    str(self.arguments.warmup), str(self.arguments.seconds)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        marks = {}
        peak = [0]
        over = threading.Event()

        def watch_memory():
            while not over.wait(0.1):
                peak[0] = max(peak[0], node.anonymous_bytes())

        watcher = threading.Thread(target=watch_memory)
        watcher.start()
        for line in process.stderr:
            marks[line.strip()] = node.cpu_seconds()
        result = process.stdout.read()
        over.set()
        watcher.join()
        if process.wait() != 0:
            raise RuntimeError(f"the client failed: {marks}")
        out = json.loads(result)
        out["server_cpu_s_per_gb"] = (marks["measured"] - marks["measuring"]) / (out["bytes"] / 1e9)
        out["anonymous_mb"] = peak[0] / 1e6
        return out

    def produce(self, kind, folder):
        with self.node(kind, folder) as node:
            node.start()
            self.create_by_use(node, "warm")
            self.create(node, "bench")
            out = self.measured_produce(node, "bench")
            before = node.cpu_seconds()
            fetched = self.run_client("consume", node.bootstrap, "bench", PARTITIONS)
            out["fetch_mb_per_s"] = fetched["mb_per_s"]
            out["fetch_cpu_s_per_gb"] = (node.cpu_seconds() - before) / (float(fetched["bytes"]) / 1e9)
            return out

    def latency(self, kind, folder):
        with self.node(kind, folder) as node:
            node.start()
            self.create(node, "bench")
            return self.run_client("latency", node.bootstrap, "bench", PARTITIONS, self.arguments.warmup,
                                   self.arguments.seconds, 2000)

    def start(self, kind, folder):
        with self.node(kind, folder) as node:
            began = time.monotonic()
            node.start()
            self.create_by_use(node, "bench")
            took = time.monotonic() - began
            memory = node.resident_bytes() if kind == "kafka" else node.anonymous_bytes()
            return {"first_ack_s": took, "idle_mb": memory / 1e6}

    def compare(self, name):
        action = getattr(self, name)
        results = {"chronik": [], "kafka": []}
        for i in range(self.arguments.runs):
            for kind in ("chronik", "kafka") if i % 2 == 0 else ("kafka", "chronik"):
                with tempfile.TemporaryDirectory(prefix=f"chronik-bench-{kind}-") as folder:
                    results[kind].append(action(kind, folder))
                print(f"   {kind} {i + 1}: " + ", ".join(f"{k} {v:.2f}" for k, v in results[kind][-1].items()), flush=True)
        for key in results["chronik"][0]:
            ours = statistics.median(r[key] for r in results["chronik"])
            theirs = statistics.median(r[key] for r in results["kafka"])
            ratio = f"{ours / theirs:.2f}" if theirs else "-"
            print(f"{name:8} {key:22} chronik {ours:10.2f}   kafka {theirs:10.2f}   ratio {ratio}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--client", help="perf_client; default: of the same build")
    parser.add_argument("--cache", default="~/.cache/chronik-bench", help="where Kafka is installed")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--warmup", type=float, default=10)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("workload", nargs="*", help="produce, latency, start; all by default")
    arguments = parser.parse_args()
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    print(f"machine: {cpu}, {len([l for l in open('/proc/cpuinfo') if l.startswith('processor')])} cores, {platform.release()}")
    print(f"command: {' '.join(sys.argv)}", flush=True)
    bench = Bench(arguments)
    for name in arguments.workload or ["produce", "latency", "start"]:
        bench.compare(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
