"""the log of __meta is trimmed while a node is away and topics are deleted; it and a new, empty node get snapshots"""
import json
import subprocess

from admin import delete_topic
from joining import Joining
from suite import Suite

INSTALLED = "installed a snapshot of __meta"


class Run(Joining, Suite):
    in_ci = True
    TABLES = {"metadata": "snapshot_entries = 10\n", "raft": 'trim_hold = "0s"\n'}

    def run(self):
        with self.cluster(tables=self.TABLES) as cluster:
            cluster.start()
            for topic in ("kept", "gone"):
                self.create(cluster.bootstrap, topic, 3, "replicas=3")
            self.fill(cluster, "gone")
            away = cluster.node(3)
            away.kill()
            self.delete(cluster, "gone")
            self.change_a_lot(cluster)
            away.start()
            self.follows_again(cluster, away)
            self.has_no_data_of_it(cluster, away)
            with self.fourth(cluster, tables=self.TABLES) as node:
                self.add(cluster, node)
                self.expect(INSTALLED in node.log(), "the new node got a snapshot of __meta")
                cluster.nodes.append(node)
                self.agree(cluster)
                self.create(node.bootstrap, "last", 4, "replicas=3")
                self.agree(cluster)
                cluster.nodes.remove(node)

    # ---- the steps ----
    def fill(self, cluster, topic):
        lines = b"".join(b"%d:" % i + b"x" * 100_000 + b"\n" for i in range(20))
        subprocess.run(["kcat", "-P", "-b", cluster.bootstrap, "-t", topic, "-K:", "-X", "acks=all"], input=lines, check=True,
                       timeout=120)

    def delete(self, cluster, topic):
        def deleted():
            controller = json.loads(cluster.node(1).http("/v1/cluster"))["controller"]
            return controller in (1, 2) and delete_topic(cluster.node(controller).kafka_port, topic) == 0
        self.wait_until(deleted, f"topic {topic} is deleted", pause=0.2)

    def change_a_lot(self, cluster):
        """Enough to trim the log of __meta more than once."""
        bootstrap = ",".join(cluster.node(n).bootstrap for n in (1, 2))
        for i in range(25):
            self.create(bootstrap, f"more-{i}", 1, "replicas=2")

    def follows_again(self, cluster, away):
        self.wait_until(lambda: INSTALLED in away.log(), "the node that was away gets a snapshot of __meta")
        catalog = self.agree(cluster)
        self.expect(catalog["topics"] == 26, f"topics on all nodes: {catalog['topics']}")
        topics = subprocess.run(["kcat", "-L", "-J", "-b", away.bootstrap], check=True, stdout=subprocess.PIPE, timeout=60).stdout
        names = {topic["topic"] for topic in json.loads(topics)["topics"]}
        self.expect("gone" not in names and "more-24" in names, "it shows the topics that there are")

    def has_no_data_of_it(self, cluster, away):
        """Not even where it never knew, since it started, that there had been such a topic."""
        replicas = next(node for node in self.status(cluster)["node_list"] if node["id"] == away.id)["replicas"]
        self.wait_until(lambda: away.metric("chronik_storage_groups") == 1 + replicas, "the logs of the deleted topic are gone")
        self.expect(True, f"logs that the node holds: __meta, and those of {replicas} partitions")

    def agree(self, cluster):
        """What all nodes say of the catalog, once they say the same."""
        def catalogs():
            found = [json.loads(node.http("/v1/cluster")) for node in cluster.nodes]
            return [{key: catalog[key] for key in ("catalog_version", "catalog_digest", "topics", "nodes")} for catalog in found]
        self.wait_until(lambda: len({json.dumps(catalog) for catalog in catalogs()}) == 1, "all nodes have the same catalog", pause=0.1)
        self.expect(True, f"{len(cluster.nodes)} nodes have the catalog {catalogs()[0]}")
        return catalogs()[0]
