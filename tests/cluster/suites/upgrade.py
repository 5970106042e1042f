"""the build of before feature levels and this one, node by node under load, forth and back, then finalized"""
import json

import old_build
from admin import update_features
from suite import Suite

BEFORE = "c6827499919498d4491122d8b673b913724827b3"  # the last build without feature levels
NEWEST = 3  # chronik.version of this build
PARTITIONS = 6
INVALID_UPDATE_VERSION = 95


class Run(Suite):
    in_ci = True
    only_storage = "storage-lmdb"  # the older build has no other

    @staticmethod
    def options(parser):
        parser.add_argument("--old", metavar="PATH", help="chronik-server of c682749; built from the history where it is not given")
        parser.add_argument("--passes", type=int, help="times forth and back before it is finalized (default 3, bounded 1)")

    def run(self):
        old = self.arguments.old
        if not old:
            if not old_build.is_known(BEFORE):
                return self.say(f"skipped: the history of this clone does not have {BEFORE[:7]}; --old PATH names its chronik-server")
            old = old_build.build(BEFORE, self.tests.parent / "before-levels")
        self.upgraded(str(old))
        self.formed(str(old))

    # ---- a cluster of before ----
    def upgraded(self, old):
        passes = self.arguments.passes or (1 if self.bounded else 3)
        with self.cluster() as cluster:
            self.become(cluster.nodes, old)
            cluster.start()
            self.create(cluster.bootstrap, "load", PARTITIONS, "replicas=3", "min.insync.replicas=2")
            with self.load(cluster.bootstrap, "load", PARTITIONS, cluster.folder, consumers=1, rate=600) as load:
                load.wait_for_all_partitions()
                for number in range(passes):
                    self.replace(cluster, load, self.server, "forth", change=number == 0)
                    self.replace(cluster, load, old, "back", change=True)
                self.replace(cluster, load, self.server, "forth", mixed=True)
                self.finalize(cluster)
                self.create(cluster.bootstrap, "after", 3, "replicas=3")
                load.wait_for_all_partitions()
                self.refuse_old(cluster, load, old)
                load.finish()
            load.check(f"{3 * (2 * passes + 1) + 2} nodes replaced")
            self.agree(cluster)

    @staticmethod
    def become(nodes, server):
        for node in nodes:
            node.server = server

    def replace(self, cluster, load, server, way, change=False, mixed=False):
        """Each node in turn ends and comes back as the other build. change: topics are made meanwhile, whoever leads."""
        for node in cluster.nodes:
            self.unharmed(node)
            self.expect(node.stop() == 0, f"node {node.id} ends, to come {way}")
            self.become([node], server)
            node.start()
            self.wait_for_links(cluster)
            load.wait_for_all_partitions()
            if change:
                self.create(cluster.bootstrap, f"made-{way}-{node.id}-{self.checks}", 1, "replicas=3")
            if mixed and node.id < 3:
                self.refuse_mixed(node)
            self.agree(cluster)

    def refuse_mixed(self, node):
        """While a node does not know the level, or the leader of __meta none, it is refused, and nobody is hurt."""
        code, message = update_features(node.kafka_port, chronik_version=NEWEST)
        self.expect(code == INVALID_UPDATE_VERSION and "without feature levels" in message, f"refused while nodes are older: {message}")

    def finalize(self, cluster):
        code, message = update_features(cluster.node(1).kafka_port, metadata_version=30)
        self.expect(code == INVALID_UPDATE_VERSION, f"nothing is finalized before chronik.version: {message}")
        self.expect(self.levels(cluster) == [1, 1, 1], "each node writes as those of before")
        code, message = update_features(cluster.node(2).kafka_port, chronik_version=NEWEST, metadata_version=30)
        self.expect(code == 0, f"finalized {message}")
        self.wait_until(lambda: self.levels(cluster) == [NEWEST] * 3, "each node sees it")

    def levels(self, cluster):
        return [json.loads(node.http("/v1/cluster"))["level"] for node in cluster.nodes]

    def refuse_old(self, cluster, load, old):
        """The older build stops at the log after kill -9, and at the snapshot of a clean stop, and says why; today's goes on."""
        node = cluster.node(3)
        for end in (node.kill, node.stop):
            self.unharmed(node)
            end()
            said = len(node.log())
            self.become([node], old)
            node.launch()
            code = node.process.wait(60)
            self.expect(code != 0 and "upgrade it" in node.log()[said:], f"the older build ends with {code}: {self.reason(node)}")
            self.become([node], self.server)
            node.start()
            self.wait_for_links(cluster)
            load.wait_for_all_partitions()

    @staticmethod
    def reason(node):
        return next((line for line in reversed(node.log().splitlines()) if "upgrade it" in line), node.log_tail(3))

    def unharmed(self, node):
        self.expect(node.metric("chronik_meta_digest_mismatch_total") == 0, f"node {node.id} saw one catalog everywhere")

    def agree(self, cluster):
        def catalogs():
            return [json.loads(node.http("/v1/cluster")) for node in cluster.nodes]
        self.wait_until(lambda: len({(c["catalog_version"], c["catalog_digest"]) for c in catalogs()}) == 1, "the nodes have one catalog")

    # ---- a cluster from empty folders ----
    def formed(self, old):
        with self.cluster() as cluster:
            cluster.start()
            self.expect(self.levels(cluster) == [NEWEST] * 3, "a new cluster starts at its newest level")
            node = cluster.node(2)
            self.expect(node.stop() == 0, "node 2 ends")
            self.become([node], old)
            node.launch()
            code = node.process.wait(60)
            self.expect(code != 0 and "upgrade it" in node.log(), f"an older build does not join it: {self.reason(node)}")
