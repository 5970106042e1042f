"""What the suites know of each durable storage: how a small store is configured, and what it shows.

`--storage` names one plugin for all nodes, or one for each node in turn: storage-log,storage-log,storage-lmdb. A suite asks
Suite.store(node) where it depends on the storage; all else of it holds for each.
"""


class Lmdb:
    name = "storage-lmdb"
    file_io = ("auto",)     # it writes its files itself
    moves_to_make_room = "chronik_storage_moved_bytes_total"
    shared_files = ""       # of all partitions together, of a size that does not depend on them
    few_files = ""          # [storage] of a store that keeps 128 files open

    @staticmethod
    def small(max_size=None):
        """[storage] of a store that is soon full: at max_size, or where its file system is."""
        return (f'max_size = "{max_size}"\n' if max_size else "") + 'preallocate = "4MiB"\n'


class Log:
    name = "storage-log"
    file_io = ("io_uring", "threads")  # by the host's files
    moves_to_make_room = None          # segments go whole
    shared_files = "journal-*"
    few_files = "open_files = 128\n"

    @staticmethod
    def small(max_size=None):
        if max_size:  # the sizes of its files follow from it
            return f'max_size = "{max_size}"\n'
        return 'journal_file_bytes = "16MiB"\njournal_files = 2\nsegment_bytes = "4MiB"\n'


STORES = {store.name: store for store in (Lmdb, Log)}
DEFAULT = Lmdb.name


def parse(words):
    """Of --storage: the stores of the nodes, in turn."""
    unknown = [word for word in words.split(",") if word not in STORES]
    if unknown:
        raise ValueError(f"no durable storage is named '{unknown[0]}'; there are {', '.join(STORES)}")
    return [STORES[word] for word in words.split(",")]


def names(found):
    return ",".join(store.name for store in found)
