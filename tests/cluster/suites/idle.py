"""100 groups on three nodes in which nothing happens: CPU of each node"""
import time

from sightings import total
from suite import Suite

GROUPS = 100


class Run(Suite):
    @staticmethod
    def options(parser):
        parser.add_argument("--seconds", type=float, default=60, help="how long to look (default 60)")

    def run(self):
        with self.cluster() as cluster:
            cluster.start()
            self.create(cluster.bootstrap, "idle", GROUPS - 1, "replicas=3")  # and __meta
            self.wait_until(lambda: total(cluster.nodes, "chronik_raft_leaders") == GROUPS, "every group has a leader")
            self.wait_until(lambda: total(cluster.nodes, "chronik_meta_sync_intents") == 0, "every leader is in the catalog")
            time.sleep(10)  # what the creation left behind has been done by then
            before = [node.cpu_seconds() for node in cluster.nodes]
            time.sleep(self.arguments.seconds)  # the length of the observation
            used = [100 * (node.cpu_seconds() - then) / self.arguments.seconds for node, then in zip(cluster.nodes, before)]
            self.say(f"% of a core, each node: {' '.join(f'{each:.2f}' for each in used)}")
            self.measured("CPU of the node that takes most", round(max(used), 2), 1.0, "% of a core", absurd=100)
