// chronik.storage/1 with callbacks instead of tokens; storage.h has the promises.
//
//     Storage storage(host, table, instance);
//     CHRONIK_TRY(const uint64_t group, storage.open_group("orders/3"));
//     storage.write(group, steps, [](const Status& durable) { ... });
//     storage.read({.group = group, .from = 1}, [](Result<StoredEntries> entries) { ... });
#pragma once

#include <chronik/storage.h>
#include <chronik/call.hpp>

#include <span>

namespace chronik {

// Entries under a lease; empty is fine.
struct StoredEntries {
  const chr_entry* entries = nullptr;
  uint32_t n = 0;
  Lease lease;

  std::span<const chr_entry> all() const { return {entries, n}; }
};

// Bytes under a lease. found is false where there is no such key.
struct StoredValue {
  bool found = false;
  const uint8_t* p = nullptr;
  uint64_t n = 0;
  Lease lease;

  std::string_view text() const { return {reinterpret_cast<const char*>(p), n}; }
};

inline StoredEntries adopt_entries(const chr_entries& from) {
  return {from.entries, from.n, Lease::adopt(from.lease)};
}

// Cheap to copy. Every callback runs exactly once, on the calling shard: before the call returns where the
// answer is already there, later otherwise.
class Storage {
 public:
  Storage() = default;
  Storage(const Host& host, const chr_storage_v1* table, void* self)
      : host_(host), table_(table), self_(self) {}
  // From start() on. NOT_FOUND: no plugin provides it, or the manifest does not name it.
  static Result<Storage> acquire(const Host& host) {
    void* self = nullptr;
    const auto* const table = host.acquire<chr_storage_v1>(CHR_STORAGE_ID, &self);
    if (table == nullptr) return fail(Code::kNotFound, "no plugin provides " CHR_STORAGE_ID);
    return Storage(host, table, self);
  }
  explicit operator bool() const { return table_ != nullptr; }

  Result<uint64_t> open_group(std::string_view name) const {
    uint64_t group = 0;
    chr_error error = make_abi_error();
    const chr_status status = table_->open_group(self_, to_abi(name), &group, &error);
    if (status != CHR_OK) return std::unexpected(from_abi(error, status));
    return group;
  }
  // fn(std::string_view name, uint64_t group), before the return, for each that exists durably.
  template <class F>
  void list_groups(F&& fn) const {
    using Fn = std::remove_reference_t<F>;
    table_->list_groups(
        self_, [](void* to, chr_str name, uint64_t group) { (*static_cast<Fn*>(to))(from_abi(name), group); },
        const_cast<void*>(static_cast<const void*>(&fn)));
  }
  Result<chr_storage_bounds> bounds(uint64_t group) const {
    chr_storage_bounds out{};
    out.struct_size = sizeof out;
    const chr_status status = table_->bounds(self_, group, &out);
    if (status != CHR_OK) return fail(static_cast<Code>(status), "there is no such group");
    return out;
  }
  Result<chr_storage_usage> usage() const {
    chr_storage_usage out{};
    out.struct_size = sizeof out;
    const chr_status status = table_->usage(self_, &out);
    if (status != CHR_OK) return fail(static_cast<Code>(status), "the storage does not say what it uses");
    return out;
  }

  // One write of one group. done(Status): durable, or why nothing of it was applied.
  template <class F>
  void write(uint64_t group, std::span<const chr_storage_step> steps, F done) const {
    call(host_, std::move(done), [&](uint64_t token, chr_error* error) {
      const chr_storage_write write{group, token, steps.data(), steps.size()};
      return table_->write(self_, &write, 1, error);
    });
  }
  // done(Result<StoredEntries>)
  template <class F>
  void read(chr_storage_read args, F done) const {
    args.struct_size = sizeof args;
    chr_entries out{};
    out.struct_size = sizeof out;
    call<StoredEntries>(
        host_, out, std::move(done),
        [&](chr_entries* to, uint64_t token, chr_error* error) {
          return table_->read(self_, &args, to, token, error);
        },
        [](const chr_entries& from, const chr_done&) { return adopt_entries(from); });
  }
  // By CHR_FIND_*. done(Result<chr_entry_header>); NOT_FOUND is an error.
  template <class F>
  void find(uint64_t group, int32_t by, int64_t value, F done) const {
    call<chr_entry_header>(
        host_, chr_entry_header{}, std::move(done),
        [&](chr_entry_header* to, uint64_t token, chr_error* error) {
          return table_->find(self_, group, by, value, to, token, error);
        },
        [](const chr_entry_header& from, const chr_done&) { return from; });
  }
  // done(Result<StoredValue>); an absent key is no error.
  template <class F>
  void get(uint64_t group, std::string_view key, F done) const {
    call<StoredValue>(
        host_, chr_slice{},
        [done = std::move(done)](Result<StoredValue> value) mutable {
          if (!value && value.error().code == Code::kNotFound) value = StoredValue{};
          done(std::move(value));
        },
        [&](chr_slice* to, uint64_t token, chr_error* error) {
          return table_->get(self_, group, to_abi(key), to, token, error);
        },
        [](const chr_slice& from, const chr_done&) {
          return StoredValue{true, from.p, from.n, Lease::adopt(from.lease)};
        });
  }

  const chr_storage_v1* table() const { return table_; }
  void* self() const { return self_; }

 private:
  Host host_;
  const chr_storage_v1* table_ = nullptr;
  void* self_ = nullptr;
};

}  // namespace chronik
