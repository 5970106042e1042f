"""3,000 partitions on three nodes: how long their creation takes, and the anonymous memory of each node"""
import time

from sightings import total
from suite import Suite

TOPIC_PARTITIONS = 100


class Run(Suite):
    @staticmethod
    def options(parser):
        parser.add_argument("--partitions", type=int, default=3000, help="how many (default 3000)")

    def run(self):
        wanted = self.arguments.partitions
        with self.cluster() as cluster:
            cluster.start()
            begin = time.monotonic()
            for first in range(0, wanted, TOPIC_PARTITIONS):
                count = min(TOPIC_PARTITIONS, wanted - first)
                self.create(cluster.bootstrap, f"many{first}", count, "replicas=3")
            answered = time.monotonic() - begin
            self.wait_until(lambda: total(cluster.nodes, "chronik_raft_leaders") == wanted + 1, "every partition has a leader", 600)
            created = time.monotonic() - begin
            self.wait_until(lambda: total(cluster.nodes, "chronik_meta_sync_intents") == 0, "every leader is in the catalog", 600)
            memory = [node.anonymous_bytes() / 1e6 for node in cluster.nodes]
            self.say(f"{wanted} partitions: answered after {answered:.1f} s, each had a leader after {created:.1f} s, in the catalog after "
                     f"{time.monotonic() - begin:.1f} s; {total(cluster.nodes, 'chronik_raft_elections_total')} elections; "
                     f"MB of each node: {' '.join(f'{each:.0f}' for each in memory)}")
            self.measured("creation until each has a leader", round(created, 1), 60, "s", absurd=600)
            self.measured("anonymous memory of the node that takes most", round(max(memory)), 600, "MB", absurd=4000)
