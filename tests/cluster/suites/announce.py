"""1,000 connections that each announce a huge frame and send no more: memory stays within 64 MiB"""
import socket
import struct
import time

from suite import Suite


class Run(Suite):
    in_ci = True

    def run(self):
        with self.node() as node:
            node.start()
            before = node.anonymous_bytes()
            for size, name in ((0x7fffffff, "2 GiB"), (90 << 20, "90 MiB")):
                sockets = []
                for _ in range(1000):
                    s = socket.create_connection(("127.0.0.1", node.kafka_port))
                    s.sendall(struct.pack(">i", size) + b"\0\0\0\7")
                    sockets.append(s)
                time.sleep(0.2)  # not a synchronisation: memory is only looked at
                grown = node.anonymous_bytes() - before
                self.expect(grown <= 64 << 20, f"1,000 connections that announce {name} cost {grown / (1 << 20):.1f} MiB")
                for s in sockets:
                    s.close()
            self.create(node.bootstrap, "after", 1)
            self.expect(node.process.poll() is None, "the node goes on")
