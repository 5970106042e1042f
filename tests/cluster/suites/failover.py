"""kill -9 of a leader under load, also of one that leads __meta: how long until producers get acknowledgements again"""
import statistics
import subprocess

from admin import delete_records, earliest
from load import now, percentile, worst_gap
from raw_produce import batch, produce, pump
from suite import Suite

PARTITIONS = 6


class Run(Suite):
    in_ci = True

    @staticmethod
    def options(parser):
        parser.add_argument("--kills", type=int, help="of each kind of leader (default 50, bounded 3)")

    def run(self):
        kills = self.arguments.kills or (3 if self.bounded else 50)
        for of_meta in (False, True):
            kind = "a leader that leads __meta too" if of_meta else "a leader of partitions only"
            with self.cluster() as cluster:
                cluster.start()
                self.create(cluster.bootstrap, "load", PARTITIONS, "replicas=3", "min.insync.replicas=2")
                with self.load(cluster.bootstrap, "load", PARTITIONS, cluster.folder, consumers=1, rate=1200) as load:
                    windows = [self.kill_one(cluster, load, of_meta) for _ in range(kills)]
                    load.finish()
                load.check(f"{kills} kills of {kind}")
                times = load.acknowledgement_times()
            self.report(kind, [1000 * worst_gap(times, begin, restarted) for begin, restarted, _ in windows])
            back = [1000 * worst_gap(times, restarted, end) for _, restarted, end in windows]
            self.say(f"gap while the killed one comes back: median {statistics.median(back):.0f} ms, worst {max(back):.0f} ms")
        self.deletion_survives()

    def deletion_survives(self):
        """Records that a client deleted, up to within a batch, stay deleted whoever leads."""
        start = 57
        with self.cluster() as cluster:
            cluster.start()
            self.create(cluster.bootstrap, "deleted", 1, "replicas=3")
            leader = cluster.node(self.leading(cluster))
            pump(leader.kafka_port, [produce("deleted", {0: batch(b"value", 10)})], 10)
            self.expect(delete_records(leader.kafka_port, "deleted", 0, start) == (0, start), f"the log starts at {start} now")
            led = []
            for victim in (leader, *(node for node in cluster.nodes if node is not leader)):
                victim.kill()
                led.append(self.leading(cluster))
                found = earliest(cluster.node(led[-1]).kafka_port, "deleted", 0)
                offsets = subprocess.run(["kcat", "-C", "-b", cluster.node(led[-1]).bootstrap, "-t", "deleted", "-p", "0", "-e", "-q",
                                          "-o", "beginning", "-f", "%o "], check=True, stdout=subprocess.PIPE, timeout=60).stdout
                self.expect(found == (0, start) and offsets.split() == [b"%d" % offset for offset in range(start, 100)],
                            f"without node {victim.id} node {led[-1]} leads, and the log starts at {found[1]}")
                victim.start()
                self.wait_for_links(cluster)
            self.expect(len(set(led)) > 1, f"nodes that led: {led}")

    def leading(self, cluster):
        """The id of the node that answers for the partition, once there is one."""
        found = []

        def look():
            alive = [node for node in cluster.nodes if node.process.poll() is None]
            found[:] = [node.id for node in alive if earliest(node.kafka_port, "deleted", 0)[0] == 0]
            return bool(found)
        self.wait_until(look, "a node leads the partition")
        return found[0]

    def kill_one(self, cluster, load, of_meta):
        """Kills a leader and starts it again; when it died, when it was started, and when all was as before."""
        victim = self.leader(cluster, of_meta)
        load.wait_for_all_partitions()
        begin = now()
        victim.kill()
        load.wait_for_all_partitions()
        restarted = now()
        victim.start()
        self.wait_for_links(cluster)
        load.wait_for_all_partitions()
        return begin, restarted, now()

    def report(self, kind, gaps):
        self.say(f"kill -9 of {kind}, gaps in ms: {' '.join(f'{gap:.0f}' for gap in sorted(gaps))}")
        self.measured("produce gap p50", round(statistics.median(gaps)), 300, "ms", absurd=30_000)
        self.measured("produce gap p50, aimed at", round(statistics.median(gaps)), 50, "ms")
        self.measured("produce gap p90, aimed at", round(percentile(gaps, 0.9)), 150, "ms")
        self.measured("gaps above 1 s", sum(gap > 1000 for gap in gaps), 1)
        self.measured("worst gap", round(max(gaps)), 1000, "ms", absurd=30_000)
