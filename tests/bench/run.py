#!/usr/bin/env python3
"""Named workloads on chronik (durable before each acknowledgement), on Apache Kafka 4.3.1 (its defaults, no fsync) and on bare sinks (bare_sink,
durable: `sink` on LMDB, `sink-direct` on one file past the page cache), in turn, with the same librdkafka client: medians and ratios. 1 KiB
records, acks=all, 6 partitions, where nothing else is said; one node each, or three with replication factor 3.

  produce   flat out into a store that stands at retention: MB/s, server CPU s/GB, peak anonymous memory; then catch-up fetch, warm and cold; then a consumer 5 s behind 100 MB/s, and what it has the server read from the disk
  growing   the same into a store that grows: retention is unlimited
  latency   2,000 records/s, linger 0: time to the acknowledgement, CPU of a record; --seconds 600: once, for p99.9 and the longest; --jbd2: transactions of an ext4 journal
  start     from an empty folder to the first acknowledged record; memory of an idle node
  mixed     2,000 records/s, linger 0, and flat out in turn, into a store that stands at retention; beside flat out alone
  keyed     100-byte records with keys over 100 partitions, linger 0, 20,000/s: held or not, latency; then the highest rate that is held
  endurance 30 minutes (--seconds) at 100 MB/s with retention that deletes as fast: each minute, the first five against the last five, space over what is retained
  fanout    50 consumers of all partitions at the tail: CPU of the server for each, and for each GB that it sends
  restart   a node on 100 GB (--restart-gb) in sparse segments of 64 MiB, cold: listening, ready, first and last record read, memory, open files
  cluster   three nodes: flat out into stores that stand at retention, CPU of all three; then 2,000 records/s, linger 0
  start3    three nodes: from empty folders to the first record that is acknowledged with replication factor 3; memory of an idle node
  catalog   the plugins alone, one node of ten: CPU of a Metadata of 10,000 partitions; 1,000 leader changes/s among 100,000; memory
  sim       simulated hours a CPU minute: 3 nodes, 300 records/s in 10 Produce/s, no faults
  groups    members of groups: settle, restart, fail over, idle, and offsets without members; in parts, see group_bench.py
  commits   5,000 commits/s from 200 groups on one node and on three; in parts, see group_bench.py
"""
import argparse
import contextlib
import inspect
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
import machine  # noqa: E402
import report  # noqa: E402
import storage_bench  # noqa: E402
from client import Client  # noqa: E402
from cluster import Cluster  # noqa: E402
from node import Node, exit_on_sigterm  # noqa: E402
from sink_peer import SINKS, Sink  # noqa: E402
from storage_bench import PARTITIONS, TOPIC  # noqa: E402
from targets import TARGETS  # noqa: E402

SEGMENT_BYTES = 64 << 20
# Kafka looks at retention every 5 minutes, 30 s after its start for the first time: never within a run. What it deletes stays on
# the disk for a minute: 50 GB at 800 MB/s.
KAFKA_RETENTION = "log.retention.check.interval.ms=1000\nlog.initial.task.delay.ms=1000\nlog.segment.delete.delay.ms=1000\n"
SIM = ["--faults", "none", "--nodes", "3", "--groups", "2", "--rate", "10", "--records", "30"]
# Everything that is produced stays in the memory of three nodes, so 1 KiB records get a shorter run.
SIM_SIZES = {"hours_per_cpu_minute": ["--record-bytes", "100", "--minutes", "60"],
             "the_same_1kib": ["--record-bytes", "1024", "--minutes", "10"]}
# Which sides a workload runs on. "chronik" stands for one side for each storage.
ALL = ["chronik", "kafka", *SINKS]
KINDS = {"produce": ALL, "growing": ["chronik", "kafka", "sink"], "latency": ALL, "mixed": ALL, "start": ["chronik", "kafka"], "keyed": ALL,
         "endurance": ["chronik"], "fanout": ["chronik", "kafka"], "restart": ["chronik", "kafka"], "cluster": ["chronik", "kafka"],
         "start3": ["chronik", "kafka"], "catalog": ["chronik"], "sim": ["chronik"], "groups": ["chronik", "kafka"],
         "commits": ["chronik", "kafka"]}
