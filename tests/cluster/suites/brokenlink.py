"""the link between two of three nodes is broken, one way or both: who is up, who leads and who is in sync is told truly by each"""
from sightings import Connection, total
from suite import Suite

PARTITIONS = 6
NODES = {1, 2, 3}


class Run(Suite):
    in_ci = True

    def run(self):
        with self.cluster(relay=True) as cluster:
            cluster.start()
            self.create(cluster.bootstrap, "load", PARTITIONS, "replicas=3", "min.insync.replicas=2")
            with self.load(cluster.bootstrap, "load", PARTITIONS, cluster.folder, consumers=1, rate=500) as load:
                self.wait_for_groups_topic(cluster)
                for of_meta in (False, True):
                    for ways in (2, 1):
                        self.cut_one(cluster, load, of_meta, ways)
                load.finish()
            load.check("four links were broken")

    def cut_one(self, cluster, load, of_meta, ways):
        """Nothing arrives between two followers of `__meta`, or its leader and one of them; nothing is closed."""
        self.wait_until(lambda: self.elect_preferred(cluster) or all(self.is_whole(node) for node in cluster.nodes),
                        "each partition is led by its first replica, and all are in sync", pause=0.2)
        leader = cluster.leaders()["__meta"]
        first, second = [leader, min(NODES - {leader})] if of_meta else sorted(NODES - {leader})
        what = f"{'both ways' if ways == 2 else 'one way'} between nodes {first} and {second}, node {leader} leads __meta"
        before = told(cluster.node(leader)).leaders
        elections = total(cluster.nodes, "chronik_raft_elections_total")
        for a, b in [(first, second), (second, first)][:ways]:
            cluster.relay.hold(a, b)
        self.wait_until(lambda: all(cluster.node(id).metric("chronik_link_up") == 1 for id in (first, second)), "the link is lost")
        answers = []  # of each node, again and again until all is as it should be and the load goes on
        self.wait_until(lambda: self.ask(cluster, answers) and all(
            self.knows_in_sync(answer, first, second) for answer in answers[-1]), "each node tells who is in sync", pause=0.1)
        load.wait_for_all_partitions()
        self.ask(cluster, answers)
        self.expect(all(self.knows_in_sync(answer, first, second) for answer in answers[-1]), f"{what}: in sync is who is")
        gone = sum(answer.brokers != NODES or set(answer.offline) != {()} for answers_of in answers for answer in answers_of)
        self.expect(gone == 0, f"{what}: answers of {3 * len(answers)} in which a node is gone: {gone}")
        other = sum(answer.leaders != before for answers_of in answers for answer in answers_of)
        self.expect(other == 0, f"{what}: answers of {3 * len(answers)} that name other leaders: {other}")
        cluster.relay.heal()
        self.wait_for_links(cluster)
        self.wait_until(lambda: all(self.is_whole(node) for node in cluster.nodes), "all replicas are in sync again", pause=0.1)
        load.wait_for_all_partitions()
        held = total(cluster.nodes, "chronik_raft_elections_total") - elections
        self.expect(held == 0, f"{what}: elections because of it: {held}")

    @staticmethod
    def ask(cluster, answers):
        answers.append([told(node) for node in cluster.nodes])
        return answers

    @staticmethod
    def is_whole(node):
        answer = told(node)
        return (answer.brokers == NODES and all(set(nodes) == NODES for nodes in answer.in_sync)
                and answer.leaders == tuple(nodes[0] for nodes in answer.replicas))

    @staticmethod
    def knows_in_sync(answer, first, second):
        """A replica that its leader does not reach is not in sync; the others are."""
        lacks = {first: second, second: first}
        return all(set(nodes) == NODES - {lacks.get(leader)} for leader, nodes in zip(answer.leaders, answer.in_sync))


def told(node):
    """What Metadata of a node says of the topic."""
    connection = Connection(node)
    try:
        return connection.describe("load")
    finally:
        connection.close()
