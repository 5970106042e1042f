"""consumers stalled in a response while produce goes on at retention: the store stays within 1.5 times the live data"""
import socket
import struct
import subprocess

from suite import Suite


class Run(Suite):
    in_ci = True

    def run(self):
        readers, seconds = (200, 30) if self.bounded else (200, 600)
        partitions, keep = 4, 256 << 20
        with self.node() as node:
            node.start()
            self.create(node.bootstrap, "churn", partitions, f"retention.bytes={keep}")
            # Fill it once, so that it stands at retention.
            self.perf(node, partitions, 1, 8)
            filled = node.store_bytes()
            sockets = [self.stall(node, i % partitions) for i in range(readers)]
            result = self.perf(node, partitions, 1, seconds)
            live = partitions * keep
            used = node.store_bytes()
            self.say(f"{readers} stalled readers, {seconds} s of produce at {result}; live {live / 1e6:.0f} MB, "
                     f"store {filled / 1e6:.0f} MB before, {used / 1e6:.0f} MB after")
            waiting = node.metric("chronik_storage_waiting_bytes")
            self.say(f"pages that wait for readers: {waiting / 1e6:.1f} MB; "
                     f"leases over their age: {node.metric('chronik_storage_overdue_leases'):.0f}")
            self.expect(used <= 1.5 * live, f"the store is {used / live:.2f} times the live data, the limit is 1.5")
            self.expect(node.process.poll() is None, "the node goes on")
            for s in sockets:
                s.close()

    def perf(self, node, partitions, warmup, seconds):
        done = subprocess.run([str(self.tests / "perf_client"), "produce", node.bootstrap, "churn", str(partitions), str(warmup),
                               str(seconds)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return done.stdout.strip()

    @staticmethod
    def stall(node, partition):
        """A connection that asks for much, reads a little of the answer, and then nothing."""
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", node.kafka_port))
        s.settimeout(30)
        topic = b"churn"
        # ListOffsets 1 for the earliest offset, then Fetch 4 from there.
        body = struct.pack(">ii", -1, 1) + struct.pack(">h", len(topic)) + topic + struct.pack(">iiq", 1, partition, -2)
        header = struct.pack(">hhih", 2, 1, 1, -1)
        s.sendall(struct.pack(">i", len(header + body)) + header + body)
        answer = s.recv(4096)
        offset = struct.unpack(">q", answer[-8:])[0]
        body = struct.pack(">iiiib", -1, 500, 1, 50 << 20, 0) + struct.pack(">i", 1) + struct.pack(">h", len(topic)) + topic
        body += struct.pack(">iiqi", 1, partition, offset, 16 << 20)
        header = struct.pack(">hhih", 1, 4, 2, -1)
        s.sendall(struct.pack(">i", len(header + body)) + header + body)
        s.recv(1024)
        return s