ALL_TARGETS = {**TARGETS, **{part: list(table.items()) for part, table in group_bench.TARGETS.items()}}
LONG = {"endurance", "restart"}  # run once, and when they are named
STORELESS = {"catalog"}
MIXED_RETENTION = 150_000_000  # bytes of a partition
SIZES = {"runs": 3, "warmup": 10, "seconds": 15, "retention_mib": 256, "rounds": 6, "unbatched_seconds": 15}
SHORT_SIZES = {"runs": 1, "warmup": 1, "seconds": 2, "retention_mib": 16, "rounds": 1, "unbatched_seconds": 2}


class Bench:
    def __init__(self, arguments, results):
        self.arguments = arguments
        self.results = results
        self.bin = pathlib.Path(arguments.server).resolve().parent
        self.programs = self.bin.parent / "tests"
        self.kinds = arguments.kinds.split(",")
        self.storage_of = {f"chronik-{name.removeprefix('storage-')}": name for name in arguments.storages}
        self.jars = None
        self.client = Client(self.programs / "perf_client")
        self.storage = storage_bench.StorageBench(self)

    def sides(self, kinds, storeless=False):
        """Those of them that run; ours with their storage."""
        for kind in kinds:
            if kind in self.kinds:
                yield from self.storage_of if kind == "chronik" and not storeless else [kind]

    def storage_option(self, side):
        return {"storage": self.storage_of[side]} if side in self.storage_of else {}

    def node(self, kind, folder, retention=0, ours="", theirs="", partitions=PARTITIONS):
        """ours, theirs: more of the configuration."""
        if kind in SINKS:
            return Sink(self.programs / "bare_sink", folder, kind, TOPIC, partitions, retention)
        if kind == "kafka":
            self.jars = self.jars or kafka_peer.install(pathlib.Path(self.arguments.cache).expanduser())
            return kafka_peer.Kafka(self.jars, folder, theirs + (KAFKA_RETENTION if retention else ""))
        return Node(self.arguments.server, folder, tables={"kafka": f"default_partitions = {partitions}\n{ours}"}, **self.storage_option(kind))

    def three(self, kind, folder, retention=0):
        if kind == "kafka":
            self.jars = self.jars or kafka_peer.install(pathlib.Path(self.arguments.cache).expanduser())
            return kafka_peer.KafkaCluster(self.jars, folder, KAFKA_RETENTION if retention else "")
        return Cluster(self.arguments.server, folder, **self.storage_option(kind))

    def create(self, kind, node, retention=0, replicas=1, partitions=PARTITIONS, segments=False):
        """The topic, the same way on both; Kafka deletes whole segments, never the last one. segments: of 64 MiB, without retention."""
        if kind in SINKS:
            return
        config = [f"replicas={replicas}"]
        if retention:
            config.append(f"retention.bytes={retention}")
        if (retention or segments) and kind == "kafka":
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
        memory = {}
        with self.peak_memory(node, memory, "anonymous_mb"):
            out, start, end = self.client.marked(node.cpu_seconds, "produce", node.bootstrap, TOPIC, PARTITIONS, self.arguments.warmup,
                                                 self.arguments.seconds, warmup_mb)
        out["server_cpu_s_per_gb"] = (end[1] - start[1]) / (out["bytes"] / 1e9)
        return {**out, **memory, "store_mb": node.store_bytes() / 1e6}

    def measured_fetch(self, node, out, name="fetch", seconds=()):
        """Of everything, or of what comes in so many seconds."""
        with self.peak_memory(node, out, f"{name}_anonymous_mb"):
            before = node.cpu_seconds()
            fetched = self.client.run("consume", node.bootstrap, TOPIC, PARTITIONS, *seconds)
            cpu = node.cpu_seconds() - before
        out[f"{name}ed_mb"] = fetched["bytes"] / 1e6
        out[f"{name}_mb_per_s"] = fetched["mb_per_s"]
        out[f"{name}_cpu_s_per_gb"] = cpu / (float(fetched["bytes"]) / 1e9)

    def produce(self, kind, folder):
        retention = self.arguments.retention_mib << 20
        with self.node(kind, f"{folder}/retained", retention) as node:
            node.start()
            self.create(kind, node, retention)
            # Half as much again as is kept: by then pages are used again, and Kafka has deleted its first segments.
            out = self.measured_produce(node, 1.5 * PARTITIONS * retention / 1e6)
            if kind in SINKS:
                return out
            self.client.run("consume", node.bootstrap, TOPIC, PARTITIONS)  # steady: a JVM compiles first
            self.measured_fetch(node, out)
            out.update(self.storage.cold_fetch(node))
        os.sync()
        return {**out, **self.storage.behind(kind, f"{folder}/behind")}

    def growing(self, kind, folder):
        with self.node(kind, folder) as node:
            node.start()
            self.create(kind, node)
            out = self.measured_produce(node, 0)
            if kind not in SINKS:
                self.measured_fetch(node, out)
            return out

    def latency(self, kind, folder):
        with self.node(kind, f"{folder}/node") as node:
            node.start()
            self.create(kind, node)
            out = self.storage.paced(node, self.arguments.warmup, self.arguments.seconds)
        if self.arguments.jbd2:
            try:
                out.update(self.storage.jbd2_transactions(kind, folder))
            except machine.Missing as missing:
                print(f"   --jbd2: {missing}: left out", flush=True)
        return out

    def flat_out(self, node, warmup_mb=0, seconds=None):
        """MB/s and CPU s/GB after 2 s; what it leaves unwritten is not the next one's to pay for."""
        out, start, end = self.client.marked(node.cpu_seconds, "produce", node.bootstrap, TOPIC, PARTITIONS, 2, seconds or self.arguments.seconds,
                                             warmup_mb)
        os.sync()
        return out["mb_per_s"], (end[1] - start[1]) / (out["bytes"] / 1e9)

    def unbatched(self, node):
        """p50, p99 and CPU us a record."""
        out = self.storage.paced(node, 0, self.arguments.unbatched_seconds)
        os.sync()
        return out["p50_ms"], out["p99_ms"], out["cpu_us_per_record"]

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

    def start(self, kind, folder):
        with self.node(kind, folder) as node:
            began = time.monotonic()
            node.start()
            self.client.run("first", node.bootstrap, TOPIC, PARTITIONS)
            took = time.monotonic() - began
            memory = node.resident_bytes() if kind == "kafka" else node.anonymous_bytes()
            return {"first_ack_s": took, "idle_mb": memory / 1e6}

    def cluster(self, kind, folder):
        retention = self.arguments.retention_mib << 18  # a quarter, as three nodes keep it
        with self.three(kind, folder, retention) as nodes:
            nodes.start()
            self.create(kind, nodes, retention, replicas=3)
            out = self.measured_produce(nodes, 1.5 * PARTITIONS * retention / 1e6)
            paced = self.client.run("latency", nodes.bootstrap, TOPIC, PARTITIONS, self.arguments.warmup, self.arguments.seconds, 2000)
            return {**out, **{f"paced_{key}": value for key, value in paced.items()}}

    def start3(self, kind, folder):
        with self.three(kind, folder) as nodes:
            began = time.monotonic()
            nodes.start()
            self.create(kind, nodes, replicas=3)
            self.client.run("first", nodes.bootstrap, TOPIC, PARTITIONS)
            took = time.monotonic() - began
            memory = nodes.resident_bytes() if kind == "kafka" else nodes.anonymous_bytes()
            return {"first_ack_s": took, "idle_mb": memory / 1e6}

    def catalog(self, _kind, _folder):
        plugins = [str(self.bin.parent / "plugins" / f"{name}.so") for name in ("metadata", "kafka-proto")]
        done = subprocess.run([str(self.programs / "bench_catalog"), *plugins], check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout)

    def sim(self, kind, _folder):
        out = {}
        storage = ["--storage", self.storage_of[kind]] if kind in self.storage_of else []
        for key, size in SIM_SIZES.items():
            done = subprocess.run([str(self.bin / "chronik-sim"), *SIM, *size, *storage], check=True, stdout=subprocess.PIPE, text=True)
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

    def collect(self, action, kinds, runs, storeless=False):
        """What the action came to on each of the sides, in each run."""
        sides = list(self.sides(kinds, storeless))
        results = {side: [] for side in sides}
        for i in range(runs):
            turn = i % max(1, len(sides))
            for side in sides[turn:] + sides[:turn]:
                self.run_side(action, side, i, results)
        return {side: runs for side, runs in results.items() if runs}

    def run_side(self, action, side, i, results):
        with tempfile.TemporaryDirectory(prefix=f"chronik-bench-{side}-", dir=self.arguments.folder) as folder:
            try:
                numbers = action(side, folder)
            except storage_bench.LeftOut as why:
                print(f"   {side}: {why}: left out", flush=True)
                return
        os.sync()  # what it leaves unwritten is not the next one's to pay for
        results[side].append(numbers)
        self.results.add(workload=action.__name__, side=side, storage=self.storage_of.get(side), run=i + 1, numbers=numbers)
        print(f"   {side} {i + 1}: " + ", ".join(f"{k} {v:.2f}" for k, v in numbers.items()), flush=True)

    def runs_of(self, name):
        """Once where a run is long by itself."""
        once = name in LONG or (name == "latency" and self.arguments.seconds >= 300)
        return 1 if once else self.arguments.runs

    def compare(self, name):
        if name in group_bench.PARTS:
            return group_bench.GroupBench(self).run(name)
        self.explain(name)
        action = getattr(self, name, None) or getattr(self.storage, name)
        # The simulator has a storage of its own, where none was named.
        storeless = name in STORELESS or (name == "sim" and not self.arguments.storage)
        results = self.collect(action, KINDS[name], self.runs_of(name), storeless)
        self.print_medians(name, results)
        self.judge(name, results)

    @staticmethod
    def print_medians(name, results):
        for line in report.median_lines(name, results):
            print(line, flush=True)


    @staticmethod
    def judge(name, results):
        for line in report.target_lines(name, results, ALL_TARGETS.get(name, [])):
            print(line, flush=True)

    def print_table(self):
        """Medians and targets of all that stands in the file of results."""
        for name, results in self.results.all().items():
            print()
            self.print_medians(name, results)
            self.judge(name, results)


