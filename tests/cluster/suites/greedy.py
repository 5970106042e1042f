"""requests of megabytes that name one thing again and again, or as much as one may, from several clients at once: the others' wait is measured"""
import contextlib
import random
import socket
import struct
import threading
import time
import zlib

import hostile_members as members
from admin import find_coordinator, int32, receive, text
from sightings import total
from suite import Suite

SHARDS, PARTITIONS = 2, 500
SPREAD = 27  # partitions of the cluster's topic
CLIENTS = 4
MEGABYTES = 4  # of most requests
LARGEST = 100 << 20  # kafka.max_request_size
TOO_MANY = "more than one request may name"
MOST_ANONYMOUS = 250 << 20
BOMBS = 50
MANY_MEMBERS, MOST_IDS = 100_000, 10_000  # as docs/groups.md says of ids
MOST_MEMBERS, MOST_CONSUMERS = 50, 1_000


class Run(Suite):
    in_ci = True

    def run(self):
        self.one_node()
        self.members_of_groups()
        self.members_of_small_groups()
        self.three_nodes()

    def one_node(self):
        with self.node(extra=f"shards = {SHARDS}") as node:
            node.start()
            self.create(node.bootstrap, "many", PARTITIONS, "replicas=1")
            self.create(node.bootstrap, "bomb", 1, "replicas=1")
            worst = 0
            for what, ended, api, version, body in requests():
                with self.watched([node], MOST_ANONYMOUS, what), Pings([node]) as pings:
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
        body, answered = bomb(), []  # made once: Python's threads wait for one another
        with self.watched([node], MOST_ANONYMOUS, what), Pings([node]) as pings, Pings([node], compressed(), 1) as produces:
            senders = [threading.Thread(target=lambda: answered.append(self.send(node.kafka_port, 0, 7, body)[1])) for _ in range(BOMBS)]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
        self.say(f"{what}: others waited {max(pings.waits, default=0) * 1000:.0f} ms")
        self.expect(len(produces.waits) >= BOMBS // 2, f"{what}: {len(produces.waits)} Produce of 400 KB, compressed, went between them")
        self.measured("longest wait of a compressed Produce of 400 KB", round(max(produces.waits, default=0) * 1000), 300, "ms")
        self.expect(len(answered) == BOMBS and all(answered), f"{what}: each is answered")

    @contextlib.contextmanager
    def with_groups(self, keys):
        with self.node(extra=f"shards = {SHARDS}", tables={"kafka": keys}) as node:
            node.start()
            self.create(node.bootstrap, "many", 3, "replicas=1")
            self.wait_until(lambda: find_coordinator(node.kafka_port, "any") == 0, "groups have a coordinator")
            yield node
            self.expect(node.process.poll() is None and node.ready(), "the node goes on")
            self.expect(members.tell(node.kafka_port, members.commit(b"others", b"m")) == 0, "and other groups commit")

    def members_of_groups(self):
        """By the bounds that a node has unless its file says otherwise."""
        with self.with_groups("") as node:
            for what, frame, code, said in members.refused():
                before = node.log().count(said) if said else 0
                with self.watched([node], MOST_ANONYMOUS, what), Pings([node]) as pings:
                    told = members.tell(node.kafka_port, frame)
                self.say(f"{what}: others waited {max(pings.waits, default=0) * 1000:.0f} ms")
                self.expect(told == code, f"{what}: it is told {told}, {code} is right ({members.ENDED}: the connection ends)")
                if said:
                    self.expect(node.log().count(said) > before, f"{what}: the log says {said!r}")
            ids = [members.join(b"ids", 4, (b"range", b""))] * MANY_MEMBERS
            self.flood(node, f"{MANY_MEMBERS:,} members that ask for an id on one connection", ids,
                       {members.MEMBER_ID_REQUIRED: MOST_IDS, members.GROUP_FULL: MANY_MEMBERS - MOST_IDS})

    def members_of_small_groups(self):
        """By group_max_size and group_consumer_max_size."""
        with self.with_groups(f"group_max_size = {MOST_MEMBERS}\ngroup_consumer_max_size = {MOST_CONSUMERS}") as node:
            consumers = [members.consume(b"crowd", b"m%d" % i) for i in range(MANY_MEMBERS)]
            self.flood(node, f"{MANY_MEMBERS:,} consumers on one connection", consumers,
                       {members.NONE: MOST_CONSUMERS, members.GROUP_FULL: MANY_MEMBERS - MOST_CONSUMERS})
            what = f"{2 * MOST_MEMBERS} members of 900 KB"
            with self.watched([node], MOST_ANONYMOUS, what):
                codes = members.wait_together(node.kafka_port, [members.join(b"fat", 3, (b"range", bytes(900_000)))] * (2 * MOST_MEMBERS))
            self.expect(codes == {members.NONE: MOST_MEMBERS, members.GROUP_FULL: MOST_MEMBERS}, f"{what} are told {dict(codes)}")

    def flood(self, node, what, frames, expected):
        with self.watched([node], MOST_ANONYMOUS, what), Pings([node]) as pings:
            begun = time.monotonic()
            codes = members.flood(node.kafka_port, frames)
        self.say(f"{what}: answered in {time.monotonic() - begun:.1f} s; others waited {max(pings.waits, default=0) * 1000:.0f} ms")
        self.expect(codes == expected, f"{what} are told {dict(codes)}, {expected} is right")

    def three_nodes(self):
        with self.cluster() as cluster:
            cluster.start()
            self.create(cluster.bootstrap, "many", SPREAD, "replicas=3")
            self.wait_until(lambda: total(cluster.nodes, "chronik_raft_leaders") == SPREAD + 1, "every group has a leader")
            self.elect_preferred(cluster)  # so that none is left for ElectLeaders to move
            worst = max(self.at_once(cluster, naming) for naming in namings())
            self.measured("longest wait of others, on three nodes", round(worst * 1000), 300, "ms")
            self.create(cluster.bootstrap, "after", 1, "replicas=3")

    def at_once(self, cluster, naming):
        """Clients that each name as much as a request may, again and again, and then send one of the largest size; the others' wait."""
        what, port = naming.what, cluster.nodes[0].kafka_port
        rounds = 3 if self.bounded else 20
        frame, largest = naming.frame(), naming.largest()
        has_records = naming.api == 0
        why = TOO_MANY if has_records else "that is no Produce; allowed are"
        said = cluster.nodes[0].log().count(why)
        moved = Moves(cluster)
        took, ended = [], []

        def client():
            took.extend(self.exchange(port, frame) for _ in range(rounds))
            ended.append(self.ends(port, largest))

        most = MOST_ANONYMOUS + (LARGEST if has_records else 0)  # of requests that large, one passes the budget
        with self.watched(cluster.nodes, most, what), Pings(cluster.nodes) as pings:
            clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
            for each in clients:
                each.start()
            for each in clients:
                each.join()
        longest = max(pings.waits, default=0)
        answers = [answered for _, answered in took]
        self.say(f"{what}: {naming.n:,} by {CLIENTS} clients at once, {len(frame):,} bytes, answered {max(answers, default=0):,} in "
                 f"{max((seconds for seconds, _ in took), default=0) * 1000:.0f} ms at most; others waited {longest * 1000:.0f} ms")
        self.expect(len(answers) == CLIENTS * rounds and all(answers), f"{what}: each is answered")
        self.expect(len(ended) == CLIENTS and all(ended) and cluster.nodes[0].log().count(why) > said,
                    f"{what}, {LARGEST >> 20} MiB: the connection ends, and the log says: {why}")
        self.expect(all(node.process.poll() is None and node.ready() for node in cluster.nodes), "the nodes go on")
        elections, transfers = moved.since()
        self.expect(elections == 0 and transfers == 0, f"{what}: {elections:.0f} elections, {transfers:.0f} transfers of leadership")
        return longest

    @staticmethod
    def ends(port, frame):
        """Whether the connection ends without an answer; perhaps before all is sent."""
        with socket.create_connection(("127.0.0.1", port), timeout=120) as s:
            with contextlib.suppress(ConnectionError):
                s.sendall(frame)
                return s.recv(1) == b""
            return True

    @classmethod
    def send(cls, port, api, version, body):
        return cls.exchange(port, framed(api, version, body))

    @staticmethod
    def exchange(port, frame):
        """Seconds, and the bytes of the answer; 0 where the connection ended instead."""
        with socket.create_connection(("127.0.0.1", port), timeout=120) as s:
            begun = time.monotonic()
            s.sendall(frame)
            try:
                size = struct.unpack(">i", receive(s, 4))[0]
                receive(s, size)
            except (RuntimeError, ConnectionResetError):
                size = 0
            return time.monotonic() - begun, size


class Pings:
    """Others: connections on each shard that ask for what costs nothing (ApiVersions 0), or so much, one request after the other."""

    def __init__(self, nodes, request=struct.pack(">ihhih", 10, 18, 0, 1, -1), connections=2 * SHARDS):
        self.request, self.waits, self.over = request, [], False
        self.threads = [threading.Thread(target=self.ping, args=[node.kafka_port], daemon=True) for node in nodes for _ in range(connections)]

    def ping(self, port):
        with socket.create_connection(("127.0.0.1", port), timeout=120) as s:
            while not self.over:
                begun = time.monotonic()
                s.sendall(self.request)
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


class Moves:
    """Elections and transfers of leadership since it was made."""

    NAMES = ("chronik_raft_elections_total", "chronik_raft_leader_transfers_total")

    def __init__(self, cluster):
        self.nodes = cluster.nodes
        self.before = self.now()

    def now(self):
        return [total(self.nodes, name) for name in self.NAMES]

    def since(self):
        return [after - before for before, after in zip(self.before, self.now())]


# ---- the requests ----
FLEXIBLE = {(44, 1), (32, 4), (35, 4), (45, 0), (55, 0), (57, 0), (61, 0), (75, 0)}


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
    ids = b"".join(int32(i) for i in range(100_000))
    placed = int32(1) + string("placed") + struct.pack(">ih", -1, -1) + int32(1) + int32(0) + int32(100_000) + ids + int32(0)
    yield "CreateTopics, 100,000 ids in one assignment", "", 19, 4, placed + int32(10_000) + b"\1"
    words = ",".join(f"w{i}" for i in range(150_000)).encode()
    config = text("cleanup.policy") + b"\2" + uvarint(len(words) + 1) + words + b"\0"
    yield ("IncrementalAlterConfigs, 150,000 words appended", "the limit is 32767", 44, 1,
           compact(1, b"\2" + text("many") + compact(1, config) + b"\0") + b"\1\0")
    yield "DescribeLogDirs, a topic 50,000 times", "", 35, 4, compact(50_000, (text("many") + compact(1, int32(0)) + b"\0") * 50_000) + b"\0"
    yield "DescribeConfigs, the broker 60,000 times", "", 32, 4, compact(60_000, (b"\4" + text("1") + b"\0\0") * 60_000) + b"\1\1\0"
    count, partitions = many(int32(0) + b"\0")
    yield ("DescribeQuorum, a partition again and again", TOO_MANY, 55, 0,
           compact(1, text("t") + compact(count, partitions) + b"\0") + b"\0")
    names = b"".join(string(f"t{i:07}") for i in range((MEGABYTES << 20) // 10))
    yield "Metadata, names that are not there", TOO_MANY, 3, 4, int32((MEGABYTES << 20) // 10) + names + b"\0"
    count, offsets = many(struct.pack(">iq", 3, -2))
    yield "ListOffsets, a partition again and again", TOO_MANY, 2, 1, int32(-1) + int32(1) + string("many") + int32(count) + offsets
    count, epochs = many(struct.pack(">iii", 3, -1, 0))
    yield "OffsetForLeaderEpoch, a partition again and again", TOO_MANY, 23, 2, int32(1) + string("many") + int32(count) + epochs
    count, fetched = many(struct.pack(">iiqqi", 3, -1, 0, 0, 1))
    fetched = struct.pack(">iiiibii", -1, 0, 0, 1 << 20, 0, 0, -1) + int32(1) + string("many") + int32(count) + fetched + int32(0)
    yield "Fetch, a partition again and again", TOO_MANY, 1, 10, fetched
    yield "Produce, 60 MiB of zeros in a few KiB", "", 0, 7, bomb()


class Naming:
    """A request of one API that names n things."""

    def __init__(self, what, api, version, n, before, element, after=b"", count=int32):
        self.what, self.api, self.version, self.n = what, api, version, n
        self.before, self.element, self.after, self.count = before, element, after, count

    def frame(self):
        return self.framed(self.n, b"".join(map(self.element, range(self.n))))

    def largest(self):
        """One thing again and again, until the request has the largest size."""
        element = self.element(0)
        n = (LARGEST - 4096) // len(element)
        return self.framed(n, element * n)

    def framed(self, n, elements):
        return framed(self.api, self.version, self.before + self.count(n) + elements + self.after)


def namings():
    """Of each API with an array, about as much as a request may name."""
    def topic(i):
        return string(f"t{i:07}")

    many = int32(1) + string("many")
    resources = "of topics that are not there"
    yield Naming("ListOffsets", 2, 1, 100_000, int32(-1) + many, lambda i: struct.pack(">iq", i, -2))
    yield Naming("Metadata", 3, 4, 95_000, b"", topic, b"\0")
    yield Naming("Produce", 0, 7, 90_000, struct.pack(">hhi", -1, -1, 30_000) + many, lambda i: struct.pack(">ii", i, -1))
    session = struct.pack(">iiiibii", -1, 0, 0, 1 << 20, 0, 0, -1)
    yield Naming("Fetch", 1, 10, 50_000, session + many, lambda i: struct.pack(">iiqqi", i, -1, 0, 0, 1), int32(0))
    yield Naming(f"DescribeConfigs {resources}", 32, 1, 85_000, b"", lambda i: b"\2" + topic(i) + int32(-1), b"\1")
    yield Naming("DescribeConfigs of one topic", 32, 1, 100_000, int32(1) + b"\2" + string("many"), topic, b"\1")
    none = int32(0) + b"\0\1" + int32(0) + int32(0)  # no partition, one replica, no assignments, no configs
    yield Naming("CreateTopics", 19, 2, 85_000, b"", lambda i: topic(i) + none, int32(10_000) + b"\1")
    yield Naming("DeleteTopics", 20, 1, 110_000, b"", topic, int32(10_000))
    yield Naming("DeleteRecords", 21, 0, 95_000, many, lambda i: struct.pack(">iq", i, 0), int32(10_000))
    yield Naming("DescribeProducers", 61, 0, 100_000, b"\2" + text("many"), int32, b"\0\0", uvarint_count)
    yield Naming("OffsetForLeaderEpoch", 23, 2, 100_000, many, lambda i: struct.pack(">iii", i, -1, 0))
    yield Naming("OffsetForLeaderEpoch of one partition", 23, 2, 100_000, many, lambda i: struct.pack(">iii", i % SPREAD, -1, 0))
    yield Naming("DescribeLogDirs", 35, 1, 120_000, many, int32)
    yield Naming("CreatePartitions", 37, 0, 90_000, b"", lambda i: topic(i) + int32(7) + int32(-1), int32(10_000) + b"\1")
    yield Naming("ElectLeaders", 43, 0, 120_000, many, int32, int32(10_000))
    yield Naming(f"AlterConfigs {resources}", 33, 0, 90_000, b"", lambda i: b"\2" + topic(i) + int32(0), b"\1")
    removal = text("retention.ms") + b"\1\0\0"
    yield Naming(f"IncrementalAlterConfigs {resources}", 44, 1, 45_000, b"",
                 lambda i: b"\2" + text(f"t{i:07}") + compact(1, removal) + b"\0", b"\1\0", uvarint_count)
    yield Naming("IncrementalAlterConfigs of a broker", 44, 0, 85_000, int32(1) + b"\4" + string("1"),
                 lambda i: topic(i) + b"\1" + struct.pack(">h", -1), b"\1")
    yield Naming("AlterPartitionReassignments", 45, 0, 95_000, int32(10_000) + b"\2" + text("many"),
                 lambda i: int32(i) + b"\0\0", b"\0\0", uvarint_count)
    yield Naming("UpdateFeatures", 57, 0, 90_000, int32(10_000), lambda i: text(f"t{i:07}") + b"\0\1\0\0", b"\0", uvarint_count)
    yield Naming("DescribeTopicPartitions", 75, 0, 100_000, b"", lambda i: text(f"t{i:07}") + b"\0", int32(2000) + b"\xff\0", uvarint_count)


def uvarint_count(n):
    return uvarint(n + 1)


def bomb():
    """One record of 60 MiB, as gzip makes it small."""
    return gzipped("bomb", bytes(60 << 20))


def compressed():
    """What others send: a record of 400 KB of words."""
    words = random.Random(1).choices([b"%d" % n for n in range(10_000)], k=100_000)
    return framed(0, 7, gzipped("many", b" ".join(words)[:400_000]))


def gzipped(topic, value):
    def varint(n):
        return uvarint(n << 1)

    body = b"\0" + varint(0) + varint(0) + b"\1" + varint(len(value)) + value + b"\0"
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    records = packer.compress(varint(len(body)) + body) + packer.flush()
    now = int(time.time() * 1000)
    checked = struct.pack(">hiqqqhii", 1, 0, now, now, -1, -1, -1, 1) + records
    batch = struct.pack(">qiibI", 0, 9 + len(checked), -1, 2, crc32c(checked)) + checked
    return struct.pack(">hhi", -1, -1, 30_000) + int32(1) + string(topic) + int32(1) + int32(0) + int32(len(batch)) + batch


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
