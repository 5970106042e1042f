"""from empty folders, 27 partitions on three nodes, idle and loaded: how often leaders change, and what is said of terms that are over"""
import subprocess
import time

from sightings import leaderships, total
from suite import Suite

PARTITIONS = 27
KEPT = 64 << 20  # bytes of each partition: five minutes flat out are more than a disk


class Run(Suite):
    in_ci = True

    @staticmethod
    def options(parser):
        parser.add_argument("--minutes", type=float, help="idle, and as long under load (default 5, bounded 0.1)")

    def run(self):
        seconds = 60 * (self.arguments.minutes or (0.1 if self.bounded else 5))
        with self.cluster() as cluster:
            self.began = time.time()
            cluster.start()
            self.create(cluster.bootstrap, "stable", PARTITIONS, "replicas=3", f"retention.bytes={KEPT}")
            self.wait_until(lambda: total(cluster.nodes, "chronik_raft_leaders") == PARTITIONS + 1, "every group has a leader")
            settled = min(seconds, 60)
            time.sleep(settled)
            lower = total(cluster.nodes, "chronik_raft_lower_term_total")
            time.sleep(seconds - settled)
            self.flat_out(cluster, seconds)
            self.judge(cluster, total(cluster.nodes, "chronik_raft_lower_term_total") - lower)

    def flat_out(self, cluster, seconds):
        done = subprocess.run([str(self.tests / "perf_client"), "produce", cluster.bootstrap, "stable", str(PARTITIONS), "0",
                               str(seconds)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.say(f"load: {done.stdout.strip()}")
        self.expect(done.returncode == 0, "every record was acknowledged")

    def judge(self, cluster, lower):
        elections = total(cluster.nodes, "chronik_raft_elections_total")
        for each in leaderships(cluster.nodes):
            if each.term > 1:
                self.say(f"{each.at - self.began:.1f} s after the start node {each.node} became leader of {each.group}, term {each.term}")
        for line in cluster.log().splitlines():
            if "level=warn" in line or "is down" in line:
                self.say(line)
        terms = [each.term for each in leaderships(cluster.nodes)]
        self.say(f"{elections} elections, {total(cluster.nodes, 'chronik_raft_leader_transfers_total')} transfers of "
                 f"{PARTITIONS + 1} groups, terms {min(terms)} to {max(terms)}")
        self.measured("elections", elections, PARTITIONS + 2, absurd=10 * PARTITIONS)
        self.measured("highest term", max(terms), 3, absurd=30)
        self.measured("messages of a lower term after the first minute", lower, 0)
        errors = total(cluster.nodes, "chronik_wire_decode_errors_total")
        self.expect(errors == 0, f"frames that could not be read: {errors}")
