// Calls of chronik.storage/1 with callbacks instead of tokens.
#pragma once

#include <chronik/storage.h>
#include <chronik/host.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace chronik::raft {

// Entries under a lease; empty is fine.
struct StoredEntries {
  const chr_entry* entries = nullptr;
  uint32_t n = 0;
  Lease lease;
};

// Bytes under a lease. found is false where there is no such key.
struct StoredValue {
  bool found = false;
  const uint8_t* p = nullptr;
  uint64_t n = 0;
  Lease lease;

  std::string_view text() const { return {reinterpret_cast<const char*>(p), n}; }
};

// Cheap to copy. Every callback runs exactly once, on the calling shard: before the call returns where the
// answer is already there, later otherwise.
class Store {
 public:
  Store() = default;
  Store(const Host& host, const chr_storage_v1* table, void* self)
      : host_(host), table_(table), self_(self) {}

  Result<uint64_t> open_group(std::string_view name) const {
    uint64_t group = 0;
    chr_error error = make_abi_error();
    const chr_status status = table_->open_group(self_, to_abi(name), &group, &error);
    if (status != CHR_OK) return std::unexpected(from_abi(error, status));
    return group;
  }

  // Those that exist durably.
  void list_groups(void(CHR_CALL* fn)(void* context, chr_str name), void* context) const {
    struct Visit {
      void(CHR_CALL* fn)(void* context, chr_str name);
      void* context;
    } visit{fn, context};
    table_->list_groups(
        self_,
        [](void* to, chr_str name, uint64_t) {
          const Visit& each = *static_cast<const Visit*>(to);
          each.fn(each.context, name);
        },
        &visit);
  }

  chr_storage_bounds bounds(uint64_t group) const {
    chr_storage_bounds bounds{};
    bounds.struct_size = sizeof bounds;
    (void)table_->bounds(self_, group, &bounds);
    return bounds;
  }

  // Writes are refused for lack of space just now.
  bool full() const {
    chr_storage_usage usage{};
    usage.struct_size = sizeof usage;
    return table_->usage(self_, &usage) == CHR_OK && usage.full != 0;
  }

  // done(Result<StoredEntries>)
  template <class F>
  void read(chr_storage_read args, F done) const {
    args.struct_size = sizeof args;
    chr_entries out{};
    out.struct_size = sizeof out;
    call<StoredEntries>(
        out, std::move(done),
        [this, &args](chr_entries* to, uint64_t token, chr_error* error) {
          return table_->read(self_, &args, to, token, error);
        },
        [](const chr_entries& from) {
          return StoredEntries{from.entries, from.n, Lease::adopt(from.lease)};
        });
  }

  // done(Result<chr_entry_header>); NOT_FOUND is an error.
  template <class F>
  void find(uint64_t group, int32_t by, int64_t value, F done) const {
    call<chr_entry_header>(
        chr_entry_header{}, std::move(done),
        [&](chr_entry_header* to, uint64_t token, chr_error* error) {
          return table_->find(self_, group, by, value, to, token, error);
        },
        [](const chr_entry_header& from) { return from; });
  }

  // done(Result<StoredValue>); an absent key is no error.
  template <class F>
  void get(uint64_t group, std::string_view key, F done) const {
    call<StoredValue>(
        chr_slice{},
        [done = std::move(done)](Result<StoredValue> value) mutable {
          if (!value && value.error().code == Code::kNotFound) value = StoredValue{};
          done(std::move(value));
        },
        [&](chr_slice* to, uint64_t token, chr_error* error) {
          return table_->get(self_, group, to_abi(key), to, token, error);
        },
        [](const chr_slice& from) { return StoredValue{true, from.p, from.n, Lease::adopt(from.lease)}; });
  }

  // One write of one group. done(Status): durable, or why nothing of it was applied.
  template <class F>
  void write(uint64_t group, const chr_storage_step* steps, uint64_t n, F done) const {
    call<void>(
        0, std::move(done),
        [&](int*, uint64_t token, chr_error* error) {
          const chr_storage_write write{group, token, steps, n};
          return table_->write(self_, &write, 1, error);
        },
        [](int) {});
  }

  const Host& host() const { return host_; }
  const chr_storage_v1* table() const { return table_; }
  void* self() const { return self_; }

 private:
  // Keeps what the call fills, and the callback, until the answer is there.
  template <class T, class Out, class F, class Call, class Convert>
  void call(const Out& empty, F done, Call&& invoke, Convert convert) const {
    struct State {
      Out out;
      F done;
    };
    auto state = std::make_shared<State>(State{empty, std::move(done)});
    const auto finish = [convert](State& s, chr_status code, std::string_view message) {
      if (code != CHR_OK) {
        s.done(Result<T>(std::unexpected(Error{static_cast<Code>(code), std::string(message)})));
      } else if constexpr (std::is_void_v<T>) {
        s.done(Result<T>());
      } else {
        s.done(Result<T>(convert(s.out)));
      }
    };
    chr_error error = make_abi_error();
    const chr_status status =
        host_.async([&](uint64_t token) { return invoke(&state->out, token, &error); },
                    [state, finish](const chr_done& d) { finish(*state, d.code, from_abi(d.message)); });
    if (status != CHR_PENDING) finish(*state, status, error.message);
  }

  Host host_;
  const chr_storage_v1* table_ = nullptr;
  void* self_ = nullptr;
};

}  // namespace chronik::raft