def about(arguments):
    """The machine, the build, the command: of all numbers of this run."""
    info = pathlib.Path("/proc/cpuinfo").read_text()
    cpu = re.search(r"model name\s*: (.*)", info)
    memory = re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())
    cache = pathlib.Path(arguments.server).resolve().parent.parent / "CMakeCache.txt"
    built = dict(re.findall(r"^(\w+):\w+=(.*)$", cache.read_text(), re.M)) if cache.exists() else {}
    kind = built.get("CMAKE_BUILD_TYPE", "unknown")
    flags = f"{built.get('CMAKE_CXX_FLAGS', '')} {built.get('CMAKE_CXX_FLAGS_' + kind.upper(), '')}".strip()
    version = subprocess.run([arguments.server, "version", "--verbose"], stdout=subprocess.PIPE, text=True, check=True).stdout
    compiler = re.search(r"compiler\s+(.*)", version)
    return {"machine": f"{cpu.group(1) if cpu else platform.machine()}, {len(re.findall('^processor', info, re.M))} cores, "
                       f"{int(memory.group(1)) / 1e6:.0f} GB, Linux {platform.release()}, {machine.file_system(arguments.folder)}",
            "command": " ".join(sys.argv), "short": arguments.short, "version": version.splitlines()[0],
            "flags": f"{kind} {flags}, {compiler.group(1) if compiler else ''}; Kafka: java {' '.join(kafka_peer.JAVA_FLAGS)}"}


