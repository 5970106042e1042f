"""Produce requests that are made once and sent many times: what a library's client would send in minutes goes out in seconds.

    request = produce("topic", {0: batch(b"value"), 1: batch(b"value")})
    errors = pump(node.kafka_port, [request], times=1000)      # error code -> how many partitions got it; 0 is none
"""
import collections
import socket
import struct
import threading
import time

from crc32c import crc32c


def varint(value):
    value = value << 1 ^ value >> 63
    out = b""
    while value > 0x7f:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def batch(value, records=1):
    """Records of no producer, as of now: retention leaves them."""
    timestamp = int(time.time() * 1000)
    body = struct.pack(">hiqqqhii", 0, records - 1, timestamp, timestamp, -1, -1, -1, records)
    for offset in range(records):
        record = b"\0" + varint(0) + varint(offset) + varint(-1) + varint(len(value)) + value + varint(0)
        body += varint(len(record)) + record
    return struct.pack(">qiibI", 0, len(body) + 9, -1, 2, crc32c(body)) + body


def request(api, version, body):
    head = struct.pack(">hhih", api, version, 1, -1)
    return struct.pack(">i", len(head) + len(body)) + head + body


def produce(topic, batches, acks=-1, timeout_ms=30_000):
    """Produce 7. batches: partition -> batch."""
    partitions = b"".join(struct.pack(">ii", index, len(data)) + data for index, data in batches.items())
    name = struct.pack(">h", len(topic)) + topic.encode()
    return request(0, 7, struct.pack(">hhii", -1, acks, timeout_ms, 1) + name + struct.pack(">i", len(batches)) + partitions)


def metadata():
    """Metadata 1, of all topics."""
    return request(3, 1, struct.pack(">i", -1))


def pump(port, requests, times, timeout=300):
    """Sends the requests in their order, so many times over, as fast as the node takes them."""
    errors = collections.Counter()
    each = max(1, min(times, (1 << 20) // sum(map(len, requests))))
    rounds, rest = divmod(times, each)
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as s:
        sender = threading.Thread(target=_send, args=(s, b"".join(requests), each, rounds, rest), daemon=True)
        sender.start()
        with s.makefile("rb", buffering=1 << 20) as answers:
            for _ in range(times * len(requests)):
                errors.update(_errors(_answer(answers)))
        sender.join()
    return errors


def _send(s, requests, each, rounds, rest):
    many = requests * each
    for _ in range(rounds):
        s.sendall(many)
    s.sendall(requests * rest)


def _answer(answers):
    size = answers.read(4)
    if len(size) < 4:
        raise RuntimeError("the node closed the connection")
    return answers.read(struct.unpack(">i", size)[0])


def _errors(answer):
    at = 10 + struct.unpack_from(">h", answer, 8)[0]
    n = struct.unpack_from(">i", answer, at)[0]
    codes = answer[at + 8:at + 4 + 30 * n:30], answer[at + 9:at + 4 + 30 * n:30]
    if not any(codes[0]) and not any(codes[1]):
        return {0: n}
    return collections.Counter(struct.unpack(">h", bytes(code))[0] for code in zip(*codes))
