#include "storage-lmdb/movable.h"

#include "storage-lmdb/page.h"

#include <algorithm>
#include <memory>
#include <optional>

namespace chronik::storage_lmdb {
namespace {

constexpr uint64_t kNodeHead = 8;

struct Window {
  uint64_t first;
  uint64_t in_use;
};

// Of the windows that begin with a free page, those with fewer pages in use than
// their neighbours, best first.
std::vector<Window> best_windows(const std::vector<uint64_t>& free, const MoveLimits& limits) {
  std::vector<Window> found;
  for (size_t i = 0, end = 0; i < free.size() && free[i] + limits.length <= limits.end; ++i) {
    while (end < free.size() && free[end] < free[i] + limits.length) ++end;
    const Window window{free[i], limits.length - (end - i)};
    if (found.empty() || window.first >= found.back().first + std::max<uint64_t>(1, limits.length / 4)) {
      found.push_back(window);
    } else if (window.in_use < found.back().in_use) {
      found.back() = window;
    }
  }
  std::ranges::stable_sort(found, {}, &Window::in_use);
  return found;
}

// Whose pages these are, as one transaction sees it.
class Owners {
 public:
  static Result<Owners> open(MDB_txn* txn, const Env& env, const GroupTable& groups) {
    MDB_val key{};
    MDB_val value{};
    Owners owners(txn, env, groups);
    const int rc = owners.find(env.meta(), &key, &value, MDB_FIRST);
    if (rc != MDB_SUCCESS) return std::unexpected(lmdb_error(rc, "read the format of the store"));
    const auto* page = owners.page_of(value.mv_data);
    owners.map_ = page - PageHeader::load(page).number * env.page_size();
    return owners;
  }

  // What begins at this page or shares it, and how many pages it has; nothing: it cannot be moved.
  struct Owned {
    Movable what;
    uint64_t pages;
  };
  std::optional<Owned> owner(uint64_t number, uint64_t largest) {
    const uint8_t* page = at(number);
    const PageHeader header = PageHeader::load(page);
    if (header.number != number) return std::nullopt;
    std::optional<Movable> what;
    if (header.flags == PageHeader::kOwnPages) {
      if (header.pages == 0 || header.pages > largest) return std::nullopt;
      what = entry(page, header.pages);
    } else if (header.flags == PageHeader::kLeaf) {
      what = least_of_page(page, largest);
    }
    if (!what) return std::nullopt;
    return Owned{std::move(*what), header.flags == PageHeader::kLeaf ? 1 : header.pages};
  }
  // Groups were tried for entries so often that it takes some milliseconds; nothing has an owner any more.
  bool is_tired() const { return tries_ > kMaxTries; }
  bool is_readable(const Window& window, uint64_t length) const {
    return storage_lmdb::is_readable(at(window.first), length * env_->page_size());
  }

 private:
  static constexpr uint64_t kMaxTries = 256 << 10;

  Owners(MDB_txn* txn, const Env& env, const GroupTable& groups)
      : txn_(txn), env_(&env), groups_(groups.ids()) {}

  const uint8_t* at(uint64_t number) const { return map_ + number * env_->page_size(); }
  const uint8_t* page_of(const void* p) const {
    const auto address = reinterpret_cast<uintptr_t>(p);
    return static_cast<const uint8_t*>(p) - address % env_->page_size();
  }
  int find(MDB_dbi database, MDB_val* key, MDB_val* value, MDB_cursor_op op) const {
    MDB_cursor* cursor = nullptr;
    const int rc = mdb_cursor_open(txn_, database, &cursor);
    const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> closer(cursor, mdb_cursor_close);
    return rc == MDB_SUCCESS ? mdb_cursor_get(cursor, key, value, op) : rc;
  }
  // Whether the tree leads from the key to the page, with the key itself or with the value; and the value,
  // which may lie elsewhere, can be read.
  bool leads(const Movable& what, const uint8_t* page) const {
    MDB_val key{what.key.size(), const_cast<char*>(what.key.data())};
    MDB_val value{};
    if (find(what.database, &key, &value, MDB_SET_KEY) != MDB_SUCCESS) return false;
    if (page_of(key.mv_data) != page && PageHeader::of(value) != page) return false;
    return own_pages(value.mv_size, env_->page_size()) == 0 ||
           storage_lmdb::is_readable(value.mv_data, value.mv_size);
  }

  std::optional<Movable> entry(const uint8_t* page, uint64_t pages) {
    RecordHead head{};
    std::memcpy(&head, page + sizeof(PageHeader), sizeof head);
    if (own_pages(sizeof head + head.header.bytes, env_->page_size()) != pages) return std::nullopt;
    for (size_t i = 0; i < groups_.size() && !is_tired(); ++i) {
      LogKey key(groups_[i], head.header.index);
      ++tries_;
      if (head_crc(head, key) != head.head_crc) continue;
      Movable what{env_->lane(groups_[i]), groups_[i], {reinterpret_cast<const char*>(key.bytes()), 16}};
      if (!leads(what, page)) continue;
      std::swap(groups_[i], groups_[0]);  // most often the next one is of the same group
      return what;
    }
    return std::nullopt;
  }

