"""The workloads `groups` and `commits` of run.py: what groups cost, and how soon they go on. Each is in parts, which --only names.
The load is group_client (groups/), on raw sockets.

  groups settle    50 members over 300 partitions, classic and consumer protocol; then all join again, from the last JoinGroup in to its answers
  groups roll      50 static members restart in turn, then 50 dynamic cooperative ones: rebalances
  groups failover  three nodes: kill -9 of the coordinator, 20 times, to the next acknowledged commit
  groups idle      1,000 groups of five members on a connection each, heartbeats every 3 s: CPU of a heartbeat, memory
  groups offsets   100,000 groups that have offsets and no members, over 50 partitions and in one: longest turn of a shard while they commit and at a start after kill -9, time to usable
  commits one      5,000 commits/s from 200 groups of one member, one node; or the highest rate that is held
  commits three    the same on three nodes
"""
import contextlib
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import time

from client import Client

PARTS = {"groups": ["settle", "roll", "failover", "idle", "offsets"], "commits": ["one", "three"]}
# At most so much, or such a part of Kafka's in the same run.
TARGETS = {
    "settle": {"classic_settled_s": "1.00 of kafka", "consumer_settled_s": "1.00 of kafka", "answers_max_ms": 100},
    "roll": {"static_rebalances": 0, "cooperative_rebalances": "1.00 of kafka"},
    "failover": {"gap_p50_ms": 1000, "gap_max_ms": 2000, "lost": 0, "changed": 0, "refused": 0},
    "idle": {"cpu_us_per_heartbeat": "0.25 of kafka", "memory_mb": 60},
    "offsets": {"fill_turn_ms": 20, "start_turn_ms": 20, "usable_s": 5, "in_one_fill_turn_ms": 20, "in_one_start_turn_ms": 20, "in_one_usable_s": 5},
    "one": {"p99_ms": "1.00 of kafka", "cpu_us_per_commit": "0.25 of kafka"},
    "three": {"p99_ms": "1.00 of kafka", "cpu_us_per_commit": "0.25 of kafka"},
}
FULL = {"members": 50, "partitions": 300, "rounds": 20, "kills": 20, "groups": 1000, "offset_groups": 100_000}
SHORT = {"members": 10, "partitions": 60, "rounds": 5, "kills": 3, "groups": 100, "offset_groups": 10_000}
RATE = 5000
STEP_DOWN = 0.8
HELD = 0.98  # of the rate, for it to be held
COORDINATED = {"chronik_coordinator_writes_total": "writes", "chronik_coordinator_batches_total": "batches",
               "chronik_storage_commits_total": "syncs", "chronik_storage_written_bytes_total": "written_bytes"}


def longest_turn_ms(node):
    """Of a shard, in the last one to two minutes."""
    return 1e3 * max(node.metric("chronik_shard_longest_turn_seconds", f'shard="{shard}"') for shard in range(os.cpu_count()))


def disk_written_bytes(folder):
    """Bytes that the disk below the folder was made to write so far, by whoever. /proc/PID/io is no measure of that: where the page
    cache has folios of many pages, it counts all of a folio for each page of it that is written. None: no disk, as of tmpfs."""
    os.sync()  # what Kafka has written and not synced is to count
    device = os.stat(folder).st_dev
    counted = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
    return int(counted.read_text().split()[6]) * 512 if counted.exists() else None


