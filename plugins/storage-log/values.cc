#include "storage-log/values.h"

#include <chronik/crc32c.hpp>

namespace chronik::storage_log {

Status Values::write(uint64_t group, uint64_t number, const chr_slice& value) {
  CHRONIK_TRY(const File file, files_.open(value_name(group, number), CHR_FILE_CREATE));
  CHRONIK_CHECK(file.write(0, std::span(&value, 1), CHR_FILE_DURABLE));
  return files_.sync_names();
}

Result<chr_slice> Values::read(uint64_t group, uint64_t number, const StoredValue& value) {
  const std::lock_guard lock(opening_);
  const std::string name = value_name(group, number);
  CHRONIK_TRY(const File file, files_.open(name, 0));
  const auto damaged = [&] {
    return fail(Code::kCorrupt, "the file " + name + " of a key is damaged on disk");
  };
  if (file.info().size != value.size) return damaged();
  chr_slice out{};
  if (host_.alloc(value.size, &out) != CHR_OK)
    return fail(Code::kOverloaded, "the host has no memory for a read");
  Lease lease = Lease::adopt(out.lease);
  CHRONIK_CHECK(file.read(0, const_cast<uint8_t*>(out.p), value.size));
  if (crc32c::extend(0, out.p, value.size) != value.crc) return damaged();
  static_cast<void>(lease.release());
  return out;
}

void Values::remove(uint64_t group, uint64_t number) {
  const std::lock_guard lock(mutex_);
  to_remove_.push_back(value_name(group, number));
}

bool Values::has_removals() const {
  const std::lock_guard lock(mutex_);
  return !to_remove_.empty();
}

Status Values::remove_some() {
  std::vector<std::string> names;
  {
    const std::lock_guard lock(mutex_);
    names.swap(to_remove_);
  }
  Status status;
  std::erase_if(names, [&](const std::string& name) {
    const Status removed = files_.remove(name);
    if (removed || removed.error().code == Code::kNotFound) return true;
    status = removed;
    return false;
  });
  if (status) return {};
  const std::lock_guard lock(mutex_);
  to_remove_.insert(to_remove_.end(), names.begin(), names.end());  // later
  return status;
}

}  // namespace chronik::storage_log
