"""the power of the whole cluster fails under load, and what no sync has covered is gone or torn: nothing acknowledged is lost"""
import contextlib
import pathlib
import random
import sys
import time

import stores
from sightings import Connection, leaders_by_log, total
from suite import Suite

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "powerloss"))
import undo  # noqa: E402

PARTITIONS = 6


class Run(Suite):
    in_ci = True
    ci_storages = ("storage-lmdb", "storage-log")

    @staticmethod
    def options(parser):
        parser.add_argument("--losses", type=int, help="of power, of the whole cluster (default 20, bounded 3)")
        parser.add_argument("--seed", type=int, default=1, help="of what a loss leaves, and of when it comes")

    def run(self):
        for io in self.ways():
            self.lose_power(io)
            self.lie(io)

    def ways(self):
        """How the files are written: each way of all stores, unless one is named."""
        return [self.arguments.file_io] if self.arguments.file_io else max((store.file_io for store in self.stores), key=len)

    def lose_power(self, io):
        losses = self.arguments.losses or (2 if self.again else 3 if self.bounded else 20)
        self.random = random.Random(self.arguments.seed)
        self.taken_back = 0
        with self.watched(io) as cluster:
            with self.load(cluster.bootstrap, "power", PARTITIONS, cluster.folder, producers=2, consumers=1, rate=800) as load:
                for _ in range(losses):
                    load.wait_for_all_partitions()
                    time.sleep(self.random.uniform(0, 0.3))  # no synchronisation: the loss comes at any moment
                    self.power_loss(cluster, load)
                load.wait_for_all_partitions()
                load.finish()
            load.check(f"{stores.names(self.stores)}, file_io {io}, seed {self.arguments.seed}, {losses} power losses, "
                       f"{self.taken_back} sectors taken back")
            self.expect(self.taken_back > 0, "there were unsynced writes to lose")

    @contextlib.contextmanager
    def watched(self, io):
        """A cluster whose servers keep what a power loss would take back."""
        with self.cluster() as cluster:
            for node in cluster.nodes:
                node.environment.update(LD_PRELOAD=str(self.tests / "undo_shim.so"), CHRONIK_UNDO_OF=str(node.folder / "data"),
                                        CHRONIK_UNDO_JOURNAL=str(node.folder / "undo"), CHRONIK_UNDO_LIES=str(cluster.folder / "lies"),
                                        CHRONIK_FILE_IO=io)
            cluster.start()
            self.create(cluster.bootstrap, "power", PARTITIONS, "replicas=3", "min.insync.replicas=2")
            yield cluster

    def power_loss(self, cluster, load, torn=True):
        for node in cluster.nodes:
            node.process.kill()
        # librdkafka 2.0 may stay for good with a node that one answer names as the leader and the next one does not (its issue 4976).
        # A node that has just started names whom it knew: clients go on once all of them name the same.
        with load.held():
            for node in cluster.nodes:
                node.kill()
                self.taken_back += undo.power_loss(node.folder / "undo", node.folder / "data", torn and self.random.random() < 0.5, self.random)
            (cluster.folder / "lies").unlink(missing_ok=True)
            cluster.start()
            self.wait_until(lambda: self.name_the_same(cluster), "all nodes name the same leaders")

    @staticmethod
    def name_the_same(cluster):
        """What leads now, to their clients."""
        if total(cluster.nodes, "chronik_raft_leaders") != total(cluster.nodes[:1], "chronik_raft_groups"):
            return False
        truth = leaders_by_log(cluster.nodes)
        del truth["__meta"]
        for node in cluster.nodes:
            with contextlib.closing(Connection(node)) as client:
                if client.leaders() != truth:
                    return False
        return True

    def lie(self, io):
        """The same on disks that lie: then records must be missed, or this suite could not find anything."""
        with self.watched(io) as cluster:
            with self.load(cluster.bootstrap, "power", PARTITIONS, cluster.folder, rate=800) as load:
                load.wait_for_all_partitions()
                (cluster.folder / "lies").touch()
                load.wait_for_acks(500)
                load.end()
            self.power_loss(cluster, load, torn=False)
            load.dump()
            counts, _ = load.verdict()
            self.expect(counts["lost"] > 0, f"disks that lie are found: {counts['lost']} acknowledged records lost")