class GroupBench:
    def __init__(self, bench):
        self.bench = bench
        self.load = Client(bench.programs / "group_client")
        self.sizes = SHORT if bench.arguments.short else FULL
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # connections of all members, also of those that are started

    def client(self, verb, node, partitions, *arguments):
        return self.load.run(*self.command(verb, node, partitions, *arguments))

    def command(self, verb, node, partitions, *arguments):
        return [verb, node.bootstrap, "bench", str(partitions), *map(str, arguments)]

    @contextlib.contextmanager
    def started(self, nodes, kind, partitions, replicas=1):
        with nodes:
            nodes.start()
            self.bench.create(kind, nodes, replicas=replicas, partitions=partitions)
            yield nodes

    # ---- groups ----
    def settle(self, kind, folder):
        partitions, members = self.sizes["partitions"], self.sizes["members"]
        with self.started(self.bench.node(kind, folder), kind, partitions) as node:
            self.client("settle-classic", node, partitions, 1, 1)  # the topic of the groups is there, a JVM has begun to compile
            self.client("settle-consumer", node, partitions, 1)
            classic = self.client("settle-classic", node, partitions, members, self.sizes["rounds"])
            consumer = self.client("settle-consumer", node, partitions, members)
        settled = {"classic_settled_s": classic.pop("settled_s"), "consumer_settled_s": consumer["settled_s"]}
        return {**settled, **classic}

    def roll(self, kind, folder):
        partitions, members = self.sizes["partitions"], self.sizes["members"]
        with self.started(self.bench.node(kind, folder), kind, partitions) as node:
            return {f"{name}_{key}": value for name in ("static", "cooperative")
                    for key, value in self.client(f"roll-{name}", node, partitions, members).items()}

    def failover(self, kind, folder):
        with self.started(self.bench.three(kind, folder), kind, 20, replicas=3) as nodes:
            process = subprocess.Popen([self.load.program, *self.command("fail-over", nodes, 20, 5)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            try:
                failures = [self.fail_over(nodes, process, i) for i in range(self.sizes["kills"])]
                process.stdin.close()
                if process.wait(10) != 0:
                    raise RuntimeError("the client failed")
            finally:
                process.kill()
                process.wait()
        gaps = [each.pop("gap_ms") for each in failures]
        return {"gap_p50_ms": statistics.median(gaps), "gap_max_ms": max(gaps),
                **{key: sum(each[key] for each in failures) for key in ("lost", "changed", "refused")}}

    def fail_over(self, nodes, process, i):
        if i == 0:
            self.coordinator = self.answer_of(process)["coordinator"]
        self.await_replicas(nodes)
        node = nodes.node(self.coordinator)
        killed = time.monotonic_ns()
        node.kill()
        process.stdin.write(f"killed {killed}\n")
        process.stdin.flush()
        out = self.answer_of(process)
        self.coordinator = out["coordinator"]
        print(f"      node {node.id} killed: " + ", ".join(f"{key} {value}" for key, value in out.items()), flush=True)
        node.start()
        return out

    @staticmethod
    def answer_of(process):
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the client has ended")
        return json.loads(line)

    def await_replicas(self, nodes):
        """Until each partition of the topic of the groups has three replicas in sync."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            told = subprocess.run(["kcat", "-b", nodes.bootstrap, "-L", "-J", "-m", "5", "-t", "__consumer_offsets"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            if told.returncode == 0:
                partitions = json.loads(told.stdout)["topics"][0]["partitions"]
                if partitions and all(len(each["isrs"]) == 3 and each["leader"] >= 0 for each in partitions):
                    return
            time.sleep(0.1)
        raise RuntimeError("the replicas are not in sync in time")

    def idle(self, kind, folder):
        def memory(node):
            return (node.resident_bytes() if kind == "kafka" else node.anonymous_bytes()) / 1e6

        with self.started(self.bench.node(kind, folder), kind, 6) as node:
            time.sleep(2)
            before = node.cpu_seconds()
            time.sleep(5)
            idle_share = (node.cpu_seconds() - before) / 5
            empty_mb = memory(node)
            out, start, end = self.load.marked(
                lambda: (node.cpu_seconds(), memory(node)),
                *self.command("idle", node, 6, self.sizes["groups"], 5, self.bench.arguments.warmup, self.bench.arguments.seconds))
        cpu = end[1][0] - start[1][0] - idle_share * (end[0] - start[0])
        return {"cpu_us_per_heartbeat": cpu * 1e6 / out["heartbeats"], "memory_mb": end[1][1], "more_than_empty_mb": end[1][1] - empty_mb,
                "heartbeats_per_s": out["heartbeats"] / (end[0] - start[0]), "joined_again": out["joined_again"]}

    def offsets(self, kind, folder):
        return {**self.offsets_over(kind, f"{folder}/all", 50, ""), **self.offsets_over(kind, f"{folder}/one", 1, "in_one_")}

    def offsets_over(self, kind, folder, partitions, prefix):
        """On us with the least size at which a log is trimmed to its snapshot, so that snapshots are taken meanwhile."""
        ours = f'offsets_topic_partitions = {partitions}\noffsets_topic_segment_bytes = "1MiB"'
        theirs = f"offsets.topic.num.partitions={partitions}\n"
        groups = self.sizes["offset_groups"]
        with self.started(self.bench.node(kind, folder, ours=ours, theirs=theirs), kind, 3) as node:
            for _ in range(2):  # so that each partition's log gets that large
                filled = self.client("fill-offsets", node, 3, groups)
            turns = {}
            if kind != "kafka":
                turns[f"{prefix}fill_turn_ms"] = longest_turn_ms(node)
                turns[f"{prefix}fill_long_turns"] = node.metric("chronik_shard_long_turns_total")
            node.kill()
            began = time.monotonic()
            node.launch()
            self.client("check-offsets", node, 3, groups, groups // 100)
            usable = time.monotonic() - began
            out = {f"{prefix}usable_s": usable, f"{prefix}commits_per_s": filled["groups"] / filled["took_s"], **turns}
            if kind != "kafka":
                out[f"{prefix}start_turn_ms"] = longest_turn_ms(node)
            self.client("check-offsets", node, 3, groups, 1)
            return out

    # ---- commits ----
    def one(self, kind, folder):
        with self.started(self.bench.node(kind, folder), kind, 6) as node:
            return self.held_commits(kind, node, [node])

    def three(self, kind, folder):
        with self.started(self.bench.three(kind, folder), kind, 6, replicas=3) as nodes:
            return self.held_commits(kind, nodes, nodes.nodes)

    def held_commits(self, kind, system, nodes):
        rate = RATE
        while True:
            out = self.commits(kind, system, nodes, rate)
            if (out["per_s"] >= HELD * rate and not out["failed"]) or rate < RATE / 20:
                return out
            print(f"      {kind} does not hold {rate:.0f} commits/s: {out['per_s']:.0f}, p99 {out['p99_ms']:.0f} ms", flush=True)
            rate *= STEP_DOWN

    def commits(self, kind, system, nodes, rate):
        def read():
            counted = {"cpu": system.cpu_seconds()}
            if (written := disk_written_bytes(system.folder)) is not None:
                counted["disk"] = written
            if kind != "kafka":
                counted.update({key: sum(node.metric(name) for node in nodes) for name, key in COORDINATED.items()})
            return counted

        arguments = self.bench.arguments
        out, start, end = self.load.marked(read, *self.command("commits", system, 6, 200, rate, arguments.warmup, arguments.seconds))
        delta = {key: end[1][key] - start[1][key] for key in start[1]}
        commits = rate * arguments.seconds
        out["cpu_us_per_commit"] = delta["cpu"] * 1e6 / commits
        if "disk" in delta:  # all that writes beside counts, too
            out["disk_bytes_per_commit"] = delta["disk"] / commits / len(nodes)  # of a replica
        if kind != "kafka":
            out["commits_per_batch"] = delta["writes"] / delta["batches"]
            out["commits_per_sync"] = commits * len(nodes) / delta["syncs"]
            out["store_bytes_per_commit"] = delta["written_bytes"] / commits / len(nodes)
        return out

    # ---- all ----
    def run(self, name):
        for part in PARTS[name]:
            if self.bench.arguments.only and part not in self.bench.arguments.only.split(","):
                continue
            print(f"\n{name} {part}: " + re.search(rf"^  {name} {part} +(.*)$", __doc__, re.M).group(1))
            # One run of `failover` is 20 by itself.
            results = self.bench.collect(getattr(self, part), ["chronik", "kafka"], 1 if part == "failover" else self.bench.arguments.runs)
            self.bench.print_medians(part, results)
            self.bench.judge(part, results)
