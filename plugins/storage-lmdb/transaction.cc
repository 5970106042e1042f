#include "storage-lmdb/transaction.h"

#include "storage-lmdb/log_ends.h"
#include "storage-lmdb/page.h"

namespace chronik::storage_lmdb {
namespace {

constexpr Slice kTrims = {1024, 64u << 20, 2'000'000};  // of a transaction; more is purged later
constexpr uint64_t kTurnEntries = 64;                   // of a group, before the next one has its turn
constexpr uint64_t kTurnBytes = 1u << 20;
constexpr uint64_t kPathPages = 4;     // pages that a change in one place copies on write, roughly
constexpr uint64_t kMaxOfAPage = 240;  // entries or keys, more than any page has
// Entries or keys that are looked over at once; a transaction removes fewer, but for a truncation.
constexpr uint64_t kMaxAtOnce = 4096;
constexpr char kNextId[] = "next_group";
constexpr char kTouch[] = "touch";

// A cursor for one scope.
class Cursor {
 public:
  Cursor(MDB_txn* txn, MDB_dbi dbi) : rc_(mdb_cursor_open(txn, dbi, &cursor_)) {}
  ~Cursor() {
    if (cursor_ != nullptr) mdb_cursor_close(cursor_);
  }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  int get(MDB_val* key, MDB_val* value, MDB_cursor_op op) {
    return rc_ == MDB_SUCCESS ? mdb_cursor_get(cursor_, key, value, op) : rc_;
  }
  int remove() { return mdb_cursor_del(cursor_, 0); }

