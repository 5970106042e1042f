"""Takes back, after kill -9 of a server that ran with undo_shim, what it had written and not made durable: as a power loss would.

Each sector holds what was made durable last, or something written later: `torn` chooses by chance for each sector, otherwise all that was
not durable is gone.
"""
import collections
import dataclasses
import os
import struct

HEAD = struct.Struct("<4sIQQQQQQ")
WRITE, RESIZE, WRITTEN, MADE_DURABLE, SYNC, SYNCED, GONE = range(1, 8)
SECTOR = 512


@dataclasses.dataclass
class Change:
    kind: int
    offset: int
    length: int
    size_before: int
    old: bytes
    written: bool = False  # it has ended, and later syncs cover it
    durable: bool = False

    @property
    def end(self):
        return self.offset + self.length

    def has_ended(self, length, durable):
        if self.kind == WRITE and length < self.length:
            self.length, self.old = length, self.old[:length]
        self.written, self.durable = True, durable


class File:
    """What is not durable of one file, and what must not be taken back for it."""

    def __init__(self):
        self.changes = []  # in the order of their beginnings
        self.begun = {}    # id -> a change that has not ended
        self.syncs = {}    # id -> (the changes that it covers, [the size that it makes durable])
        self.end = 0       # of what is durable

    def made_durable(self, change):
        self.end = max(self.end, change.end)
        for _, size in self.syncs.values():
            size[0] = max(size[0], change.end)

    def synced(self, sync):
        covered, size = self.syncs.pop(sync)
        for change in covered:
            change.durable = True
        self.end = size[0]
        while self.changes and self.changes[0].durable:  # nothing older is left that it could be kept from
            self.changes.pop(0)


def records_of(data):
    """(kind, inode, id, offset, length, size, what stood there) of each record."""
    at = 0
    while at + HEAD.size <= len(data):
        magic, kind, inode, number, offset, length, size, old_bytes = HEAD.unpack_from(data, at)
        if magic != b"UNDO":
            raise RuntimeError(f"no record at {at}")
        at += HEAD.size
        if at + old_bytes > len(data):
            return  # killed while it wrote the record: the write itself did not happen
        yield kind, inode, number, offset, length, size, data[at:at + old_bytes]
        at += old_bytes


def files_of(journal):
    """inode -> what is not durable of it."""
    files = collections.defaultdict(File)
    for kind, inode, number, offset, length, size, old in records_of(journal.read_bytes()):
        file = files[inode]
        if kind in (WRITE, RESIZE):
            change = Change(kind, offset, length, size, old)
            file.changes.append(change)
            file.begun[number] = change
        elif kind in (WRITTEN, MADE_DURABLE) and number in file.begun:
            change = file.begun.pop(number)
            change.has_ended(length, kind == MADE_DURABLE)
            if change.durable:
                file.made_durable(change)
        elif kind == SYNC:
            file.syncs[number] = ([change for change in file.changes if change.written], [size])
        elif kind == SYNCED and number in file.syncs:
            file.synced(number)
        elif kind == GONE:
            del files[inode]
    return files


def sectors(change):
    return range(change.offset // SECTOR, (change.end + SECTOR - 1) // SECTOR)


def settle(path):
    """Writes past the page cache may still be on their way when their process is gone: a cut waits for them."""
    size = os.path.getsize(path)
    os.truncate(path, size + 1)
    os.truncate(path, size)
    return size


def undo_file(path, durable, torn, random):
    """Newest first: a sector that stays as it is from some change on is not touched by older ones."""
    taken_back = 0
    kept = set()
    size = settle(path)
    with open(path, "r+b") as file:
        for change in reversed(durable.changes):
            if change.durable:
                kept.update(sectors(change))
                continue
            may_stay = torn and change.kind == WRITE
            if not may_stay:
                size = change.size_before
            for sector in sectors(change):
                if sector in kept:
                    continue
                if may_stay and random.random() < 0.5:
                    kept.add(sector)
                    continue
                first = max(sector * SECTOR, change.offset)
                last = min((sector + 1) * SECTOR, change.end)
                old = change.old[first - change.offset:last - change.offset]
                file.seek(first)
                file.write(old + bytes(last - first - len(old)))
                taken_back += 1
        file.flush()
        file.truncate(max(size, durable.end))
    return taken_back


def power_loss(journal, folder, torn, random):
    """Applies and removes the journal of what is in the folder; how many sectors it took back."""
    files = files_of(journal)
    taken_back = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if (file := files.get(path.stat().st_ino)) is not None:
            taken_back += undo_file(path, file, torn, random)
    journal.unlink()
    return taken_back