def parsed_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="plugins, perf_client, bare_sink and chronik-sim are taken from the same build")
    parser.add_argument("--cache", default="~/.cache/chronik-bench", help="where Kafka is installed")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the nodes' folders are made, on a disk (%(default)s)")
    parser.add_argument("--results", help="one line of JSON for each side of each run is added to it (bench/results.jsonl in the build folder)")
    parser.add_argument("--storage", help="storage plugins, side by side: storage-lmdb,storage-memory; the prefix may be left out")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--warmup", type=float, help="seconds, at least")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--retention-mib", type=int, help="what a partition keeps in `produce`")
    parser.add_argument("--rounds", type=int, help="of `mixed`")
    parser.add_argument("--unbatched-seconds", type=float, help="of a round of `mixed`")
    parser.add_argument("--restart-gb", type=int, help="of `restart`")
    parser.add_argument("--jbd2", action="store_true", help="`latency` on an ext4 image mounted by loop, too: transactions of its journal; for root")
    parser.add_argument("--kinds", default="chronik,kafka,sink,sink-direct", help=f"of {','.join(ALL)}: leave some out, to look at one thing alone")
    parser.add_argument("--only", default="", help="parts of `groups` or `commits`, by name: settle,idle")
    parser.add_argument("--table", action="store_true", help="measure nothing: medians and targets of all that stands in the file of results")
    parser.add_argument("--short", action="store_true", help="everything small: whether it works")
    parser.add_argument("workload", nargs="*", help=", ".join(KINDS) + f"; all but {' and '.join(sorted(LONG))} by default")
    arguments = parser.parse_args()
    complete(parser, arguments)
    return arguments


