#!/usr/bin/env python3
"""Named workloads on chronik (fsync before each acknowledgement), on Apache Kafka 4.3.1 (its defaults, no fsync) and on a bare sink
(bare_sink.cc, fsync), in turn, with the same librdkafka client: medians and ratios. 1 KiB records, acks=all, 6 partitions; one node
each, or three with replication factor 3.

  produce   flat out into a store that stands at retention: MB/s, server CPU s/GB, peak anonymous memory; then catch-up fetch
  growing   the same into a store that grows: retention is unlimited
  latency   2,000 records/s, linger 0: time to the acknowledgement
  start     from an empty folder to the first acknowledged record; memory of an idle node
  mixed     2,000 records/s, linger 0, and flat out in turn, into a store that stands at retention; beside flat out alone
  cluster   three nodes: flat out into stores that stand at retention, CPU of all three; then 2,000 records/s, linger 0
  start3    three nodes: from empty folders to the first record that is acknowledged with replication factor 3; memory of an idle node
  catalog   the plugins alone, one node of ten: CPU of a Metadata of 10,000 partitions; 1,000 leader changes/s among 100,000; memory
  sim       simulated hours a CPU minute: 3 nodes, 300 records/s in 10 Produce/s, no faults
  groups    members of groups: settle, restart, fail over, idle, and offsets without members; in parts, see group_bench.py
  commits   5,000 commits/s from 200 groups on one node and on three; in parts, see group_bench.py
"""
import argparse
import contextlib
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "harness"))
sys.path.insert(0, str(HERE))
import group_bench  # noqa: E402
import kafka_peer  # noqa: E402
from cluster import Cluster  # noqa: E402
from node import Node, exit_on_sigterm  # noqa: E402

PARTITIONS = 6
TOPIC = "bench"
SEGMENT_BYTES = 64 << 20
# Kafka looks at retention every 5 minutes, 30 s after its start for the first time: never within a run. What it deletes stays on
# the disk for a minute: 50 GB at 800 MB/s.
KAFKA_RETENTION = "log.retention.check.interval.ms=1000\nlog.initial.task.delay.ms=1000\nlog.segment.delete.delay.ms=1000\n"
SIM = ["--faults", "none", "--nodes", "3", "--groups", "2", "--rate", "10", "--records", "30"]
# Everything that is produced stays in the memory of three nodes, so 1 KiB records get a shorter run.
SIM_SIZES = {"hours_per_cpu_minute": ["--record-bytes", "100", "--minutes", "60"],
             "the_same_1kib": ["--record-bytes", "1024", "--minutes", "10"]}
# Which systems a workload runs on; ratios are ours to each of the others.
KINDS = {"produce": ["chronik", "kafka", "sink"], "growing": ["chronik", "kafka", "sink"],
         "latency": ["chronik", "kafka", "sink"], "mixed": ["chronik", "kafka", "sink"], "start": ["chronik", "kafka"],
         "cluster": ["chronik", "kafka"], "start3": ["chronik", "kafka"], "catalog": ["chronik"], "sim": ["chronik"],
         "groups": ["chronik", "kafka"], "commits": ["chronik", "kafka"]}
NOT_COMPARED = {"bytes", "seconds", "failed", "paced_failed"}
MIXED_RETENTION = 150_000_000  # bytes of a partition
MIXED_RATE = 2000
# What `mixed` should come to: each of its numbers, of what it is a part, and at most (least) how much of it.
MIXED_TARGETS = [("flat_mb_per_s", "alone_mb_per_s", ">=", 0.85), ("flat_cpu_s_per_gb", "alone_cpu_s_per_gb", "<=", 1.15)]
# What `catalog` should come to, at most. Changes come in 50 entries a second, or in 5; the leader of __meta decides which.
CATALOG_TARGETS = {"metadata_10k_cpu_ms": 3, "changes_50_entries_core_percent": 20, "changes_5_entries_core_percent": 20}


