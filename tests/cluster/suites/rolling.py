"""each node in turn ends by SIGTERM and starts again, under idempotent load: no error, and hardly a gap"""
import statistics

from load import now, percentile, worst_gap
from suite import Suite

PARTITIONS = 6


class Run(Suite):
    in_ci = True

    @staticmethod
    def options(parser):
        parser.add_argument("--rounds", type=int, help="restarts of every node (default 10, bounded 1)")

    def run(self):
        rounds = self.arguments.rounds or (1 if self.bounded else 10)
        with self.cluster() as cluster:
            cluster.start()
            self.create(cluster.bootstrap, "load", PARTITIONS, "replicas=3", "min.insync.replicas=2")
            with self.load(cluster.bootstrap, "load", PARTITIONS, cluster.folder, consumers=1, rate=1200) as load:
                load.wait_for_all_partitions()
                windows = [self.restart(cluster, load, node) for _ in range(rounds) for node in cluster.nodes]
                load.finish()
            load.check(f"{len(windows)} restarts")
            times = load.acknowledgement_times()
        gaps = [1000 * worst_gap(times, begin, end) for begin, _, end in windows]
        self.say(f"restarts by SIGTERM, gaps in ms: {' '.join(f'{gap:.0f}' for gap in sorted(gaps))}")
        for what, of in (("stop", [(begin, down) for begin, down, _ in windows]), ("start", [(down, end) for _, down, end in windows])):
            part = [1000 * worst_gap(times, *window) for window in of]
            self.say(f"of these at the {what}: median {statistics.median(part):.0f} ms, worst {max(part):.0f} ms")
        self.measured("produce gap p50", round(statistics.median(gaps)), 100, "ms")
        self.measured("produce gap p99", round(percentile(gaps, 0.99)), 100, "ms", absurd=30_000)

    def restart(self, cluster, load, node):
        """The window until all is as before, and when in it the node was down."""
        begin = now()
        code = node.stop()
        if code != 0:
            self.expect(False, f"node {node.id} ended with code {code}")
        down = now()
        node.start()
        self.wait_for_links(cluster)
        load.wait_for_all_partitions()
        return begin, down, now()
