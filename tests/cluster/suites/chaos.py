"""minutes of kill -9, SIGSTOP and isolation, one-way and two-way, under acks=all load: no anomaly in what clients saw"""
import random
import signal
import time

from suite import Suite

PARTITIONS = 6


class Run(Suite):
    in_ci = True

    @staticmethod
    def options(parser):
        parser.add_argument("--minutes", type=float, help="of faults (default 10, bounded 0.5)")
        parser.add_argument("--seed", type=int, default=1, help="of the faults and how long they last")

    def run(self):
        seconds = 60 * (self.arguments.minutes or (0.5 if self.bounded else 10))
        self.random = random.Random(self.arguments.seed)
        self.counts = dict.fromkeys(("kill", "pause", "one-way", "two-way", "reset", "slow"), 0)
        with self.cluster(relay=True) as cluster:
            cluster.start()
            self.create(cluster.bootstrap, "chaos", PARTITIONS, "replicas=3", "min.insync.replicas=2")
            with self.load(cluster.bootstrap, "chaos", PARTITIONS, cluster.folder, producers=2, consumers=2, rate=500) as load:
                load.wait_for_all_partitions()
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    self.trouble(cluster, end)
                self.wait_for_links(cluster)
                load.wait_for_all_partitions(120)
                load.finish(180)
            self.say(f"seed {self.arguments.seed}, {seconds:.0f} s: " + ", ".join(f"{n} {kind}" for kind, n in self.counts.items()))
            load.check("after all of it")
            self.expect(all(node.process.poll() is None for node in cluster.nodes), "no node ended by itself")
            for metric in ("chronik_wire_decode_errors_total", "chronik_meta_digest_mismatch_total"):
                self.expect(all(node.metric(metric) == 0 for node in cluster.nodes), f"{metric} is 0 on every node")
            self.expect("CRITICAL: " not in cluster.log() or self.only_unsynced(cluster), "nothing CRITICAL but assignments that waited")

    @staticmethod
    def only_unsynced(cluster):
        """The sync says CRITICAL when it could not replicate an assignment, as while __meta has no majority; it goes on by itself."""
        return all("could not be replicated" in line for line in cluster.log().splitlines() if "CRITICAL: " in line)

    def trouble(self, cluster, end):
        """One or two nodes in trouble for a while, then a while of rest. Two at once leave no majority: then nothing moves."""
        nodes = self.random.sample(cluster.nodes, 2 if self.random.random() < 0.15 else 1)
        undo = [self.begin(self.random.choice(list(self.counts)), cluster, node) for node in nodes]
        time.sleep(min(self.random.uniform(0.2, 7), max(0, end - time.monotonic())))  # how long the fault lasts
        for end_of_fault in undo:
            end_of_fault()
        cluster.relay.heal()
        for node in cluster.nodes:
            node.await_ready(60)
        time.sleep(self.random.uniform(0, 2))  # also none: the next fault then meets a cluster that has not recovered

    def begin(self, kind, cluster, node):
        """Begins a fault; what ends it."""
        self.counts[kind] += 1
        others = [other.id for other in cluster.nodes if other is not node]
        if kind == "kill":
            node.kill()
            return node.launch
        if kind == "pause":
            node.signal(signal.SIGSTOP)
            return lambda: node.signal(signal.SIGCONT)
        if kind == "one-way":
            outgoing = self.random.random() < 0.5
            for other in others:
                cluster.relay.hold(*((node.id, other) if outgoing else (other, node.id)))
        elif kind == "two-way":
            cluster.relay.isolate(node.id, others)
        elif kind == "reset":
            for other in others:
                cluster.relay.reset(node.id, other)
        elif kind == "slow":
            for other in others:
                cluster.relay.delay(node.id, other, self.random.choice((20, 100, 400)))
            return lambda: [cluster.relay.delay(node.id, other, 0) for other in others]
        return lambda: None
