"""20 topics x 5 partitions created at once while the leader of __meta is killed: when every live node names the same, true leaders"""
import time

from sightings import Connection, critical, leaders_by_log, leaderships, total
from suite import Suite

TOPICS, PARTITIONS = 20, 5
GROUPS = TOPICS * PARTITIONS
PROPOSALS = 6  # of assignments, for each leader of __meta


class Run(Suite):
    in_ci = True

    @staticmethod
    def options(parser):
        parser.add_argument("--rounds", type=int, help="how often, each time from empty folders (default 10, bounded 1)")

    def run(self):
        rounds = self.arguments.rounds or (1 if self.bounded else 10)
        agreed = [self.round(number) for number in range(1, rounds + 1)]
        self.measured("every live node names the true leaders, after the last group had one", round(max(agreed), 2), 1.0, "s", absurd=60)

    def round(self, number):
        with self.cluster() as cluster:
            cluster.start()
            self.wait_for_links(cluster)
            self.wait_until(lambda: "__meta" in leaders_by_log(cluster.nodes), "__meta has a leader")
            self.wait_until(lambda: all(node.metric("chronik_metadata_nodes") == 3 for node in cluster.nodes), "the nodes are known")
            victim = cluster.node(leaders_by_log(cluster.nodes)["__meta"])
            live = [node for node in cluster.nodes if node is not victim]
            before = sum(self.proposals(node) for node in live)
            asked = [Connection(live[i % len(live)]) for i in range(TOPICS)]
            for i, connection in enumerate(asked):
                connection.ask_to_create(f"burst{i}", PARTITIONS, 3)
            # In the middle: a topic is there, few of its partitions have leaders.
            self.wait_until(lambda: victim.metric("chronik_metadata_topics") > 0, "the first topic is there", pause=0.001)
            victim.kill()
            killed = time.time()
            codes = [connection.created() for connection in asked]
            self.expect(set(codes) == {0}, f"round {number}: answers to CreateTopics: {sorted(set(codes))}")
            for connection in asked:
                connection.close()
            agreed = self.wait_for_agreement(live)
            usable = max(each.at for each in leaderships(live))
            self.judge(number, live, before)
            self.say(f"round {number}: the last group had a leader {usable - killed:.2f} s after the kill; "
                     f"all named the same, true leaders {agreed - usable:.2f} s later")
            return agreed - usable

    def wait_for_agreement(self, live):
        """When all nodes gave the same leader of each partition, and that is what its newest leader says itself."""
        clients = [Connection(node) for node in live]
        found = {}

        def agreed():
            answers = [client.leaders() for client in clients]
            found["at"] = time.time()
            if len(answers[0]) != GROUPS or any(answer != answers[0] for answer in answers):
                return False
            truth = leaders_by_log(live)  # one that was killed leads nothing any more
            return all(truth.get(group) == leader for group, leader in answers[0].items())

        self.wait_until(agreed, "all nodes name the same, true leaders", 120, pause=0.02)
        for client in clients:
            client.close()
        return found["at"]

    def judge(self, number, live, before):
        """Waits until the catalog shows what is so, then says what that took."""
        self.wait_until(lambda: total(live, "chronik_meta_sync_intents") == 0, "every assignment is in the catalog")
        leaders = total(live, "chronik_raft_leaders")
        self.expect(leaders == GROUPS + 1, f"round {number}: groups that have a leader among the live nodes: {leaders}")
        self.expect(not critical(live), f"round {number}: no assignment was given up for a while")
        proposals = sum(self.proposals(node) for node in live) - before
        self.measured(f"round {number}: assignment proposals of the new leader of __meta", proposals, PROPOSALS, absurd=GROUPS)

    @staticmethod
    def proposals(node):
        return int(node.metric("chronik_metadata_proposals_total", 'what="assignments"'))
