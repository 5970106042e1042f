"""3,000 partitions on three nodes: how long their creation takes, the memory of each node, the files and the disk that they take"""
import collections
import time

from raw_produce import batch, produce, pump
from sightings import total
from suite import Suite

TOPIC_PARTITIONS = 100
MOST_DISK = 64 << 10     # of a partition with one record
MOST_OPEN_FILES = 400    # of a node, its connections among them; of each of 128 segments two descriptors are open


class Run(Suite):
    @staticmethod
    def options(parser):
        parser.add_argument("--partitions", type=int, default=3000, help="how many (default 3000)")

    def run(self):
        wanted = self.arguments.partitions
        with self.cluster(tables={"storage": lambda node: self.store(node).few_files}) as cluster:
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
            self.write_to_each(cluster, wanted)
            self.wait_until(lambda: total(cluster.nodes, "chronik_storage_unmoved_bytes") < wanted, "the records have their place", pause=0.1)
            for node in cluster.nodes:
                disk = node.store_bytes(but=self.store(node.id).shared_files) / wanted
                self.expect(disk <= MOST_DISK, f"bytes of disk of each partition with one record, on node {node.id}: {disk:.0f}")
                self.expect(node.open_files() <= MOST_OPEN_FILES, f"files that node {node.id} has open: {node.open_files()}")

    def write_to_each(self, cluster, wanted):
        """One record."""
        left = {(f"many{index - index % TOPIC_PARTITIONS}", index % TOPIC_PARTITIONS) for index in range(wanted)}

        def written():
            leaders = cluster.leaders()
            requests = collections.defaultdict(dict)
            for topic, index in left:
                requests[leaders[f"{topic}/{index}"], topic][index] = batch(b"x")
            for (node, topic), batches in requests.items():
                errors = pump(cluster.node(node).kafka_port, [produce(topic, batches)], 1)
                if set(errors) == {0}:
                    left.difference_update((topic, index) for index in batches)
            return not left
        self.wait_until(written, "each partition takes a record", 120, pause=0.5)
