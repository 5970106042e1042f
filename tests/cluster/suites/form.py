"""three nodes from empty folders: a topic of replication factor 3, and all that was acknowledged after kill -9 of any one"""
import time

from suite import Suite


class Run(Suite):
    in_ci = True

    def run(self):
        with self.cluster() as cluster:
            begin = time.monotonic()
            cluster.start()
            self.create(cluster.bootstrap, "formed", 3, "replicas=3")
            with self.load(cluster.bootstrap, "formed", 3, cluster.folder) as load:
                load.wait_for_acks(1000)
                self.say(f"{time.monotonic() - begin:.2f} s from the start of three nodes to 1,000 acknowledged records")
                load.finish()
            for victim in cluster.nodes:
                victim.kill()
                load.dump()
                load.check(f"without node {victim.id}")
                victim.start()
                self.wait_for_links(cluster)
            self.expect(all(node.metric("chronik_wire_decode_errors_total") == 0 for node in cluster.nodes),
                        "no node sent what another could not read")
            codes = cluster.stop()
            self.expect(codes == [0, 0, 0], f"all stop cleanly: {codes}")
