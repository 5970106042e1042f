"""cold starts of three nodes at once, from empty folders and on their data: no CRITICAL line, each assignment within three attempts"""
from sightings import Connection, assignments, critical, leaderships, total
from suite import Suite

PARTITIONS = 27
ATTEMPTS = 3
EXISTS = 36  # Kafka's TOPIC_ALREADY_EXISTS


class Run(Suite):
    in_ci = True

    @staticmethod
    def options(parser):
        parser.add_argument("--starts", type=int, help="how many (default 50, bounded 2)")

    def run(self):
        starts = self.arguments.starts or (2 if self.bounded else 50)
        attempts, criticals, updates = [], [], 0
        for start in range(0, starts, 2):
            with self.cluster() as cluster:
                self.start_empty(cluster)
                if start + 1 < starts:
                    self.start_again(cluster, crash=start % 4 == 0)
                found = assignments(cluster.nodes)
                updates += len(found)
                attempts += [each.attempt for each in found]
                criticals += critical(cluster.nodes)
        counts = {n: attempts.count(n) for n in sorted(set(attempts))}
        self.say(f"{starts} cold starts, {updates} assignments; attempts that they took: {counts}")
        self.expect(not criticals, f"CRITICAL lines: {len(criticals)} {criticals[:1]}")
        self.measured("attempts of the slowest assignment", max(attempts), ATTEMPTS, absurd=1000)

    def start_empty(self, cluster):
        for node in cluster.nodes:
            node.launch()
        # As soon as a node takes it: not all need to be known yet, or to run.
        self.wait_until(lambda: any(self.creates(node) for node in cluster.nodes), "the topic is there")
        self.wait_for_all(cluster)

    @staticmethod
    def creates(node):
        try:
            connection = Connection(node)
        except OSError:
            return False  # it is not there yet
        try:
            connection.ask_to_create("cold", PARTITIONS, 3, timeout_ms=5000)
            return connection.created() in (0, EXISTS)
        finally:
            connection.close()

    def start_again(self, cluster, crash):
        for node in cluster.nodes:
            node.kill() if crash else node.stop()
        cluster.start()
        self.wait_for_all(cluster)

    def wait_for_all(self, cluster):
        """Until every group has a leader, and the catalog shows the newest leader of each."""
        def settled():
            if total(cluster.nodes, "chronik_raft_leaders") != PARTITIONS + 1:
                return False
            shown = {(each.group, each.term) for each in assignments(cluster.nodes)}
            newest = {}
            for each in leaderships(cluster.nodes):
                newest[each.group] = max(each.term, newest.get(each.group, 0))
            return all((group, term) in shown for group, term in newest.items() if group != "__meta")

        self.wait_until(settled, "every assignment is in the catalog", 120, pause=0.05)
