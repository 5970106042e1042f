// chronik.storage_admin/1 in C++; draft/storage_admin.h has the promises. Everything is [blocking].
//
//     StorageAdmin admin(table, instance);  // of an instance that was created and is not started
//     CHRONIK_CHECK(admin.open());
//     CHRONIK_CHECK(admin.groups([&](const chr_storage_group& group) { ...; return true; }));
//     CHRONIK_CHECK(admin.entries(id, 1, [&](const chr_entry& entry) { ...; return true; }));
//     admin.close();
//
// A callback returns whether to go on; where it says no, the call comes to CANCELLED. What it is given ends
// with it.
#pragma once

#include <chronik/draft/storage_admin.h>
#include <chronik/call.hpp>

#include <string_view>
#include <type_traits>

namespace chronik {

// Cheap to copy.
class StorageAdmin {
 public:
  StorageAdmin() = default;
  StorageAdmin(const chr_storage_admin_v1* table, void* self) : table_(table), self_(self) {}
  explicit operator bool() const { return table_ != nullptr; }

  // fn(const chr_storage_report&) -> bool. *seen is filled whatever comes of it.
  template <class F>
  Status check(F&& fn, chr_storage_check* seen) const {
    *seen = {};
    seen->struct_size = sizeof *seen;
    return call_now([&](chr_error* error) {
      return table_->check(self_, once<F, const chr_storage_report*>, context_of(fn), seen, error);
    });
  }
  Status open() const {
    return call_now([&](chr_error* error) { return table_->open(self_, error); });
  }
  void close() const { table_->close(self_); }
  // fn(const chr_storage_group&) -> bool
  template <class F>
  Status groups(F&& fn) const {
    return call_now([&](chr_error* error) {
      return table_->groups(self_, once<F, const chr_storage_group*>, context_of(fn), error);
    });
  }
  // fn(std::string_view key, chr_slice value) -> bool
  template <class F>
  Status keys(uint64_t group, std::string_view after, F&& fn) const {
    using Fn = std::remove_reference_t<F>;
    const chr_storage_key_fn each = [](void* context, chr_str key, chr_slice value) -> int32_t {
      return (*static_cast<Fn*>(context))(from_abi(key), value) ? 0 : 1;
    };
    return call_now([&](chr_error* error) {
      return table_->keys(self_, group, to_abi(after), each, context_of(fn), error);
    });
  }
  // fn(const chr_entry&) -> bool
  template <class F>
  Status entries(uint64_t group, uint64_t from, F&& fn) const {
    return call_now([&](chr_error* error) {
      return table_->entries(self_, group, from, once<F, const chr_entry*>, context_of(fn), error);
    });
  }

 private:
  template <class F, class Pointer>
  static int32_t CHR_CALL once(void* context, Pointer what) {
    return (*static_cast<std::remove_reference_t<F>*>(context))(*what) ? 0 : 1;
  }
  template <class F>
  static void* context_of(F& fn) {
    return const_cast<void*>(static_cast<const void*>(&fn));
  }

  const chr_storage_admin_v1* table_ = nullptr;
  void* self_ = nullptr;
};

}  // namespace chronik
