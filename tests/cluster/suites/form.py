"""three nodes from empty folders: a topic of replication factor 3, and all that was acknowledged after kill -9 of any one"""
import time

from suite import Suite


class Run(Suite):
    in_ci = True

    def run(self):
        partitions, records = 3, 3000
        with self.cluster() as cluster:
            begin = time.monotonic()
            cluster.start()
            self.create(cluster.bootstrap, "formed", partitions, "replicas=3")
            sent = self.produce_some(cluster, "formed", partitions, records)
            self.say(f"{time.monotonic() - begin:.2f} s from the start of three nodes to {len(sent)} acknowledged records")
            self.expect(len(sent) >= records, f"records acknowledged by three nodes: {len(sent)}")
            for victim in cluster.nodes:
                victim.kill()
                missing = sent - set(self.dump(cluster.bootstrap, "formed", partitions))
                self.expect(not missing, f"acknowledged records that are lost without node {victim.id}: {len(missing)}")
                victim.start()
                self.wait_for_links(cluster)
            self.expect(all(node.metric("chronik_wire_decode_errors_total") == 0 for node in cluster.nodes),
                        "no node sent what another could not read")
            codes = cluster.stop()
            self.expect(codes == [0, 0, 0], f"all stop cleanly: {codes}")

    def produce_some(self, cluster, topic, partitions, count):
        """At least so many records with acks=all; the lines "partition sequence offset" of those acknowledged."""
        path = cluster.folder / "acknowledged"
        with self.producer(cluster.bootstrap, topic, partitions, path) as producer:
            self.wait_for_growth(path, count * 12)
            self.expect(self.finish(producer) == 0, "the producer ended without an error")
        return {line for line in path.read_text().splitlines() if not line.startswith("error")}
