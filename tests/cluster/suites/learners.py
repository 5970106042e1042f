"""nine nodes under load: seven vote in `__meta`, two learn; nodes die, one leaves, and a learner takes its vote"""
import json

from admin import ask, compact, int32, text
from joining import Joining
from sightings import Reader
from suite import Suite

TOPIC, PARTITIONS = "spread", 9
NODES = range(1, 10)


class Run(Joining, Suite):
    in_ci = True

    def run(self):
        with self.cluster(size=len(NODES)) as cluster:
            cluster.start()
            self.wait_until(lambda: self.parts(cluster) == [list(NODES[:7]), list(NODES[7:])], "seven vote and two learn", pause=0.2)
            shown = [quorum(node.kafka_port) for node in cluster.nodes]
            self.expect(shown == 9 * [(list(NODES[:7]), list(NODES[7:]))], f"DescribeQuorum of each node: {shown[0]}")
            self.create(cluster.bootstrap, TOPIC, PARTITIONS, "replicas=3")
            with self.load(cluster.bootstrap, TOPIC, PARTITIONS, cluster.folder, consumers=1, rate=300) as load:
                load.wait_for_all_partitions()
                for trouble in (self.learner_dies, self.leader_dies, self.voter_leaves):
                    self.say(trouble.__doc__)
                    trouble(cluster)
                    load.wait_for_all_partitions()
                load.target[0] = ",".join(node.bootstrap for node in cluster.nodes if node.id != 7)
                load.finish()
                load.check("two died, one left")
            left = [node for node in cluster.nodes if node.id != 7]
            self.wait_until(lambda: len({self.catalog(node) for node in left}) == 1, "one catalog on all that are left", pause=0.2)

    # ---- the steps ----
    def learner_dies(self, cluster):
        """a learner is killed, a topic is made without it, and it comes back"""
        node = cluster.node(9)
        node.kill()
        self.create(cluster.node(8).bootstrap, "without-nine", 3, "replicas=3")
        node.start()
        self.create(node.bootstrap, "by-nine", 3, "replicas=3")
        self.expect(self.parts(cluster) == [list(NODES[:7]), list(NODES[7:])], "the same nodes vote")

    def leader_dies(self, cluster):
        """the leader of `__meta` is killed, and a learner is asked for a topic"""
        node = cluster.node(cluster.leaders()["__meta"])
        node.kill()
        self.create(cluster.node(8).bootstrap, "by-eight", 3, "replicas=3")
        node.start()
        self.wait_until(lambda: self.parts(cluster) == [list(NODES[:7]), list(NODES[7:])], "the same nodes vote, and learn", pause=0.2)

    def voter_leaves(self, cluster):
        """a voter leaves, and a learner votes"""
        code, out = self.command(cluster, "node", "remove", "--id", "7", "--watch")
        self.expect(code == 0 and out.endswith("node 7: removed\n"), f"node 7 left: {out.strip().splitlines()[-1]}")
        self.wait_until(lambda: self.parts(cluster) == [[1, 2, 3, 4, 5, 6, 8], [9]], "node 8 votes", pause=0.2)
        self.expect(quorum(cluster.node(9).kafka_port) == ([1, 2, 3, 4, 5, 6, 8], [9]), "DescribeQuorum says so")

    # ---- how to look ----
    def parts(self, cluster):
        """Who votes and who learns, as node 1 says."""
        nodes = self.status(cluster)["node_list"]
        return [sorted(node["id"] for node in nodes if node[part]) for part in ("voter", "learner")]

    @staticmethod
    def catalog(node):
        shown = json.loads(node.http("/v1/cluster"))
        return shown["catalog_version"], shown["catalog_digest"]


def quorum(port):
    """DescribeQuorum 0: the voters and the observers of the metadata."""
    answer = ask(port, 55, 0, compact([text("__cluster_metadata") + compact([int32(0) + b"\0"]) + b"\0"]) + b"\0")
    reader = Reader(answer)
    reader.at = 2 + 1 + 1 + len("__cluster_metadata") + 1  # error, topics, name, partitions
    reader.take("i"), reader.take("h"), reader.take("i"), reader.take("i"), reader.take("q")

    def replicas():
        found = []
        for _ in range(reader.take("B") - 1):
            found.append(reader.take("i"))
            reader.take("q"), reader.take("B")
        return sorted(found)
    return replicas(), replicas()
