// Writing a storage in C++: the table of chronik.storage/1 from a class whose functions are named as the
// table's; storage.h has the promises. storage_write.hpp and entries_lease.hpp have what most of them need,
// files.hpp is where it keeps its bytes, storage_admin_plugin.hpp is for the service beside it.
//
//     class Store {  // each function as in chr_storage_v1, without self
//      public:
//       chr_status open_group(chr_str name, uint64_t* group, chr_error* error);
//       void list_groups(void(CHR_CALL* fn)(void*, chr_str, uint64_t), void* context);
//       ...
//     };
//     const void* MyStorage::service(std::string_view id, void** instance) {
//       if (id != CHR_STORAGE_ID) return nullptr;
//       *instance = &store_;
//       return &chronik::kStorageTable<Store>;
//     }
#pragma once

#include <chronik/storage.h>
#include <chronik/plugin.hpp>

namespace chronik {

// The instance that goes with it is a Store*. An exception of a function becomes FAILED (plugin.hpp).
template <class Store>
inline constexpr chr_storage_v1 kStorageTable = {
    sizeof(chr_storage_v1),    1,
    thunk<&Store::open_group>, thunk<&Store::list_groups>,
    thunk<&Store::write>,      thunk<&Store::read>,
    thunk<&Store::find>,       thunk<&Store::get>,
    thunk<&Store::bounds>,     thunk<&Store::usage>,
};

}  // namespace chronik
