"""cold starts of three nodes at once, from empty folders and on their data, with an admin client from the first port on"""
import subprocess

from sightings import assignments, critical, leaderships, total
from suite import Suite

PARTITIONS = 27
PARTITIONS_AGAIN = 3  # of the topic that is made when the nodes start on their data
ATTEMPTS = 3
CLIENT_GIVES_UP = 20_000  # ms
LONGEST_WAIT = 2000  # ms


class Run(Suite):
    in_ci = True

    @staticmethod
    def options(parser):
        parser.add_argument("--starts", type=int, help="how many (default 200, bounded 8)")

    def run(self):
        starts = self.arguments.starts or (8 if self.bounded else 200)
        attempts, criticals, updates = [], [], 0
        self.waits, self.refusals = [], []
        for start in range(0, starts, 2):
            with self.cluster() as cluster:
                # A client may know all addresses, or only one.
                bootstrap = cluster.bootstrap if start % 4 == 0 else cluster.nodes[start // 4 % 3].bootstrap
                made = self.start(cluster, bootstrap, "cold", PARTITIONS)
                if made and start + 1 < starts:
                    for node in cluster.nodes:
                        node.kill() if start % 4 == 0 else node.stop()
                    self.start(cluster, bootstrap, "again", PARTITIONS_AGAIN, made)
                found = assignments(cluster.nodes)
                updates += len(found)
                attempts += [each.attempt for each in found]
                criticals += critical(cluster.nodes)
        counts = {n: attempts.count(n) for n in sorted(set(attempts))}
        self.say(f"{starts} cold starts, {updates} assignments; attempts that they took: {counts}")
        self.expect(not criticals, f"CRITICAL lines: {len(criticals)} {criticals[:1]}")
        self.measured("attempts of the slowest assignment", max(attempts), ATTEMPTS, absurd=1000)
        self.expect(not self.refusals, f"admin clients that failed: {len(self.refusals)} of {starts} {self.refusals[:1]}")
        waits = sorted(self.waits)
        self.say(f"from the first port to the topic: p50 {waits[len(waits) // 2]:.0f} ms")
        self.measured("longest wait of an admin client", round(waits[-1]), LONGEST_WAIT, "ms")

    def start(self, cluster, bootstrap, topic, partitions, there=0):
        """All nodes at once, with a client that is there before the first port is; how many partitions there are then, 0: it failed."""
        client = subprocess.Popen([str(self.tests / "admin_client"), bootstrap, topic, str(partitions), "3", str(CLIENT_GIVES_UP)],
                                  stdout=subprocess.PIPE, text=True)
        try:
            for node in cluster.nodes:
                node.launch()
            wait, answer = client.communicate(timeout=120)[0].strip().split(" ", 1)
        finally:
            client.kill()
        self.waits.append(float(wait))
        if answer != "Success":
            self.refusals.append(f"{topic} by {bootstrap}: {answer}")
            return 0
        self.wait_for_all(cluster, there + partitions)
        return there + partitions

    def wait_for_all(self, cluster, partitions):
        """Until every group has a leader, and the catalog shows the newest leader of each."""
        for node in cluster.nodes:
            node.await_ready(60)

        def settled():
            if total(cluster.nodes, "chronik_raft_leaders") != partitions + 1:
                return False
            shown = {(each.group, each.term) for each in assignments(cluster.nodes)}
            newest = {}
            for each in leaderships(cluster.nodes):
                newest[each.group] = max(each.term, newest.get(each.group, 0))
            return all((group, term) in shown for group, term in newest.items() if group != "__meta")

        self.wait_until(settled, "every assignment is in the catalog", 120, pause=0.05)
