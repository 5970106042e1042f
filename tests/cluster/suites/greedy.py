"""requests of megabytes that name one thing again and again, or ask for more than an answer may be: the others' wait is measured"""
import socket
import struct
import threading
import time
import zlib

from admin import int32, receive, text
from suite import Suite

SHARDS, PARTITIONS = 2, 500
MEGABYTES = 4  # of most requests
MOST_ANONYMOUS = 250 << 20
BOMBS = 50


class Run(Suite):
    in_ci = True

    def run(self):
        with self.node(extra=f"shards = {SHARDS}") as node:
            node.start()
            self.create(node.bootstrap, "many", PARTITIONS, "replicas=1")
            self.create(node.bootstrap, "bomb", 1, "replicas=1")
            worst = 0
            for what, ended, api, version, body in requests():
                with self.watched([node], MOST_ANONYMOUS, what), Pings(node.kafka_port) as pings:
                    took, answered = self.send(node.kafka_port, api, version, body)
                longest = max(pings.waits, default=0)
                worst = max(worst, longest)
                self.say(f"{what}: {len(body):,} bytes, answered {answered:,} in {took * 1000:.0f} ms; others waited {longest * 1000:.0f} ms")
                self.expect((answered == 0) == bool(ended), f"{what}: " + ("the connection ends" if ended else "it is answered"))
                if ended:
                    self.expect(ended in node.log(), f"and the log says why: {ended}")
                self.expect(answered <= 64 << 20, "the answer is at most 64 MiB")
                self.expect(node.process.poll() is None and node.ready(), "the node goes on")
            self.measured("longest wait of others", round(worst * 1000), 300, "ms")
            self.bombs_at_once(node)

    def bombs_at_once(self, node):
        what = f"{BOMBS} of these at once"
        answered = []
        with self.watched([node], MOST_ANONYMOUS, what), Pings(node.kafka_port) as pings:
            senders = [threading.Thread(target=lambda: answered.append(self.send(node.kafka_port, 0, 7, bomb())[1])) for _ in range(BOMBS)]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
        self.say(f"{what}: others waited {max(pings.waits, default=0) * 1000:.0f} ms")
        self.expect(len(answered) == BOMBS and all(answered), f"{what}: each is answered")

    @staticmethod
    def send(port, api, version, body):
        """Seconds, and the bytes of the answer; 0 where the connection ended instead."""
        with socket.create_connection(("127.0.0.1", port), timeout=120) as s:
            begun = time.monotonic()
            s.sendall(framed(api, version, body))
            try:
                size = struct.unpack(">i", receive(s, 4))[0]
                receive(s, size)
            except (RuntimeError, ConnectionResetError):
                size = 0
            return time.monotonic() - begun, size


class Pings:
    """Others: connections on each shard that ask for what costs nothing (ApiVersions 0), one request after the other."""

    def __init__(self, port):
        self.port, self.waits, self.over = port, [], False
        self.threads = [threading.Thread(target=self.ping, daemon=True) for _ in range(2 * SHARDS)]

    def ping(self):
        request = struct.pack(">ihhih", 10, 18, 0, 1, -1)
        with socket.create_connection(("127.0.0.1", self.port), timeout=120) as s:
            while not self.over:
                begun = time.monotonic()
                s.sendall(request)
                receive(s, struct.unpack(">i", receive(s, 4))[0])
                self.waits.append(time.monotonic() - begun)
                time.sleep(0.005)  # the load: 200 a second on each connection

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        Suite.wait_until(lambda: len(self.waits) >= 4 * len(self.threads), "the others are served")
        self.waits.clear()
        return self

    def __exit__(self, *_):
        self.over = True
        for thread in self.threads:
            thread.join(120)


# ---- the requests ----
FLEXIBLE = {(44, 1), (32, 4), (35, 4), (55, 0)}


def framed(api, version, body):
    header = struct.pack(">hhih", api, version, 1, 1) + b"g" + (b"\0" if (api, version) in FLEXIBLE else b"")
    return int32(len(header) + len(body)) + header + body


def uvarint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def compact(count, elements):
    return uvarint(count + 1) + elements


def string(value):
    return struct.pack(">h", len(value)) + value.encode()


def many(element, size=MEGABYTES << 20):
    n = size // len(element)
    return n, element * n


def requests():
    """(what, how the log says that the connection ended or "", API, version, body)"""
    ids = b"".join(int32(i) for i in range(200_000))
    placed = int32(1) + string("placed") + struct.pack(">ih", -1, -1) + int32(1) + int32(0) + int32(200_000) + ids + int32(0)
    yield "CreateTopics, 200,000 ids in one assignment", "", 19, 4, placed + int32(10_000) + b"\1"
    words = ",".join(f"w{i}" for i in range(150_000)).encode()
    config = text("cleanup.policy") + b"\2" + uvarint(len(words) + 1) + words + b"\0"
    yield ("IncrementalAlterConfigs, 150,000 words appended", "the limit is 32767", 44, 1,
           compact(1, b"\2" + text("many") + compact(1, config) + b"\0") + b"\1\0")
    yield "DescribeLogDirs, a topic 80,000 times", "", 35, 4, compact(80_000, (text("many") + compact(1, int32(0)) + b"\0") * 80_000) + b"\0"
    yield "DescribeConfigs, the broker 60,000 times", "", 32, 4, compact(60_000, (b"\4" + text("1") + b"\0\0") * 60_000) + b"\1\1\0"
    count, partitions = many(int32(0) + b"\0")
    yield ("DescribeQuorum, a partition again and again", "the answer to a DescribeQuorumRequest would take more than", 55, 0,
           compact(1, text("t") + compact(count, partitions) + b"\0") + b"\0")
    names = b"".join(string(f"t{i:07}") for i in range((MEGABYTES << 20) // 10))
    yield "Metadata, names that are not there", "", 3, 4, int32((MEGABYTES << 20) // 10) + names + b"\0"
    count, offsets = many(struct.pack(">iq", 3, -2))
    yield "ListOffsets, a partition again and again", "", 2, 1, int32(-1) + int32(1) + string("many") + int32(count) + offsets
    count, epochs = many(struct.pack(">iii", 3, -1, 0))
    yield "OffsetForLeaderEpoch, a partition again and again", "", 23, 2, int32(1) + string("many") + int32(count) + epochs
    count, fetched = many(struct.pack(">iiqqi", 3, -1, 0, 0, 1))
    fetched = struct.pack(">iiiibii", -1, 0, 0, 1 << 20, 0, 0, -1) + int32(1) + string("many") + int32(count) + fetched + int32(0)
    yield "Fetch, a partition again and again", "", 1, 10, fetched
    yield "Produce, 60 MiB of zeros in a few KiB", "", 0, 7, bomb()


def bomb():
    """One record of 60 MiB, as gzip makes it small."""
    def varint(n):
        return uvarint(n << 1)

    body = b"\0" + varint(0) + varint(0) + b"\1" + varint(60 << 20) + bytes(60 << 20) + b"\0"
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    records = packer.compress(varint(len(body)) + body) + packer.flush()
    now = int(time.time() * 1000)
    checked = struct.pack(">hiqqqhii", 1, 0, now, now, -1, -1, -1, 1) + records
    batch = struct.pack(">qiibI", 0, 9 + len(checked), -1, 2, crc32c(checked)) + checked
    return struct.pack(">hhi", -1, -1, 30_000) + int32(1) + string("bomb") + int32(1) + int32(0) + int32(len(batch)) + batch


def crc32c(data):
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ 0x82F63B78 if i & 1 else i >> 1
        table.append(i)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF
