"""Record batches (magic 2), made by hand so that any field can be wrong, and read back field by field."""
import struct
import zlib

from crc32c import crc32c

HEADER = struct.Struct(">qiibIhiqqqhii")
NAMES = ("base_offset", "batch_length", "partition_leader_epoch", "magic", "crc", "attributes", "last_offset_delta", "base_timestamp",
         "max_timestamp", "producer_id", "producer_epoch", "base_sequence", "records_count")
CRC_FROM = 21  # of attributes
TIME = 1_700_000_000_000


def varint(value):
    value = value << 1 ^ value >> 63
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def record(offset_delta, key=b"k", value=b"v", timestamp_delta=None, headers=(), attributes=0, length=None):
    body = bytes([attributes]) + varint(offset_delta if timestamp_delta is None else timestamp_delta) + varint(offset_delta)
    for part in (key, value):
        body += varint(-1) if part is None else varint(len(part)) + part
    body += varint(len(headers))
    for name, content in headers:
        body += varint(len(name)) + name + (varint(-1) if content is None else varint(len(content)) + content)
    return varint(len(body) if length is None else length) + body


def batch(records=2, payload=None, codec=0, crc=None, **header):
    """Fields of the header by name; records: how many, or the records themselves."""
    if isinstance(records, int):
        records = [record(i, value=b"value-%d" % i) for i in range(records)]
    count = len(records)
    payload = b"".join(records) if payload is None else payload
    fields = dict(base_offset=0, partition_leader_epoch=-1, magic=2, crc=0, attributes=codec, last_offset_delta=count - 1,
                  base_timestamp=TIME, max_timestamp=TIME + count - 1, producer_id=-1, producer_epoch=-1, base_sequence=-1,
                  records_count=count)
    fields["batch_length"] = HEADER.size - 12 + len(payload)
    fields.update(header)
    data = bytearray(HEADER.pack(*(fields[n] for n in NAMES)) + payload)
    data[17:21] = struct.pack(">I", crc32c(data[CRC_FROM:]) if crc is None else crc)
    return bytes(data)


def gzip(data):
    deflate = zlib.compressobj(wbits=31)
    return deflate.compress(data) + deflate.flush()


def snappy(data):
    """As one literal."""
    return uvarint(len(data)) + bytes([0xF4]) + struct.pack("<H", len(data) - 1) + data


def uvarint(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def zstd(data):
    """One raw block in a single segment."""
    return bytes.fromhex("28b52ffd") + b"\x60" + struct.pack("<H", len(data) - 256) + struct.pack("<I", len(data) << 3 | 1)[:3] + data


def unpacked(payload, codec):
    """The records, as far as this can read the codec."""
    return zlib.decompress(payload, wbits=31) if codec == 1 else payload


def read(data):
    """The whole batches, their records as a checksum; what Kafka cuts off at the end of an answer is dropped."""
    found = []
    at = 0
    while at + HEADER.size <= len(data):
        fields = dict(zip(NAMES, HEADER.unpack_from(data, at)))
        end = at + fields.pop("batch_length") + 12
        if end > len(data):
            break
        fields["crc"] = "right" if fields["crc"] == crc32c(data[at + CRC_FROM:end]) else "wrong"
        fields["records"] = zlib.crc32(unpacked(data[at + HEADER.size:end], fields["attributes"] & 7))
        found.append(fields)
        at = end
    return found