class Sink(Node):
    """bare_sink where the benchmarks expect a node. Its one topic is there from the start."""

    def __init__(self, program, folder, retention):
        super().__init__(program, folder)
        self.retention = retention

    def start(self, timeout=10):
        data = self.folder / "data"
        data.mkdir()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [self.server, str(self.kafka_port), str(data), TOPIC, str(PARTITIONS), str(self.retention), "lmdb"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        kafka_peer.wait_for_port(self, timeout)
        return self


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.bin = pathlib.Path(arguments.server).resolve().parent
        self.programs = self.bin.parent / "tests"
        self.kinds = arguments.kinds.split(",")
        self.jars = None

    def node(self, kind, folder, retention=0, ours="", theirs=""):
        """ours, theirs: more of the configuration."""
        if kind == "sink":
            return Sink(self.programs / "bare_sink", folder, retention)
        if kind == "kafka":
            self.jars = self.jars or kafka_peer.install(pathlib.Path(self.arguments.cache).expanduser())
            return kafka_peer.Kafka(self.jars, folder, theirs + (KAFKA_RETENTION if retention else ""))
        return Node(self.arguments.server, folder, tables={"kafka": f"default_partitions = {PARTITIONS}\n{ours}"})

    def three(self, kind, folder, retention=0):
        if kind == "kafka":
            self.jars = self.jars or kafka_peer.install(pathlib.Path(self.arguments.cache).expanduser())
            return kafka_peer.KafkaCluster(self.jars, folder, KAFKA_RETENTION if retention else "")
        return Cluster(self.arguments.server, folder)

    def run_client(self, *arguments):
        done = subprocess.run([str(self.programs / "perf_client"), *map(str, arguments)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"the client failed: {done.stderr[-500:]}")
        return json.loads(done.stdout)

    def create(self, kind, node, retention=0, replicas=1, partitions=PARTITIONS):
        """The topic, the same way on both; Kafka deletes whole segments, never the last one."""
        if kind == "sink":
            return
        config = [f"replicas={replicas}"]
        if retention:
            config.append(f"retention.bytes={retention}")
        if retention and kind == "kafka":
            config.append(f"segment.bytes={SEGMENT_BYTES}")
        subprocess.run([str(self.programs / "history_client"), "create", node.bootstrap, TOPIC, str(partitions), *config], check=True)

    @contextlib.contextmanager
    def peak_memory(self, node, out, key):
        over = threading.Event()
        peak = [0]

        def watch():
            while not over.wait(0.1):
                peak[0] = max(peak[0], node.anonymous_bytes())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            out[key] = peak[0] / 1e6

    def measured_produce(self, node, warmup_mb):
        """CPU of the server between the client's two marks."""
        process = subprocess.Popen([str(self.programs / "perf_client"), "produce", node.bootstrap, TOPIC, str(PARTITIONS),
                                    str(self.arguments.warmup), str(self.arguments.seconds), str(warmup_mb)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        marks = {}
        memory = {}
        with self.peak_memory(node, memory, "anonymous_mb"):
            for line in process.stderr:
                marks[line.strip()] = node.cpu_seconds()
            result = process.stdout.read()
        if process.wait() != 0:
            raise RuntimeError(f"the client failed: {marks}")
        out = json.loads(result)
        out["server_cpu_s_per_gb"] = (marks["measured"] - marks["measuring"]) / (out["bytes"] / 1e9)
        return {**out, **memory, "store_mb": node.store_bytes() / 1e6}

    def measured_fetch(self, node, out):
        with self.peak_memory(node, out, "fetch_anonymous_mb"):
            before = node.cpu_seconds()
            fetched = self.run_client("consume", node.bootstrap, TOPIC, PARTITIONS)
            cpu = node.cpu_seconds() - before
        out["fetched_mb"] = fetched["bytes"] / 1e6
        out["fetch_mb_per_s"] = fetched["mb_per_s"]
        out["fetch_cpu_s_per_gb"] = cpu / (float(fetched["bytes"]) / 1e9)

    def produce(self, kind, folder):
        retention = self.arguments.retention_mib << 20
        with self.node(kind, folder, retention) as node:
            node.start()
            self.create(kind, node, retention)
            # Half as much again as is kept: by then pages are used again, and Kafka has deleted its first segments.
            out = self.measured_produce(node, 1.5 * PARTITIONS * retention / 1e6)
            if kind != "sink":
                self.run_client("consume", node.bootstrap, TOPIC, PARTITIONS)  # steady: a JVM compiles first
                self.measured_fetch(node, out)
            return out

    def growing(self, kind, folder):
        with self.node(kind, folder) as node:
            node.start()
            self.create(kind, node)
            out = self.measured_produce(node, 0)
            if kind != "sink":
                self.measured_fetch(node, out)
            return out

    def latency(self, kind, folder):
        with self.node(kind, folder) as node:
            node.start()
            self.create(kind, node)
            return self.run_client("latency", node.bootstrap, TOPIC, PARTITIONS, self.arguments.warmup,
                                   self.arguments.seconds, 2000)

    def flat_out(self, node, warmup_mb=0):
        """MB/s and CPU s/GB after 2 s; what it leaves unwritten is not the next one's to pay for."""
        process = subprocess.Popen([str(self.programs / "perf_client"), "produce", node.bootstrap, TOPIC, str(PARTITIONS), "2",
                                    str(self.arguments.seconds), str(warmup_mb)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        marks = {line.strip(): node.cpu_seconds() for line in process.stderr}
        result = process.stdout.read()
        if process.wait() != 0:
            raise RuntimeError(f"the client failed: {marks}")
        os.sync()
        out = json.loads(result)
        return out["mb_per_s"], (marks["measured"] - marks["measuring"]) / (out["bytes"] / 1e9)

    def unbatched(self, node):
        """p50, p99 and CPU us a record."""
        before = node.cpu_seconds()
        out = self.run_client("latency", node.bootstrap, TOPIC, PARTITIONS, 0, self.arguments.unbatched_seconds, MIXED_RATE)
        cpu = node.cpu_seconds() - before
        os.sync()
        return out["p50_ms"], out["p99_ms"], cpu * 1e6 / (self.arguments.unbatched_seconds * MIXED_RATE)

    def mixed_rounds(self, kind, folder, with_small):
        folder.mkdir()
        rounds = []
        with self.node(kind, folder, MIXED_RETENTION) as node:
            node.start()
            self.create(kind, node, MIXED_RETENTION)
            self.flat_out(node, 1.5 * PARTITIONS * MIXED_RETENTION / 1e6)
            for _ in range(self.arguments.rounds):
                small = self.unbatched(node) if with_small else ()
                rounds.append((*self.flat_out(node), *small))
                print("   " + ("mixed " if with_small else "alone ") + " ".join(f"{value:.2f}" for value in rounds[-1]), flush=True)
        return [statistics.median(column) for column in zip(*rounds)]

    def mixed(self, kind, folder):
        alone = self.mixed_rounds(kind, pathlib.Path(folder) / "alone", False)
        mixed = self.mixed_rounds(kind, pathlib.Path(folder) / "mixed", True)
        keys = ["flat_mb_per_s", "flat_cpu_s_per_gb", "p50_ms", "p99_ms", "cpu_us_per_record"]
        return {"alone_mb_per_s": alone[0], "alone_cpu_s_per_gb": alone[1], **dict(zip(keys, mixed))}

    def print_mixed_targets(self, results):
        medians = {kind: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for kind, runs in results.items()}
        for kind, values in medians.items():
            for key, whole, sign, target in MIXED_TARGETS:
                print(f"mixed    {kind} {key} is {values[key] / values[whole]:.2f} of {whole} (target {sign} {target})")
        if "chronik" in medians and "kafka" in medians:
            ours, theirs = (medians[kind]["cpu_us_per_record"] for kind in ("chronik", "kafka"))
            print(f"mixed    an unbatched record costs {ours:.0f} us of CPU, {ours / theirs:.2f} of Kafka's {theirs:.0f} (target <= 0.50)")

    def start(self, kind, folder):
        with self.node(kind, folder) as node:
            began = time.monotonic()
            node.start()
            self.run_client("first", node.bootstrap, TOPIC, PARTITIONS)
            took = time.monotonic() - began
            memory = node.resident_bytes() if kind == "kafka" else node.anonymous_bytes()
            return {"first_ack_s": took, "idle_mb": memory / 1e6}

    def cluster(self, kind, folder):
        retention = self.arguments.retention_mib << 18  # a quarter, as three nodes keep it
        with self.three(kind, folder, retention) as nodes:
            nodes.start()
            self.create(kind, nodes, retention, replicas=3)
            out = self.measured_produce(nodes, 1.5 * PARTITIONS * retention / 1e6)
            paced = self.run_client("latency", nodes.bootstrap, TOPIC, PARTITIONS, self.arguments.warmup, self.arguments.seconds, 2000)
            return {**out, **{f"paced_{key}": value for key, value in paced.items()}}

    def start3(self, kind, folder):
        with self.three(kind, folder) as nodes:
            began = time.monotonic()
            nodes.start()
            self.create(kind, nodes, replicas=3)
            self.run_client("first", nodes.bootstrap, TOPIC, PARTITIONS)
            took = time.monotonic() - began
            memory = nodes.resident_bytes() if kind == "kafka" else nodes.anonymous_bytes()
            return {"first_ack_s": took, "idle_mb": memory / 1e6}

    def catalog(self, _kind, _folder):
        plugins = [str(self.bin.parent / "plugins" / f"{name}.so") for name in ("metadata", "kafka-proto")]
        done = subprocess.run([str(self.programs / "bench_catalog"), *plugins], check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout)

    @staticmethod
    def print_catalog_targets(results):
        for key, target in CATALOG_TARGETS.items():
            print(f"catalog  {key} is {statistics.median(run[key] for run in results['chronik']):.2f} (target <= {target})")

    def sim(self, _kind, _folder):
        out = {}
        for key, size in SIM_SIZES.items():
            done = subprocess.run([str(self.bin / "chronik-sim"), *SIM, *size], check=True, stdout=subprocess.PIPE, text=True)
            out[key] = float(re.search(r"\(([0-9.]+) hours per CPU minute\)", done.stdout).group(1))
        return out

    def explain(self, name):
        print(f"\n{name}: " + re.search(rf"^  {name} +(.*)$", __doc__, re.M).group(1))
        if name == "produce":
            keep = self.arguments.retention_mib
            print(f"  retention.bytes of {keep} MiB a partition on all, {PARTITIONS * keep * 1.5:.0f} MiB produced before the measurement. "
                  f"Kafka needs\n  segment.bytes={SEGMENT_BYTES >> 20} MiB and {KAFKA_RETENTION.strip().replace(chr(10), ', ')} to act on it "
                  "at all; it keeps\n  deleted segments for another minute (its default), which its store_mb shows. Fetch is the second one.")
        if name == "mixed":
            print(f"  retention.bytes of {MIXED_RETENTION} a partition, {self.arguments.rounds} rounds of {self.arguments.unbatched_seconds:.0f} s "
                  f"unbatched and {self.arguments.seconds:.0f} s flat out,\n  with a sync in between; alone_*: the same without the unbatched; "
                  "Kafka's settings as in produce")
        if name == "cluster":
            print(f"  retention.bytes of {self.arguments.retention_mib // 4} MiB a partition, and Kafka's settings as in produce")
        if name in ("start", "start3"):
            print("  idle_mb: our anonymous memory against Kafka's resident memory; formatting the folders is within first_ack_s")
        if name == "sim":
            for size in SIM_SIZES.values():
                print("  chronik-sim " + " ".join([*SIM, *size]))

    def collect(self, action, kinds, runs):
        """What the action came to on each of the systems, in each run."""
        kinds = [kind for kind in kinds if kind in self.kinds]
        results = {kind: [] for kind in kinds}
        for i in range(runs):
            turn = i % len(kinds)
            for kind in kinds[turn:] + kinds[:turn]:
                with tempfile.TemporaryDirectory(prefix=f"chronik-bench-{kind}-") as folder:
                    results[kind].append(action(kind, folder))
                os.sync()  # what it leaves unwritten is not the next one's to pay for
                print(f"   {kind} {i + 1}: " + ", ".join(f"{k} {v:.2f}" for k, v in results[kind][-1].items()), flush=True)
        return results

    def compare(self, name):
        if name in group_bench.PARTS:
            return group_bench.GroupBench(self).run(name)
        self.explain(name)
        results = self.collect(getattr(self, name), KINDS[name], self.arguments.runs)
        self.print_medians(name, results)
        if name == "mixed":
            self.print_mixed_targets(results)
        if name == "catalog":
            self.print_catalog_targets(results)

    @staticmethod
    def print_medians(name, results):
        keys = dict.fromkeys(key for runs in results.values() for key in runs[0] if key not in NOT_COMPARED)
        for key in keys:
            medians = {kind: statistics.median(r[key] for r in runs) for kind, runs in results.items() if key in runs[0]}
            line = f"{name:8} {key:22}" + "".join(f" {kind} {value:9.2f} " for kind, value in medians.items())
            for kind, value in medians.items():
                if kind != "chronik" and value and "chronik" in medians:
                    line += f"  chronik/{kind} {medians['chronik'] / value:.2f}"
            print(line, flush=True)


def print_header(server):
    info = pathlib.Path("/proc/cpuinfo").read_text()
    cpu = re.search(r"model name\s*: (.*)", info)
    memory = re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())
    print(f"machine: {cpu.group(1) if cpu else platform.machine()}, {len(re.findall('^processor', info, re.M))} cores, "
          f"{int(memory.group(1)) / 1e6:.0f} GB, Linux {platform.release()}")
    print(f"command: {' '.join(sys.argv)}")
    cache = pathlib.Path(server).resolve().parent.parent / "CMakeCache.txt"
    built = dict(re.findall(r"^(\w+):\w+=(.*)$", cache.read_text(), re.M)) if cache.exists() else {}
    kind = built.get("CMAKE_BUILD_TYPE", "unknown")
    flags = f"{built.get('CMAKE_CXX_FLAGS', '')} {built.get('CMAKE_CXX_FLAGS_' + kind.upper(), '')}".strip()
    version = subprocess.run([server, "version", "--verbose"], stdout=subprocess.PIPE, text=True, check=True).stdout
    compiler = re.search(r"compiler\s+(.*)", version)
    print(f"flags:   {kind} {flags}, {compiler.group(1) if compiler else ''}; Kafka: java {' '.join(kafka_peer.JAVA_FLAGS)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="perf_client, bare_sink and chronik-sim are taken from the same build")
    parser.add_argument("--cache", default="~/.cache/chronik-bench", help="where Kafka is installed")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--warmup", type=float, default=10, help="seconds, at least")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--retention-mib", type=int, default=256, help="what a partition keeps in `produce`")
    parser.add_argument("--rounds", type=int, default=6, help="of `mixed`")
    parser.add_argument("--unbatched-seconds", type=float, default=15, help="of a round of `mixed`")
    parser.add_argument("--kinds", default="chronik,kafka,sink", help="leave some out, to look at one thing alone")
    parser.add_argument("--only", default="", help="parts of `groups` or `commits`, by name: settle,idle")
    parser.add_argument("--short", action="store_true", help="`groups` with a tenth of members, groups and kills: whether it works")
    parser.add_argument("workload", nargs="*", help=", ".join(KINDS) + "; all by default")
    arguments = parser.parse_args()
    exit_on_sigterm()
    if unknown := set(arguments.workload) - set(KINDS):
        parser.error(f"unknown workload {sorted(unknown)}; known: {', '.join(KINDS)}")
    if unknown := set(filter(None, arguments.only.split(","))) - set(sum(group_bench.PARTS.values(), [])):
        parser.error(f"unknown part {sorted(unknown)}; known: {group_bench.PARTS}")
    print_header(arguments.server)
    bench = Bench(arguments)
    for name in arguments.workload or KINDS:
        bench.compare(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
