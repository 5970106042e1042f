"""a leader is cut off from the other nodes, not from clients: how long until producers get acknowledgements again"""
from load import now, worst_gap
from suite import Suite

PARTITIONS = 6


class Run(Suite):
    in_ci = True
    PATIENCE = 20  # seconds; the gap counts as long as it was

    @staticmethod
    def options(parser):
        parser.add_argument("--cuts", type=int, help="how many (default 20, bounded 2)")

    def run(self):
        cuts = self.arguments.cuts or (2 if self.bounded else 20)
        with self.cluster(relay=True) as cluster:
            cluster.start()
            self.create(cluster.bootstrap, "load", PARTITIONS, "replicas=3", "min.insync.replicas=2")
            with self.load(cluster.bootstrap, "load", PARTITIONS, cluster.folder, consumers=1, rate=1200) as load:
                windows = [self.cut_one(cluster, load, of_meta=i % 2 == 1) for i in range(cuts)]
                load.finish()
            load.check(f"{cuts} cuts")
            times = load.acknowledgement_times()
        gaps = [1000 * worst_gap(times, *window) for window in windows]
        self.say(f"blackholes between nodes, gaps in ms: {' '.join(f'{gap:.0f}' for gap in sorted(gaps))}")
        self.measured(f"worst produce gap of {cuts}", round(max(gaps)), 8000, "ms", absurd=60_000)

    def cut_one(self, cluster, load, of_meta):
        """Nothing arrives at a leader any more and nothing from it, and no connection is closed; the window until all was well."""
        victim = self.leader(cluster, of_meta)
        load.wait_for_all_partitions()
        begin = now()
        cluster.relay.isolate(victim.id, [node.id for node in cluster.nodes if node is not victim])
        try:
            load.wait_for_all_partitions(self.PATIENCE)
        except RuntimeError:  # a client that asks only the node that is cut off never hears of another leader
            self.say(f"not every partition took records within {self.PATIENCE} s without node {victim.id}: the links go on")
        recovered = now()
        cluster.relay.heal()
        self.wait_for_links(cluster)
        load.wait_for_all_partitions()
        return begin, recovered
