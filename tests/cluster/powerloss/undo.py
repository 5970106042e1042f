"""Takes back, after kill -9 of a server that ran with undo_shim, what it had written and not synced: as a power loss would.

Each sector holds what was synced last, or something written later: `torn` chooses by chance for each sector, otherwise all that was not
synced is gone.
"""
import collections
import os
import struct

HEAD = struct.Struct("<4sIQQQII")
WRITE, SYNCED_FILE, SYNCED_RANGE = 1, 2, 3
SECTOR = 512

Change = collections.namedtuple("Change", "offset length size_before old durable")


class File:
    def __init__(self):
        self.changes = []  # since the last sync of the whole file, in order
        self.end = 0       # of what is durable


def files_of(journal):
    """path -> what is not durable of it."""
    data = journal.read_bytes()
    files = collections.defaultdict(File)
    at = 0
    while at + HEAD.size <= len(data):
        magic, kind, offset, length, size_before, old_bytes, path_bytes = HEAD.unpack_from(data, at)
        if magic != b"UNDO":
            raise RuntimeError(f"{journal}: no record at {at}")
        at += HEAD.size
        if at + path_bytes + old_bytes > len(data):
            break  # killed while it wrote the record: the write itself did not happen
        file = files[data[at:at + path_bytes].decode()]
        old = data[at + path_bytes:at + path_bytes + old_bytes]
        at += path_bytes + old_bytes
        if kind == WRITE:
            file.changes.append(Change(offset, length, size_before, old, False))
        elif kind == SYNCED_FILE:
            file.end = max([file.end, *(change.offset + change.length for change in file.changes)])
            file.changes.clear()
        else:
            file.changes[-1] = file.changes[-1]._replace(durable=True)
            file.end = max(file.end, offset + length)
    return files


def sectors(change):
    return range(change.offset // SECTOR, (change.offset + change.length + SECTOR - 1) // SECTOR)


def undo_file(path, durable, torn, random):
    """Newest first: a sector that stays as it is from some change on is not touched by older ones."""
    taken_back = 0
    kept = set()
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        for change in reversed(durable.changes):
            if change.durable:
                kept.update(sectors(change))
                continue
            if not torn:
                size = change.size_before
            for sector in sectors(change):
                if sector in kept:
                    continue
                if torn and random.random() < 0.5:
                    kept.add(sector)
                    continue
                first = max(sector * SECTOR, change.offset)
                last = min((sector + 1) * SECTOR, change.offset + change.length)
                old = change.old[first - change.offset:last - change.offset]
                file.seek(first)
                file.write(old + bytes(last - first - len(old)))
                taken_back += 1
        file.flush()
        file.truncate(max(size, durable.end))
    return taken_back


def power_loss(journal, torn, random):
    """Applies and removes the journal; how many sectors it took back."""
    taken_back = sum(undo_file(path, file, torn, random) for path, file in files_of(journal).items() if os.path.isfile(path))
    journal.unlink()
    return taken_back
