"""a node comes back that lacks a part of 27 partitions, over a link of 20 MB/s: it catches up, nobody else leads meanwhile"""
import time

from suite import Suite

MB = 1_000_000
PARTITIONS = 27


class Run(Suite):
    in_ci = True

    @staticmethod
    def options(parser):
        parser.add_argument("--behind-mb", type=int, help="in all; 1,000 by default")
        parser.add_argument("--rate-mb", type=int, default=20, help="what goes to the node in a second")

    def run(self):
        behind = (self.arguments.behind_mb or (100 if self.bounded else 1_000)) * MB
        rate = self.arguments.rate_mb * MB
        with self.cluster(relay=True) as cluster:
            cluster.start()
            self.create(cluster.bootstrap, "lagging", PARTITIONS, "replicas=3")
            self.wait_until(lambda: len(cluster.leaders()) == PARTITIONS + 1, "all are led", 120, pause=0.2)
            node, others = cluster.node(3), [cluster.node(1), cluster.node(2)]
            node.kill()
            self.wait_until(lambda: 3 not in cluster.leaders().values(), "others lead", 120, pause=0.2)
            behind = self.fill(cluster, "lagging", PARTITIONS, behind)
            elected = self.total(others, "chronik_raft_elections_total")
            dropped = self.total(others, "chronik_link_dropped_frames_total")
            for other in others:
                cluster.relay.rate(other.id, node.id, rate // 2)
            begin = time.monotonic()
            node.start(120)
            self.wait_until(lambda: node.store_bytes() >= behind, "node 3 has it all", 60 + 10 * behind / rate, pause=0.5)
            self.measured(f"{behind / MB:.0f} MB over {rate / MB:.0f} MB/s", time.monotonic() - begin, 1.5 * behind / rate, "s")
            elected = self.total(cluster.nodes, "chronik_raft_elections_total") - elected
            self.expect(elected == 0, f"elections meanwhile: {elected:.0f}")
            dropped = self.total(others, "chronik_link_dropped_frames_total") - dropped
            self.expect(dropped <= PARTITIONS, f"frames for which there was no room: {dropped:.0f}, one for each partition is the limit")

    @staticmethod
    def total(nodes, metric):
        return sum(node.metric(metric) for node in nodes)
