"""under load a fourth node joins and takes partitions, then node 2 leaves, alive or dead: nothing is lost"""
from admin import reassign, unregister_broker
from joining import Joining
from suite import Suite

TOPIC, PARTITIONS = "moved", 4


class Run(Joining, Suite):
    in_ci = True

    def run(self):
        for dead in (False, True):
            self.say(f"node 2 leaves {'dead' if dead else 'alive'}")
            self.grow_and_shrink(dead)

    def grow_and_shrink(self, dead):
        with self.cluster() as cluster:
            cluster.start()
            self.create(cluster.bootstrap, TOPIC, PARTITIONS, "replicas=3")
            with self.load(cluster.bootstrap, TOPIC, PARTITIONS, cluster.folder, consumers=1, rate=500) as load:
                load.wait_for_acks(300)
                with self.fourth(cluster) as node:
                    self.add(cluster, node)
                    self.move(cluster)
                    load.wait_for_acks(300)
                    self.remove(cluster, dead)
                    load.wait_for_acks(300)
                    load.target[0] = ",".join(n.bootstrap for n in (cluster.node(1), cluster.node(3), node))
                    load.finish()
                    load.check("joined, moved, left")
                    self.look_at_what_left(cluster)

    # ---- the steps ----
    def move(self, cluster):
        """Partitions to node 4, as kafka-reassign-partitions asks for them."""
        targets = {partition: [4, *(1 + (partition + i) % 3 for i in range(2))] for partition in range(PARTITIONS)}
        self.wait_until(lambda: reassign(self.controller(cluster), TOPIC, targets) == 0, "the reassignment is accepted")
        self.wait_until(lambda: self.status(cluster)["reassignments"] == 0, "the partitions have moved")
        moved = next(node for node in self.status(cluster)["node_list"] if node["id"] == 4)
        self.expect(moved["replicas"] == PARTITIONS, f"partitions that moved to node 4: {moved['replicas']}")

    def remove(self, cluster, dead):
        if dead:
            cluster.node(2).kill()
            return self.unregister(cluster)
        code, out = self.command(cluster, "node", "remove", "--id", "2", "--watch")
        self.expect(code == 0 and out.endswith("node 2: removed\n"), f"node 2 left: {' / '.join(out.splitlines()[1:])}")
        self.expect(self.ids(cluster) == [1, 3, 4], f"the nodes that are left: {self.ids(cluster)}")

    def unregister(self, cluster):
        """As kafka-cluster asks for it."""
        port = cluster.node(1).kafka_port
        self.expect(unregister_broker(port, 2) == 0, "node 2 is unregistered")
        self.wait_until(lambda: self.ids(cluster) == [1, 3, 4], "its replicas moved away, and it is removed", 120)
        self.expect(unregister_broker(port, 2) == 102, "it is registered no more")

    def look_at_what_left(self, cluster):
        """It says that it was removed, also after a restart, and disturbs nobody."""
        gone = cluster.node(2)
        if gone.process.poll() is None:
            self.wait_until(lambda: "node 2 was removed from this cluster" in gone.readyz(), "the node says that it was removed")
            self.expect(gone.stop() == 0, "the removed node stops cleanly")
        before = self.term(cluster)
        gone.launch()
        self.wait_until(lambda: "node 2 was removed from this cluster" in gone.readyz(), "it says so after a restart too")
        self.expect("Refused a link: node 2 was removed" in cluster.node(1).log() + cluster.node(3).log(), "the others say so")
        self.expect(self.term(cluster) == before, f"no election because of it: term {before}")
        gone.stop()

    # ---- how to look ----
    def controller(self, cluster):
        leader = self.status(cluster)["controller"]
        return cluster.node(leader if leader in (1, 2, 3) else 1).kafka_port

    def ids(self, cluster):
        return [node["id"] for node in self.status(cluster)["node_list"]]

    def term(self, cluster):
        return self.status(cluster)["term"]