  // Of the entries or keys of a shared page the one that has the fewest pages of its own.
  std::optional<Movable> least_of_page(const uint8_t* page, uint64_t largest) {
    constexpr uint16_t kBigData = 0x01;
    const uint64_t size = env_->page_size();
    uint16_t lower = 0;
    std::memcpy(&lower, page + 12, sizeof lower);
    std::string_view least;
    uint64_t least_pages = largest + 1;
    for (uint64_t i = sizeof(PageHeader); i + 2 <= std::min<uint64_t>(lower, size); i += 2) {
      uint16_t at = 0;
      std::memcpy(&at, page + i, sizeof at);
      if (at + kNodeHead > size) return std::nullopt;
      struct Node {
        uint16_t low, high, flags, key;
      } node{};
      std::memcpy(&node, page + at, sizeof node);
      if (at + kNodeHead + node.key > size || (node.flags & ~kBigData) != 0) return std::nullopt;
      const uint64_t pages = own_pages(node.low | static_cast<uint64_t>(node.high) << 16, size);
      if (pages >= least_pages) continue;
      least_pages = pages;
      least = {reinterpret_cast<const char*>(page) + at + kNodeHead, node.key};
    }
    return least.empty() ? std::nullopt : with_key(std::string(least), page);
  }

  std::optional<Movable> with_key(std::string key, const uint8_t* page) {
    if (key.size() >= 8) {
      const uint64_t group = LogKey::load(key.data());
      Movable entry{env_->lane(group), group, key};
      if (std::ranges::find(groups_, group) != groups_.end() && leads(entry, page)) return entry;
    }
    for (const MDB_dbi database : {env_->keys(), env_->groups(), env_->meta()}) {
      Movable other{database, 0, key};
      if (leads(other, page)) return other;
    }
    return std::nullopt;
  }

  MDB_txn* txn_;
  const Env* env_;
  const uint8_t* map_ = nullptr;
  std::vector<uint64_t> groups_;
  uint64_t tries_ = 0;
};

// Adds a window, unless something lies there that cannot be moved.
bool add_window(Owners& owners, const Window& window, const std::vector<uint64_t>& free,
                const MoveLimits& limits, Moves& moves) {
  if (window.in_use != 0 && !owners.is_readable(window, limits.length)) return false;
  std::vector<Movable> movables;
  uint64_t pages = 0;
  bool is_whole = true;
  for (uint64_t page = window.first; page < window.first + limits.length;) {
    if (std::ranges::binary_search(free, page)) {
      ++page;
      continue;
    }
    auto owned = owners.owner(page, limits.largest);
    if (!owned) return false;
    page += owned->pages;
    is_whole = moves.pages + pages < limits.most_pages;
    if (!is_whole) continue;
    movables.push_back(std::move(owned->what));
    pages += owned->pages;
  }
  moves.is_whole = is_whole;
  moves.pages += pages;
  moves.windows.insert(std::ranges::upper_bound(moves.windows, window.first), window.first);
  std::ranges::move(movables, std::back_inserter(moves.movables));
  return true;
}

}  // namespace

bool Moves::meets_window(const PageRow& row) const {
  const auto next = std::ranges::upper_bound(windows, row.first);
  if (next != windows.end() && row.first + row.pages > *next) return true;
  return next != windows.begin() && row.first < *std::prev(next) + length;
}

Result<Moves> find_moves(const Env& env, ReadTransactions& transactions, const GroupTable& groups,
                         const FreePages& free, const MoveLimits& limits) {
  constexpr size_t kMaxInVain = 32;  // windows that are looked at
  Moves moves;
  moves.length = limits.length;
  if (free.in_order().size() <= limits.spoken_for) return moves;
  std::vector<uint64_t> pages(free.in_order().begin() + static_cast<ptrdiff_t>(limits.spoken_for),
                              free.in_order().end());
  std::ranges::sort(pages);
  CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(transactions));
  CHRONIK_TRY(Owners owners, Owners::open(snapshot.txn(), env, groups));
  size_t in_vain = 0;
  for (const Window& window : best_windows(pages, limits)) {
    if (moves.windows.size() == limits.windows || in_vain == kMaxInVain) break;
    if (moves.meets_window({window.first, limits.length})) continue;
    const bool full = !moves.windows.empty() && moves.pages + window.in_use > limits.most_pages;
    if (full || owners.is_tired()) {
      moves.is_whole = moves.windows.empty();
      break;
    }
    // A damaged page costs the window that it is met for.
    const Status added = contain([&]() -> Status {
      if (!add_window(owners, window, pages, limits, moves)) ++in_vain;
      return {};
    });
    if (!added) ++in_vain;
  }
  return moves;
}

}  // namespace chronik::storage_lmdb
