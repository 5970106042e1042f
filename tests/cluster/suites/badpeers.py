"""impostors, garbage, a corrupt page: each is refused or contained with a clear message, and the rest goes on"""
import json
import shutil
import socket
import struct
import subprocess
import threading

from admin import elect_preferred
from node import free_port
from suite import Suite

TOPIC, PARTITIONS = "held", 3


class Run(Suite):
    in_ci = True

    def run(self):
        with self.cluster() as cluster:
            cluster.start()
            self.create(cluster.bootstrap, TOPIC, PARTITIONS, "replicas=3")
            with self.load(cluster.bootstrap, TOPIC, PARTITIONS, cluster.folder, rate=500) as load:
                for trouble in (self.twin, self.stranger, self.garbage, self.corrupt, self.emptied):
                    load.wait_for_acks(100)
                    self.say(trouble.__doc__)
                    trouble(cluster)
                load.wait_for_acks(100)
                load.finish()
                load.check("after all of it")

    # ---- impostors ----
    def impostor(self, cluster, name, node_id, **peers):
        """A node whose file has the cluster's peers, but an address of its own."""
        own = {**cluster.raft_addresses, node_id: f"127.0.0.1:{free_port()}", **peers}
        return self.node_in(cluster.folder / name, node_id=node_id, peers=own)

    def twin(self, cluster):
        """a second node 2, with a folder of its own"""
        with self.impostor(cluster, "twin", 2) as twin:
            twin.launch()
            self.wait_until(lambda: "node 2 is known with data that this one does not have" in twin.readyz(), "the twin says why")
            self.expect("known with data" in cluster.node(1).log() + cluster.node(3).log(), "the others say that they refuse it")
            self.unhurt(cluster)

    def stranger(self, cluster):
        """a node of another cluster"""
        folder = cluster.folder / "stranger"
        with self.node_in(folder, node_id=4) as alone:
            alone.start()
            self.expect(alone.stop() == 0, "a cluster of its own was made")
        with self.impostor(cluster, "stranger", 4) as stranger:
            stranger.launch()
            self.wait_until(lambda: "node 4 belongs to cluster" in stranger.readyz(), "the stranger says why")
            self.wait_until(lambda: all("node 4 belongs to cluster" in node.log() for node in cluster.nodes), "all refuse it")
            self.unhurt(cluster)

    def emptied(self, cluster):
        """node 3 comes back with an empty disk"""
        node = cluster.node(3)
        node.kill()
        shutil.rmtree(node.folder / "data")
        node.launch()
        self.wait_until(lambda: "node 3 is known with data that this one does not have" in node.readyz(), "it says why")
        self.unhurt(cluster, without=3)

    # ---- disks ----
    def corrupt(self, cluster):
        """a damaged page of the log of node 3, which then leads"""
        node = cluster.node(3)
        self.create(cluster.bootstrap, "marked", 3, "replicas=3")
        partition = next(p["partition"] for p in self.partitions(cluster) if p["replicas"][0]["id"] == 3)
        lines = b"\n".join(b"MARKER-%02d-" % i + b"x" * 9_000 for i in range(20))
        target = ["kcat", "-b", cluster.node(1).bootstrap, "-t", "marked", "-p", str(partition)]
        subprocess.run([*target, "-P", "-X", "acks=all"], input=lines, check=True, timeout=60)
        self.expect(node.stop() == 0, "node 3 stops")
        for path in (node.folder / "data" / self.store(3).name).iterdir():
            flip(path, b"MARKER-05-", 4_000)
        node.start()
        self.wait_until(lambda: self.led_by_3(cluster, partition), "node 3 leads", pause=0.2)
        read = subprocess.run([*target, "-C", "-e", "-o", "beginning"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
        self.expect(read.stdout.strip() == lines, "all is read, from a replica that is whole")
        self.expect("is damaged on this node, which hands leadership over" in node.log(), "node 3 says so")
        self.wait_until(lambda: "goes on with what the leader sends" in node.log(), "node 3 leaves out what is damaged")
        said = node.log().count("is damaged on this node")
        self.wait_until(lambda: self.led_by_3(cluster, partition), "node 3 has what it lacked, and leads again", pause=0.2)
        read = subprocess.run([*target, "-C", "-e", "-o", "beginning"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
        self.expect(read.stdout.strip() == lines, "all is read, from node 3")
        self.expect(node.log().count("is damaged on this node") == said, "nothing of it is damaged there any more")
        self.unhurt(cluster)

    @staticmethod
    def partitions(cluster):
        shown = subprocess.run(["kcat", "-L", "-J", "-b", cluster.node(1).bootstrap, "-t", "marked"], stdout=subprocess.PIPE,
                               check=True, timeout=60)
        return json.loads(shown.stdout)["topics"][0]["partitions"]

    def led_by_3(self, cluster, partition):
        for node in cluster.nodes:
            elect_preferred(node.kafka_port, "marked", partition)
        return next(p["leader"] for p in self.partitions(cluster) if p["partition"] == partition) == 3

    # ---- what is no node at all ----
    def garbage(self, cluster):
        """garbage and a future version on the raft port"""
        host, port = cluster.raft_addresses[1].split(":")
        errors = cluster.node(1).metric("chronik_wire_decode_errors_total")
        future = b"chronikL" + struct.pack("<BBHHH", 1, 0, 7, 9, 8) + b"future!!"
        endless = b"chronikL" + struct.pack("<BBHHH", 1, 0, 1, 1, 0xffff)
        for what, sent, answer in (("garbage", b"\x16\x03\x01" * 400, b"another protocol"), ("a future version", future, b"it speaks versions 7 to 9"),
                                   ("a huge greeting", endless, b"announces 65535 bytes")):
            with socket.create_connection((host, int(port)), timeout=30) as s:
                s.sendall(sent)
                said = b"".join(iter(lambda: receive(s), b""))
            self.expect(answer in said, f"{what} is answered: {said[18:].decode(errors='replace')}")
        self.expect(cluster.node(1).metric("chronik_wire_decode_errors_total") == errors + 3, "each is counted")
        self.flood(cluster, host, int(port))
        self.unhurt(cluster)

    def flood(self, cluster, host, port):
        """300 connections that say nothing: the links of the others do not suffer."""
        silent = [socket.create_connection((host, port), timeout=30) for _ in range(300)]
        self.expect(cluster.node(1).metric("chronik_link_up") == 2, "300 silent connections leave the links alone")
        for s in silent:
            s.close()

    # ---- the rest goes on ----
    def unhurt(self, cluster, without=None):
        for node in cluster.nodes:
            if node.id != without:
                self.expect(node.process.poll() is None and node.ready(), f"node {node.id} goes on")


def receive(s):
    try:
        return s.recv(4096)
    except ConnectionResetError:
        return b""


def flip(path, marker, behind):
    """Damages one byte of each place that has the marker."""
    data = bytearray(path.read_bytes())
    at = -1
    while (at := data.find(marker, at + 1)) >= 0:
        data[at + behind] ^= 0x55
    path.write_bytes(data)
