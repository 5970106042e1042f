"""The workloads that are about a storage: keyed, endurance, fanout, restart, and parts of produce and latency. Targets: targets.py."""
import os
import pathlib
import statistics
import time

import kafka_peer
import machine
import report
import sparse

TOPIC = "bench"
PARTITIONS = 6
RATE = 2000  # unbatched records a second
MB_PER_S = 100  # of `endurance`, and in front of a consumer that is behind
LAG_S = 5
KEYED_PARTITIONS, KEYED_RATE, KEYED_RECORD, KEYS = 100, 20_000, 100, 10_000
HELD = 0.98  # of a rate, for it to be held
# A record a ms in batches of 100 ms: few enough Fetch requests that neither side runs out of cores.
FANOUT_MB_PER_S, FANOUT_LINGER_MS = 1, 100
SEGMENTED = {"storage-log"}  # storages that keep segments in files of their own
FULL = {"endurance_s": 1800, "endurance_retention": 512 << 20, "interval_s": 60, "step_s": 5, "consumers": 50, "restart_mb": 100_000,
        "restart_step_mb": 4000, "journal_s": 60}
SHORT = {"endurance_s": 10, "endurance_retention": 16 << 20, "interval_s": 1, "step_s": 1, "consumers": 5, "restart_mb": 2000,
         "restart_step_mb": 500, "journal_s": 5}


class LeftOut(Exception):
    """In words: why a workload does not run on a side."""


def summary_of_minutes(rows, count):
    """What `endurance` comes to: over all intervals, and over the first and the last of them."""
    out = {"mb_per_s": statistics.mean(row["mb_per_s"] for row in rows), "max_ms": max(row["max_ms"] for row in rows)}
    for key in ("mb_per_s", "p99_ms", "cpu_s_per_gb"):
        out[f"first_{key}"], out[f"last_{key}"] = report.first_and_last(rows, count, key)
    out["anonymous_mb"] = max(row["anonymous_mb"] for row in rows)
    out["store_mb"] = max(row["store_mb"] for row in rows)
    out["space_over_retained"] = max(row["store_mb"] / row["retained_mb"] for row in rows)
    return out