 private:
  MDB_cursor* cursor_ = nullptr;
  int rc_;
};

bool same_group(MDB_val key, uint64_t group) { return LogKey::load(key.mv_data) == group; }
const uint8_t* key_index(MDB_val key) { return static_cast<const uint8_t*>(key.mv_data) + 8; }

}  // namespace

Transaction::~Transaction() {
  if (txn_ != nullptr) mdb_txn_abort(txn_);
}

Status Transaction::check(int rc, const char* doing) const {
  if (rc == MDB_SUCCESS) return {};
  return std::unexpected(lmdb_error(rc, doing));
}

Status Transaction::begin() {
  CHRONIK_CHECK(check(mdb_txn_begin(env_.raw(), nullptr, 0, &txn_), "begin a write transaction"));
  trims_ = Budget(host_, kTrims);
  return {};
}

Status Transaction::commit(Space& space) {
  for (auto& [id, working] : working_) {
    if (working.purged) CHRONIK_CHECK(finish_purge(working));
  }
  std::vector<uint64_t> touched;
  for (const auto& [id, working] : working_) touched.push_back(id);
  CHRONIK_CHECK(space.count(txn_, touched));
  CHRONIK_CHECK(check(storage_lmdb::commit(std::exchange(txn_, nullptr)), "commit"));
  space.take_count();
  for (const auto& [id, working] : working_) {
    groups_.publish(working.group);
    if (working.purged) groups_.purged(working.group);
  }
  return {};
}

Group* Transaction::checkout(uint64_t id) {
  const auto found = working_.find(id);
  if (found != working_.end()) return &found->second.group;
  Group group;
  if (!groups_.checkout(id, &group)) return nullptr;
  return &working_.emplace(id, Working{std::move(group)}).first->second.group;
}

Status Transaction::apply(const OwnedWrite& write) {
  if (const std::string* why = groups_.damage(write.group())) return fail(Code::kCorrupt, *why);
  Group* group = checkout(write.group());
  if (group == nullptr || group->dropped)
    return fail(Code::kInvalidArgument,
                "a write to group " + std::to_string(write.group()) + ", which does not exist");
  Status trouble;
  const Status fits = check_appends(write, [&](uint64_t limit) -> uint64_t {
    if (limit > group->log.last) return group->log.last;
    const Result<uint64_t> last = last_below(*group, limit);
    if (!last) trouble = std::unexpected(last.error());
    return last.value_or(0);
  });
  CHRONIK_CHECK(trouble);
  CHRONIK_CHECK(fits);
  if (!group->durable) {
    group->durable = true;
    CHRONIK_CHECK(write_group(*group));
    uint64_t next = groups_.next_id();
    MDB_val key{sizeof kNextId - 1, const_cast<char*>(kNextId)};
    MDB_val value{sizeof next, &next};
    CHRONIK_CHECK(check(mdb_put(txn_, env_.meta(), &key, &value, 0), "write the next group id"));
  }
  for (const chr_storage_step& step : write.steps()) CHRONIK_CHECK(apply_step(*group, step));
  effect_.freed += kPathPages * env_.page_size();
  return {};
}

Status Transaction::apply_step(Group& group, const chr_storage_step& step) {
  switch (step.type) {
    case CHR_STORAGE_TRUNCATE:
      return truncate(group, step.index);
    case CHR_STORAGE_APPEND:
      return append(group, step);
    case CHR_STORAGE_TRIM:
      return trim(group, step.index, trims_);
    case CHR_STORAGE_PUT:
      return put_value(group, step);
    case CHR_STORAGE_DELETE:
      return remove_key(group, step.key);
    default:
      group.dropped = true;
      group.gone_bytes += bytes_in_file(group.log.entries(), group.log.bytes());
      effect_.freed += group.log.bytes();
      group.log = {};
      return write_group(group);
  }
}

Status Transaction::append(Group& group, const chr_storage_step& step) {
  if (step.n == 0) return {};
  if (step.entries[0].header.index < group.purge_below) {
    // What waits to be purged would take the new entries with it. Rare: the store holds such a write back
    // until it is purged, unless the truncation came with the same commit.
    const uint64_t first = step.entries[0].header.index;
    Budget all = Budget::unlimited();
    CHRONIK_CHECK(remove_gone(group, first, group.purge_below, all));
    group.purge_below = first == 1 ? 0 : first;
    if (group.purge_below == 0) group.gone_bytes = 0;
    CHRONIK_CHECK(write_group(group));
  }
  for (const chr_entry& entry : std::span(step.entries, step.n)) CHRONIK_CHECK(append_one(group, entry));
  return {};
}

Status Transaction::append_one(Group& group, const chr_entry& entry) {
  LogState& log = group.log;
  const uint64_t n = entry.payload.n;
  RecordHead head{0, 0, log.entries_at_last + 1, log.bytes_at_last + n, entry.header};
  LogKey id(group.id, entry.header.index);
  MDB_val key = id.val();
  MDB_val value{sizeof head + n, nullptr};
  CHRONIK_CHECK(check(mdb_put(txn_, env_.lane(group.id), &key, &value, MDB_RESERVE), "append an entry"));
  if (end_of_own_pages(value, env_.page_size()) * env_.page_size() > row_end_)
    return fail(Code::kNoSpace, "no free pages in a row for an entry of " + std::to_string(n) + " bytes");
  auto* to = static_cast<uint8_t*>(value.mv_data);
  head.payload_crc = copy_with_crc(to + sizeof head, entry.payload.p, n);
  head.head_crc = head_crc(head, id);
  std::memcpy(to, &head, sizeof head);
  if (log.last == 0) {
    log.first = entry.header.index;
    log.entries_before_first = log.entries_at_last;
    log.bytes_before_first = log.bytes_at_last;
  }
  log.last = entry.header.index;
  log.entries_at_last = head.total_entries;
  log.bytes_at_last = head.total_bytes;
  effect_.written += value.mv_size;
  effect_.rows.add(value.mv_size, env_.page_size());
  return {};
}

Status Transaction::truncate(Group& group, uint64_t index) {
  LogState& log = group.log;
  if (log.last == 0 || index > log.last) return {};
  if (index <= log.first) {  // which may take its time; most often it is little, and what comes next is close
    Budget budget(host_, kTrims);
    return trim(group, log.last + 1, budget);
  }
  // What raft cuts off was never committed, and of that there are some MiB at most.
  Budget all = Budget::unlimited();
  CHRONIK_CHECK(remove_entries(group, index, UINT64_MAX, all));
  CHRONIK_TRY(LogEnds ends, LogEnds::open(txn_, env_, group.id));
  CHRONIK_TRY(log, ends.without_from(index, log));
  return {};
}

Status Transaction::trim(Group& group, uint64_t index, Budget& budget) {
  LogState& log = group.log;
  if (log.last == 0 || index <= log.first) return {};
  index = std::min(index, log.last + 1);
  LogState after;
  {
    CHRONIK_TRY(LogEnds ends, LogEnds::open(txn_, env_, group.id));
    CHRONIK_TRY(after, ends.without_below(index, log));
  }
  group.gone_bytes += bytes_in_file(log.entries() - after.entries(), log.bytes() - after.bytes());
  if (!budget.is_spent()) CHRONIK_CHECK(remove_gone(group, log.first, index, budget));
  if (budget.is_spent()) {
    group.purge_below = std::max(group.purge_below, index);
    CHRONIK_CHECK(write_group(group));
  } else if (group.purge_below == 0) {
    group.gone_bytes = 0;  // which was an estimate
  }
  log = after;
  return {};
}

Status Transaction::put_value(const Group& group, const chr_storage_step& step) {
  std::string key(reinterpret_cast<const char*>(LogKey(group.id, 0).bytes()), 8);
  key.append(from_abi(step.key));
  std::string value = encode_value({reinterpret_cast<const char*>(step.value.p), step.value.n});
  MDB_val k{key.size(), key.data()};
  MDB_val v{value.size(), value.data()};
  effect_.written += value.size();
  return check(mdb_put(txn_, env_.keys(), &k, &v, 0), "put a key");
}

Status Transaction::remove_key(const Group& group, chr_str name) {
  std::string key(reinterpret_cast<const char*>(LogKey(group.id, 0).bytes()), 8);
  key.append(from_abi(name));
  MDB_val k{key.size(), key.data()};
  CHRONIK_CHECK(look_over(env_.keys(), k, 1));
  const int rc = mdb_del(txn_, env_.keys(), &k, nullptr);
  return rc == MDB_NOTFOUND ? Status{} : check(rc, "delete a key");
}

Status Transaction::write_group(Group& group) {
  std::string record = encode_group(group.name(), group.dropped, group.purge_below);
  LogKey id(group.id, 0);
  MDB_val key = id.group_val();
  MDB_val value{record.size(), record.data()};
  return check(mdb_put(txn_, env_.groups(), &key, &value, 0), "write a group's record");
}

// Groups take turns: what was written together lies together, and becomes free together.
Status Transaction::purge(const Slice& slice, WarmBelow& warm, uint64_t& turn) {
  Budget budget(host_, slice);
  while (!budget.is_spent() && !warm.empty()) {
    auto next = warm.upper_bound(turn);
    if (next == warm.end()) next = warm.begin();
    turn = next->first;
    if (!groups_.to_purge().contains(turn)) {
      warm.erase(next);
      continue;
    }
    Budget part = budget.part(kTurnEntries, kTurnBytes);
    CHRONIK_TRY(const bool done, purge_group(turn, next->second, part));
    budget.spend(part);
    if (done) warm.erase(next);
  }
  return {};
}

Result<bool> Transaction::purge_group(uint64_t id, uint64_t warm_below, Budget& budget) {
  purging_ = id;
  Group* group = checkout(id);
  const uint64_t below = group->dropped ? UINT64_MAX : group->purge_below;
  CHRONIK_CHECK(remove_gone(*group, 0, std::min(below, warm_below), budget));
  const bool all = warm_below >= below;
  if (all && group->dropped && !budget.is_spent()) CHRONIK_CHECK(remove_keys(*group, budget));
  purging_ = 0;
  if (budget.is_spent()) return false;
  if (all) working_.at(id).purged = true;
  return true;
}

Result<PageRow> Transaction::move_row(const Movable& what) {
  if (what.group != 0 && checkout(what.group) == nullptr)
    return fail(Code::kCorrupt, "an entry of a group that is not there");
  MDB_val key{what.key.size(), const_cast<char*>(what.key.data())};
  MDB_val from{};
  CHRONIK_CHECK(check(mdb_get(txn_, what.database, &key, &from), "find what is to be moved"));
  const uint64_t own = own_pages(from.mv_size, env_.page_size());
  if (!own_pages_are_whole(from, env_.page_size()))
    return fail(Code::kCorrupt, "the pages of what is to be moved are damaged on disk");
  if (own != 0 && !is_readable(from.mv_data, from.mv_size))
    return fail(Code::kCorrupt, "the pages of what is to be moved cannot be read");
  std::string shared;  // what shares a page is copied with it
  if (own == 0) {
    shared.assign(static_cast<const char*>(from.mv_data), from.mv_size);
    from.mv_data = shared.data();
  }
  MDB_val to{from.mv_size, nullptr};
  CHRONIK_CHECK(check(mdb_put(txn_, what.database, &key, &to, MDB_RESERVE), "move an entry"));
  if (to.mv_data != from.mv_data) std::memcpy(to.mv_data, from.mv_data, from.mv_size);  // moved before
  effect_.freed += from.mv_size + env_.page_size();
  return PageRow{end_of_own_pages(to, env_.page_size()) - own, own};
}

Status Transaction::touch() {
  MDB_val key{sizeof kTouch - 1, const_cast<char*>(kTouch)};
  uint64_t id = mdb_txn_id(txn_);
  MDB_val value{sizeof id, &id};
  return check(mdb_put(txn_, env_.meta(), &key, &value, 0), "touch the store");
}

Status Transaction::finish_purge(Working& working) {
  Group& group = working.group;
  if (!group.dropped) {
    group.purge_below = 0;
    return write_group(group);
  }
  LogKey id(group.id, 0);
  MDB_val key = id.group_val();
  return check(mdb_del(txn_, env_.groups(), &key, nullptr), "remove a group's record");
}

// LMDB merges what deletions leave of a page with the page beside it, and believes what it finds there: a
// damaged one is to be met before anything is deleted.
Status Transaction::look_over(MDB_dbi dbi, MDB_val key, uint64_t n) {
  Cursor cursor(txn_, dbi);
  MDB_val value{};
  int rc = cursor.get(&key, &value, MDB_SET_RANGE);
  if (rc == MDB_NOTFOUND) rc = cursor.get(&key, &value, MDB_LAST);
  uint64_t back = 0;
  while (rc == MDB_SUCCESS && back++ < kMaxOfAPage) rc = cursor.get(&key, &value, MDB_PREV);
  if (rc == MDB_NOTFOUND) rc = cursor.get(&key, &value, MDB_FIRST);
  uint64_t steps = n + 2 * kMaxOfAPage;
  while (rc == MDB_SUCCESS && steps-- > 0) rc = cursor.get(&key, &value, MDB_NEXT);
  return rc == MDB_NOTFOUND ? Status{} : check(rc, "look at the pages of a log");
}

Status Transaction::remove_gone(Group& group, uint64_t from, uint64_t to, Budget& budget) {
  const uint64_t before = effect_.removed;
  CHRONIK_CHECK(remove_entries(group, from, to, budget));
  group.gone_bytes -= std::min(group.gone_bytes, effect_.removed - before);
  return {};
}

Status Transaction::remove_entries(const Group& group, uint64_t from, uint64_t to, Budget& budget) {
  uint64_t range = kMaxAtOnce;
  if (to != UINT64_MAX) range = to - from;
  if (to == UINT64_MAX && group.log.last >= from) range = group.log.last - from + 1;
  range = std::min({range, kMaxAtOnce, budget.entries_left()});
  CHRONIK_CHECK(look_over(env_.lane(group.id), LogKey(group.id, from).val(), range));
  Cursor cursor(txn_, env_.lane(group.id));
  LogKey id(group.id, from);
  MDB_val key = id.val();
  MDB_val value{};
  int rc = cursor.get(&key, &value, MDB_SET_RANGE);
  while (rc == MDB_SUCCESS && !budget.is_spent() && same_group(key, group.id)) {
    if (to != UINT64_MAX && LogKey::load(key_index(key)) >= to) break;
    if (!own_pages_are_whole(value, env_.page_size())) {
      return fail(Code::kCorrupt, "the pages of entry " + std::to_string(LogKey::load(key_index(key))) +
                                      " of group " + std::to_string(group.id) +
                                      " are damaged on disk: it cannot be removed");
    }
    effect_.freed += value.mv_size;
    const uint64_t bytes = value.mv_size;
    rc = cursor.remove();
    if (rc != MDB_SUCCESS) break;
    effect_.removed += bytes_in_file(1, bytes - std::min(bytes, sizeof(RecordHead)));
    effect_.rows_removed += own_pages(bytes, env_.page_size());
    budget.spend(bytes);
    // The cursor stands on the next entry, if the page still has one; NEXT knows both cases.
    rc = cursor.get(&key, &value, MDB_NEXT);
  }
  return rc == MDB_NOTFOUND ? Status{} : check(rc, "remove entries");
}

Status Transaction::remove_keys(const Group& group, Budget& budget) {
  const uint64_t most = std::min(kMaxAtOnce, budget.entries_left());
  CHRONIK_CHECK(look_over(env_.keys(), LogKey(group.id, 0).group_val(), most));
  Cursor cursor(txn_, env_.keys());
  LogKey id(group.id, 0);
  MDB_val key = id.group_val();
  MDB_val value{};
  int rc = cursor.get(&key, &value, MDB_SET_RANGE);
  while (rc == MDB_SUCCESS && !budget.is_spent() && same_group(key, group.id)) {
    const uint64_t bytes = value.mv_size;
    rc = cursor.remove();
    if (rc != MDB_SUCCESS) break;
    budget.spend(bytes);
    rc = cursor.get(&key, &value, MDB_NEXT);
  }
  return rc == MDB_NOTFOUND ? Status{} : check(rc, "remove keys");
}

Result<uint64_t> Transaction::last_below(const Group& group, uint64_t index) {
  CHRONIK_TRY(LogEnds ends, LogEnds::open(txn_, env_, group.id));
  CHRONIK_TRY(const uint64_t last, ends.index_below(index));
  return last >= group.log.first ? last : 0;
}

}  // namespace chronik::storage_lmdb