def complete(parser, arguments):
    """What the command does not say; what it says and there is not."""
    if unknown := set(arguments.workload) - set(KINDS):
        parser.error(f"unknown workload {sorted(unknown)}; known: {', '.join(KINDS)}")
    if unknown := set(arguments.kinds.split(",")) - set(ALL):
        parser.error(f"unknown kind {sorted(unknown)}; known: {', '.join(ALL)}")
    if unknown := set(filter(None, arguments.only.split(","))) - set(sum(group_bench.PARTS.values(), [])):
        parser.error(f"unknown part {sorted(unknown)}; known: {group_bench.PARTS}")
    build = pathlib.Path(arguments.server).resolve().parent.parent
    there = sorted(path.stem for path in (build / "plugins").glob("storage-*.so"))
    default = inspect.signature(Node).parameters["storage"].default
    arguments.storages = [f"storage-{name.removeprefix('storage-')}" for name in (arguments.storage or default).split(",")]
    if unknown := set(arguments.storages) - set(there):
        parser.error(f"no such storage: {sorted(unknown)}; this build has {', '.join(there)}")
    if machine.file_system(arguments.folder) == "tmpfs":
        parser.error(f"{arguments.folder} lies in memory, where a durable write costs nothing: name a folder on a disk with --folder")
    arguments.results = arguments.results or build / "bench" / "results.jsonl"
    if arguments.table and not pathlib.Path(arguments.results).exists():
        parser.error(f"there is no {arguments.results}: nothing was measured yet; --results names another file")
    arguments.given_seconds = arguments.seconds
    for key, value in (SHORT_SIZES if arguments.short else SIZES).items():
        if getattr(arguments, key) is None:
            setattr(arguments, key, value)


def main():
    arguments = parsed_arguments()
    exit_on_sigterm()
    common = about(arguments)
    for key in ("machine", "command", "flags"):
        print(f"{key + ':':8} {common[key]}")
    print(f"results: {arguments.results}", flush=True)
    bench = Bench(arguments, report.Results(arguments.results, common))
    if arguments.table:
        bench.print_table()
        return 0
    for name in arguments.workload or [name for name in KINDS if name not in LONG]:
        bench.compare(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