class StorageBench:
    def __init__(self, bench):
        self.bench = bench
        self.client = bench.client
        self.sizes = dict(SHORT if bench.arguments.short else FULL)
        if bench.arguments.given_seconds:
            self.sizes["endurance_s"] = bench.arguments.given_seconds
        if bench.arguments.restart_gb:
            self.sizes["restart_mb"] = 1000 * bench.arguments.restart_gb

    # ---- latency ----
    def paced(self, node, warmup_s, run_s, *more, partitions=PARTITIONS, rate=RATE):
        """At a rate, unbatched; with what a record costs the server."""
        out, start, end = self.client.marked(node.cpu_seconds, "latency", node.bootstrap, TOPIC, partitions, warmup_s, run_s, rate, *more)
        out["cpu_us_per_record"] = (end[1] - start[1]) * 1e6 / max(1, out.pop("records"))
        return out

    def jbd2_transactions(self, kind, folder):
        """Transactions of a file system's journal in a minute of load, and in an idle one."""
        with machine.Ext4Image(folder) as disk:
            with self.bench.node(kind, disk.path / "node") as node:
                node.log_path = pathlib.Path(folder) / "node.log"  # its lines are no transactions of the storage's
                node.start()
                self.bench.create(kind, node)
                self.paced(node, 0, self.sizes["journal_s"] / 2)  # what is allocated once is
                os.sync()
                counts = [disk.transactions()]
                time.sleep(self.sizes["journal_s"])
                counts.append(disk.transactions())
                self.paced(node, 0, self.sizes["journal_s"])
                counts.append(disk.transactions())
        return {"jbd2_idle_transactions": counts[1] - counts[0], "jbd2_load_transactions": counts[2] - counts[1]}

    # ---- produce ----
    def cold_fetch(self, node):
        """From the beginning, when nothing of it is in memory, for the time of a run at most; nothing without root."""
        machine.page_out(node.pid, node.folder / "data")  # what is mapped stays in the page cache otherwise
        if not machine.drop_page_cache():
            print("   a cold fetch needs root, to drop the page cache: left out", flush=True)
            return {}
        read = node.read_bytes()
        out = {}
        self.bench.measured_fetch(node, out, "cold_fetch", seconds=[self.bench.arguments.seconds])
        return {**out, "cold_fetch_read_mb": (node.read_bytes() - read) / 1e6}

    def behind(self, kind, folder):
        """A consumer some seconds behind the tail: what it makes the server read from the disk."""
        with self.bench.node(kind, folder) as node:
            node.start()
            self.bench.create(kind, node)
            machine.drop_page_cache()
            out, start, end = self.client.marked(lambda: (node.cpu_seconds(), node.read_bytes()), "behind", node.bootstrap, TOPIC, PARTITIONS,
                                                 self.bench.arguments.seconds, MB_PER_S, LAG_S)
        return {"behind_mb_per_s": out["mb_per_s"], "behind_age_s": out["age_s"], "behind_read_mb": (end[1][1] - start[1][1]) / 1e6}

    # ---- keyed ----
    def keyed(self, kind, folder):
        arguments = self.bench.arguments

        def load(node, warmup_s, run_s, rate):
            return self.paced(node, warmup_s, run_s, KEYED_RECORD, KEYS, partitions=KEYED_PARTITIONS, rate=rate)

        with self.bench.node(kind, folder, partitions=KEYED_PARTITIONS) as node:
            node.start()
            self.bench.create(kind, node, partitions=KEYED_PARTITIONS)
            out = load(node, arguments.warmup, arguments.seconds, KEYED_RATE)

            def holds_once(rate):
                try:
                    tried = load(node, self.sizes["step_s"] / 4, self.sizes["step_s"], rate)
                except RuntimeError as error:
                    print(f"      {kind} at {rate:.0f}/s: {error}: not held", flush=True)
                    return False
                held = tried["per_s"] >= HELD * rate
                print(f"      {kind} at {rate:.0f}/s: {tried['per_s']:.0f}, p99 {tried['p99_ms']:.1f} ms, client {tried['client_cores']:.2f} cores"
                      + ("" if held else ": not held"), flush=True)
                return held

            # A machine that something else had for a moment is no rate that breaks.
            out["holds_per_s"], out["breaks_per_s"] = report.find_break(lambda rate: holds_once(rate) or holds_once(rate), KEYED_RATE)
            return out

    # ---- endurance ----
    def endurance(self, kind, folder):
        retention = self.sizes["endurance_retention"]
        interval = min(self.sizes["interval_s"], self.sizes["endurance_s"] / 10)
        rows = []
        with self.bench.node(kind, folder, retention) as node:
            node.start()
            self.bench.create(kind, node, retention)
            self.bench.flat_out(node, 1.5 * PARTITIONS * retention / 1e6, seconds=1)  # it stands at retention
            cpu = node.cpu_seconds()
            for line in self.client.lines("paced", node.bootstrap, TOPIC, PARTITIONS, self.sizes["endurance_s"], MB_PER_S, interval):
                now = node.cpu_seconds()
                took = line["second"] - (rows[-1]["second"] if rows else 0)
                rows.append({**line, "cpu_s_per_gb": (now - cpu) / (line["mb_per_s"] * took / 1e3), "store_mb": node.store_bytes() / 1e6,
                             "retained_mb": self.client.run("retained", node.bootstrap, TOPIC, PARTITIONS)["bytes"] / 1e6,
                             "anonymous_mb": node.anonymous_bytes() / 1e6})
                cpu = now
                print("      " + ", ".join(f"{key} {value:.2f}" for key, value in rows[-1].items()), flush=True)
                self.bench.results.add(workload="endurance", side=kind, part="interval", numbers=rows[-1])
        return summary_of_minutes(rows, max(1, min(5, len(rows) // 3)))

    # ---- fanout ----
    def fanout(self, kind, folder):
        arguments = self.bench.arguments
        consumers = self.sizes["consumers"]

        def load(node, count):
            out, start, end = self.client.marked(node.cpu_seconds, "fanout", node.bootstrap, TOPIC, PARTITIONS, max(3, arguments.warmup),
                                                 arguments.seconds, FANOUT_MB_PER_S, FANOUT_LINGER_MS, count)
            return out, (end[1] - start[1]) / (end[0] - start[0])

        with self.bench.node(kind, folder) as node:
            node.start()
            self.bench.create(kind, node)
            _, alone = load(node, 0)
            out, together = load(node, consumers)
        more = together - alone
        return {"cpu_ms_per_s_of_a_consumer": 1e3 * more / consumers, "cpu_s_per_gb_sent": more * 1e3 / out["sent_mb_per_s"],
                "cores_alone": alone, "cores": together, **{key: out[key] for key in ("sent_mb_per_s", "p50_ms", "p99_ms", "client_cores")}}

    # ---- restart ----
    def restart(self, kind, folder):
        storage = self.bench.storage_of.get(kind)
        if storage and storage not in SEGMENTED:
            raise LeftOut(f"{storage} keeps no segments in files of their own: there is no such folder of it")
        with self.bench.node(kind, folder) as node:
            node.start()
            self.bench.create(kind, node, segments=True)
            records, made = self.make_sparse(node)
            node.stop(timeout=300)
            machine.drop_page_cache()
            began = time.monotonic()
            node.launch()
            kafka_peer.wait_for_port(node, 300, pause=0.002)
            listening = time.monotonic() - began
            node.await_ready(300)
            ready = time.monotonic() - began
            idle = (node.resident_bytes() if kind == "kafka" else node.anonymous_bytes()) / 1e6
            opened, mapped = machine.open_files(node.pid, node.folder / "data")
            ends = self.client.run("ends", node.bootstrap, TOPIC, PARTITIONS)
            if ends.pop("records") != records:
                raise RuntimeError("the node does not have the records that were acknowledged")
        return {"listening_ms": 1e3 * listening, "ready_ms": 1e3 * ready, **ends, "idle_mb": idle, "open_files": opened, "mapped_ranges": mapped,
                **made}

    def make_sparse(self, node):
        """The records in a folder of so many bytes, and what it is; all but what was written last has holes for payloads."""
        folder = sparse.SparseFolder(node.folder / "data")
        records = 0
        for _ in range(max(2, round(self.sizes["restart_mb"] / self.sizes["restart_step_mb"]))):
            step_began = time.time_ns()
            records += self.client.run("fill", node.bootstrap, TOPIC, PARTITIONS, self.sizes["restart_step_mb"], sparse.RECORD_BYTES)["records"]
            os.sync()
            holes = folder.punch_older_than(step_began - 10**9)
            says, occupies = folder.bytes()
            print(f"      {says / 1e9:.1f} GB in {len(folder.files())} files, {occupies / 1e9:.1f} GB on the disk, {holes / 1e9:.1f} GB of new holes",
                  flush=True)
        return records, {"gb": says / 1e9, "gb_on_disk": occupies / 1e9, "files": len(folder.files())}
