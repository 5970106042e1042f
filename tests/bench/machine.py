"""What the benchmarks need of the machine below the servers: a file system of its own, its journal's transactions, a cold page cache."""
import ctypes
import os
import pathlib
import re
import shutil
import subprocess

PROCESS_MADVISE, MADV_PAGEOUT = 440, 21
PAGED_OUT_AT_ONCE = 1 << 30
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
SBIN = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


class Missing(Exception):
    """In words: what this machine lacks for a measurement."""


def file_system(folder):
    """Its type, as the kernel names it."""
    return subprocess.run(["stat", "-f", "-c", "%T", str(folder)], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def drop_page_cache():
    """True where that could be done. What is dirty is written before."""
    os.sync()
    try:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")
        return True
    except OSError:
        return False


def transactions_in(info):
    """The number of transactions in a journal's /proc/fs/jbd2/*/info."""
    found = re.match(r"(\d+) transactions? \(", info)
    if not found:
        raise ValueError(f"no transactions in a journal's info: {info[:80]!r}")
    return int(found[1])


def is_below(path, folder):
    return pathlib.Path(folder) in pathlib.Path(path).parents


def open_files(pid, folder):
    """How many files below a folder a process has open, and how many ranges of them it has mapped."""
    opened = 0
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            opened += is_below(os.readlink(entry), folder)
        except FileNotFoundError:  # closed meanwhile
            pass
    return opened, len(list(mapped_ranges(pid, folder)))


def mapped_ranges(pid, folder):
    """(address, size) of what a process has mapped of the files below a folder."""
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and is_below(fields[5], folder):
            start, end = (int(address, 16) for address in fields[0].split("-"))
            yield start, end - start


def page_out(pid, folder):
    """Takes what a process has mapped of a folder's files out of its memory: drop_page_cache() leaves what somebody has mapped. For root,
    and as far as the kernel can."""
    process = os.pidfd_open(pid)
    try:
        for start, size in mapped_ranges(pid, folder):
            while size > 0:
                piece = (ctypes.c_uint64 * 2)(start, min(size, PAGED_OUT_AT_ONCE))
                done = libc.syscall(PROCESS_MADVISE, process, piece, ctypes.c_ulong(1), MADV_PAGEOUT, 0)
                if done <= 0:
                    break
                start, size = start + done, size - done
    finally:
        os.close(process)


class Ext4Image:
    """An ext4 file system with a journal of its own, in a file, mounted by loop while it is entered. For root."""
    MIB = 4096

    def __init__(self, folder):
        self.image = pathlib.Path(folder) / "ext4.img"
        self.path = pathlib.Path(folder) / "ext4"

    def __enter__(self):
        if os.geteuid() != 0:
            raise Missing("an ext4 image is mounted by loop by root only")
        for program in ("mkfs.ext4", "mount", "umount"):
            if shutil.which(program, path=SBIN) is None:
                raise Missing(f"no {program} (e2fsprogs, mount)")
        if not os.path.exists("/dev/loop-control"):
            raise Missing("no /dev/loop-control: this kernel, or this container, has no loop devices")
        self.path.mkdir()
        with open(self.image, "wb") as image:
            os.posix_fallocate(image.fileno(), 0, self.MIB << 20)
        self.command("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)
        self.command("mount", "-o", "loop", self.image, self.path)
        return self

    def __exit__(self, *_):
        try:
            self.command("umount", self.path)
        except Missing as error:
            raise RuntimeError(f"{self.path} is still mounted: {error}") from error

    @staticmethod
    def command(program, *arguments):
        done = subprocess.run([shutil.which(program, path=SBIN), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise Missing(f"{program} failed: {done.stdout.strip()}")

    def transactions(self):
        mounted = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
        device = next(pathlib.Path(each[0]).name for each in mounted if each[1] == str(self.path.resolve()))
        info = next(iter(pathlib.Path("/proc/fs/jbd2").glob(f"{device}-*/info")), None)
        if info is None:
            raise Missing(f"no /proc/fs/jbd2/{device}-*/info: the journal says nothing of itself")
        return transactions_in(info.read_text())
