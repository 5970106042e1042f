"""Makes a folder of segments large and leaves it small: holes in place of payloads. `perf_client fill` has written payloads of one byte
over and over; a page of a file that holds nothing else is payload, whatever the format, and what is not (headers, indexes, journals) stays."""
import ctypes
import mmap
import os
import pathlib

PAGE = 4096
PAYLOAD_BYTE = b"\xa5"
RECORD_BYTES = 900_000  # one batch each, below what a topic takes by default
KEEP_SIZE_PUNCH_HOLE = 0x01 | 0x02
FULL_PAGE = PAYLOAD_BYTE * PAGE

libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


def payload_runs(data):
    """(position, length) of the whole pages of payload, those that follow one another as one."""
    start = None
    end = len(data) - len(data) % PAGE
    for at in range(0, end, PAGE):
        full = data[at:at + PAGE] == FULL_PAGE
        if full and start is None:
            start = at
        elif not full and start is not None:
            yield start, at - start
            start = None
    if start is not None:
        yield start, end - start


def punch(path):
    """Bytes that are holes now."""
    if path.stat().st_size < PAGE:
        return 0
    with open(path, "r+b") as file:
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
            runs = list(payload_runs(data))
        for at, length in runs:
            if libc.fallocate(file.fileno(), KEEP_SIZE_PUNCH_HOLE, at, length) != 0:
                error = ctypes.get_errno()
                raise OSError(error, f"no holes in {path}: {os.strerror(error)}")
    return sum(length for _, length in runs)


class SparseFolder:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.punched = set()

    def punch_older_than(self, time_ns):
        """Files that nobody has written since: a segment that is full, never one that grows. Bytes that are holes now."""
        total = 0
        for path in self.files():
            if path in self.punched:
                continue
            try:
                if path.stat().st_mtime_ns < time_ns:
                    total += punch(path)
                    self.punched.add(path)
            except FileNotFoundError:  # the server has removed or renamed it
                pass
        return total

    def files(self):
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def bytes(self):
        """As they say, and as they occupy."""
        stats = [path.stat() for path in self.files()]
        return sum(each.st_size for each in stats), sum(each.st_blocks * 512 for each in stats)
