"""Which pages of a store's data.mdb hold what: the trees that LMDB itself goes by, and the pages of large payloads. Of a file that
nobody writes meanwhile.

    pages = LmdbPages(path)
    pages.last_tree_page        # no page of a tree lies behind it
    pages.payloads              # [(page, bytes), ...]: values in pages of their own
"""
import mmap
import struct

PAGE = 4096
HEAD = 16  # of a page
BRANCH, LEAF = 1, 2
BIG_DATA, SUB_DATABASE = 1, 2
NO_PAGE = 2**64 - 1
DATABASE = struct.Struct("<IHHQQQQQ")  # the last one is its root


class LmdbPages:
    def __init__(self, path):
        self.last_tree_page = 1  # the two of them that say where the trees begin
        self.payloads = []
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as self.map:
            metas = [self._meta(page) for page in (0, 1)]
            for roots in sorted(metas)[-1][1]:
                self._walk(roots)

    def _meta(self, page):
        at = page * PAGE + HEAD
        assert struct.unpack_from("<I", self.map, at)[0] == 0xBEEFC0DE
        roots = [DATABASE.unpack_from(self.map, at + 24 + n * DATABASE.size)[-1] for n in (0, 1)]  # free pages, names
        return struct.unpack_from("<Q", self.map, at + 24 + 2 * DATABASE.size + 8)[0], roots

    def _walk(self, root):
        todo = [root] if root != NO_PAGE else []
        while todo:
            page = todo.pop()
            self.last_tree_page = max(self.last_tree_page, page)
            base = page * PAGE
            kind, lower = struct.unpack_from("<HH", self.map, base + 10)
            for n in range((lower - HEAD) // 2):
                node = base + struct.unpack_from("<H", self.map, base + HEAD + 2 * n)[0]
                low, high, flags, key = struct.unpack_from("<HHHH", self.map, node)
                data = node + 8 + key
                if kind & BRANCH:
                    todo.append(low | high << 16 | flags << 32)
                elif flags & SUB_DATABASE:
                    below = DATABASE.unpack_from(self.map, data)[-1]
                    todo += [below] if below != NO_PAGE else []
                elif flags & BIG_DATA:
                    self.payloads.append((struct.unpack_from("<Q", self.map, data)[0], low | high << 16))
