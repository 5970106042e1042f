// chronik.host.files/1 in C++; draft/files.h has the promises.
//
//     CHRONIK_TRY(Files files, Files::of(host));
//     CHRONIK_TRY(File file, files.open("journal-0", CHR_FILE_CREATE | CHR_FILE_DIRECT));
//     CHRONIK_CHECK(file.zero(0, 64 << 20));
//     file.write(at, slices, CHR_FILE_DURABLE, [](const Status& durable) { ... });
#pragma once

#include <chronik/draft/files.h>
#include <chronik/call.hpp>

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

namespace chronik {

// The rule of names that files have.
constexpr bool is_file_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= CHR_FILE_MAX_NAME && name.front() != '.' &&
         std::ranges::all_of(name, fits);
}

// One open file; closed when it goes. Movable. Thread rules are those of the functions behind each method.
class File {
 public:
  File() = default;
  File(const Host& host, const chr_files_v1* table, uint64_t file, const chr_file_info& info)
      : host_(host), table_(table), file_(file), info_(info) {}
  File(File&& other) noexcept { *this = std::move(other); }
  File& operator=(File&& other) noexcept {
    std::swap(host_, other.host_);
    std::swap(table_, other.table_);
    std::swap(file_, other.file_);
    std::swap(info_, other.info_);
    return *this;
  }
  ~File() { close(); }

  explicit operator bool() const { return file_ != 0; }
  // As it was opened: info().size does not follow.
  const chr_file_info& info() const { return info_; }
  void close() {
    if (file_ != 0) table_->close(host_.self(), std::exchange(file_, 0));
  }

  // [blocking]
  Status write(uint64_t at, std::span<const chr_slice> slices, uint32_t flags = 0) const {
    return call_now([&](chr_error* error) { return write(at, slices, flags, 0, error); });
  }
  Status write(uint64_t at, const void* p, uint64_t n, uint32_t flags = 0) const {
    const chr_slice slice{static_cast<const uint8_t*>(p), n, nullptr};
    return write(at, std::span(&slice, 1), flags);
  }
  // [shard] done(Status), on this shard.
  template <class F>
  void write(uint64_t at, std::span<const chr_slice> slices, uint32_t flags, F done) const {
    call(host_, std::move(done),
         [&](uint64_t token, chr_error* error) { return write(at, slices, flags, token, error); });
  }
  // [blocking]
  Status sync() const {
    return call_now([&](chr_error* error) { return table_->sync(host_.self(), file_, 0, error); });
  }
  // [shard] done(Status), on this shard.
  template <class F>
  void sync(F done) const {
    call(host_, std::move(done),
         [&](uint64_t token, chr_error* error) { return table_->sync(host_.self(), file_, token, error); });
  }
  // [blocking], all of them
  Status read(uint64_t at, void* p, uint64_t n) const {
    return call_now([&](chr_error* error) {
      return table_->read(host_.self(), file_, at, static_cast<uint8_t*>(p), n, error);
    });
  }
  Status zero(uint64_t at, uint64_t n) const {
    return call_now([&](chr_error* error) { return table_->zero(host_.self(), file_, at, n, error); });
  }
  Status resize(uint64_t n) const {
    return call_now([&](chr_error* error) { return table_->resize(host_.self(), file_, n, error); });
  }
  Status load(uint64_t at, uint64_t n) const {
    return call_now([&](chr_error* error) { return table_->load(host_.self(), file_, at, n, error); });
  }
  // [any]
  bool is_loaded(uint64_t at, uint64_t n) const { return table_->is_loaded(host_.self(), file_, at, n) != 0; }
  // [any] The caller owns the reference of the slice's lease.
  Result<chr_slice> map(uint64_t at, uint64_t n) const {
    chr_slice out{};
    CHRONIK_CHECK(
        call_now([&](chr_error* error) { return table_->map(host_.self(), file_, at, n, &out, error); }));
    return out;
  }

 private:
  friend class Files;
  chr_status write(uint64_t at, std::span<const chr_slice> slices, uint32_t flags, uint64_t token,
                   chr_error* error) const {
    const chr_file_write args{file_, at, slices.data(), static_cast<uint32_t>(slices.size()), flags, token};
    return table_->write(host_.self(), &args, error);
  }

  Host host_;
  const chr_files_v1* table_ = nullptr;
  uint64_t file_ = 0;
  chr_file_info info_{};
};

// The folder. Cheap to copy.
class Files {
 public:
  Files() = default;
  Files(const Host& host, const chr_files_v1* table) : host_(host), table_(table) {}
  // UNSUPPORTED: this host has no files.
  static Result<Files> of(const Host& host) {
    const auto* const table = host.find<chr_files_v1>(CHR_FILES_ID);
    if (table == nullptr) return fail(Code::kUnsupported, "this host does not offer " CHR_FILES_ID);
    return Files(host, table);
  }
  explicit operator bool() const { return table_ != nullptr; }
  // The same folder, to look at: files are opened to be read only, and no name is changed (INVALID_ARGUMENT).
  Files to_read() const {
    Files files = *this;
    files.flags_ = CHR_FILE_READ;
    return files;
  }

  // [blocking], all of them
  Result<File> open(std::string_view name, uint32_t flags) const {
    uint64_t file = 0;
    chr_file_info info{};
    info.struct_size = sizeof info;
    CHRONIK_CHECK(call_now([&](chr_error* error) {
      return table_->open(host_.self(), to_abi(name), flags | flags_, &file, &info, error);
    }));
    return File(host_, table_, file, info);
  }
  Status rename(std::string_view from, std::string_view to) const {
    return change(
        [&](chr_error* error) { return table_->rename(host_.self(), to_abi(from), to_abi(to), error); });
  }
  Status remove(std::string_view name) const {
    return change([&](chr_error* error) { return table_->remove(host_.self(), to_abi(name), error); });
  }
  Status sync_names() const {
    return change([&](chr_error* error) { return table_->sync_names(host_.self(), error); });
  }
  // sync() of each of these files of the folder: each[i] is what it gave for files[i], the return the first error.
  Status sync_files(std::span<const File* const> files, std::span<chr_status> each) const {
    std::vector<uint64_t> handles;
    for (const File* file : files) handles.push_back(file->file_);
    return call_now([&](chr_error* error) {
      return table_->sync_files(host_.self(), handles.data(), static_cast<uint32_t>(handles.size()),
                                each.data(), error);
    });
  }
  // fn(std::string_view name, uint64_t size), before the return.
  template <class F>
  Status list(F&& fn) const {
    using Fn = std::remove_reference_t<F>;
    return call_now([&](chr_error* error) {
      return table_->list(
          host_.self(),
          [](void* to, chr_str name, uint64_t size) { (*static_cast<Fn*>(to))(from_abi(name), size); },
          const_cast<void*>(static_cast<const void*>(&fn)), error);
    });
  }
  Result<uint64_t> free_bytes() const {
    uint64_t out = 0;
    CHRONIK_CHECK(call_now([&](chr_error* error) { return table_->space(host_.self(), &out, error); }));
    return out;
  }

 private:
  template <class Call>
  Status change(Call&& invoke) const {
    if (flags_ == CHR_FILE_READ) return fail(Code::kInvalidArgument, "the folder is only to be read");
    return call_now(invoke);
  }

  Host host_;
  const chr_files_v1* table_ = nullptr;
  uint32_t flags_ = 0;
};

}  // namespace chronik
