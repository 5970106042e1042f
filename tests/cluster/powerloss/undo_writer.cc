// Writes to files as a server's plugin does, some of it durable, and ends as by kill -9: what undo_test.py takes back.
//
//     undo_writer FOLDER io_uring|threads
//
// Blocks of `ring`, one letter each: 0-9 D durable, then 5-7 E durable and 0-2 p not; 10-19 P not durable; 20-29 S, synced; the
// rest zeros, synced. `kept`, which was `segment` when it was written: "first" durable, "second" not. `gone` was removed, and
// `young`, made after it, has "new", not durable.
#include "host/files/file_folder.h"
#include "host/files/file_service.h"
#include "host/observe/logger.h"
#include "host/observe/metrics.h"
#include "host/runtime/runtime.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <string>
#include <vector>

namespace chronik::host {
namespace {

template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "undo_writer: %s\n", result.error().message.c_str());
    std::_Exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class Writer {
 public:
  Writer(const std::string& folder, FileIo io)
      : service_(must(FileService::open(runtime_, io))),
        folder_(must(service_->open_folder("undo", folder))) {
    runtime_.start();
  }
  uint64_t open(std::string_view name, uint32_t flags = 0) {
    info_.struct_size = sizeof info_;
    return must(folder_->open(name, CHR_FILE_CREATE | flags, &info_));
  }
  uint32_t block() const { return info_.block; }
  FileFolder& folder() { return *folder_; }

  // Begins all of them at once on a shard, and waits for the last end.
  void run(const std::vector<std::function<Status(uint64_t token)>>& calls) {
    std::vector<std::promise<chr_status>> ends(calls.size());
    runtime_.run_on(0, [&] {
      for (size_t i = 0; i < calls.size(); ++i) {
        const auto end = [](void* context, const chr_done* done) {
          static_cast<std::promise<chr_status>*>(context)->set_value(done->code);
        };
        must(calls[i](runtime_.op_begin(end, &ends[i])));
      }
    });
    for (auto& end : ends) {
      if (end.get_future().get() != CHR_OK) std::_Exit(1);
    }
  }
  void write_blocks(uint64_t file, uint64_t first, uint64_t n, char letter, uint32_t flags) {
    auto* const bytes = static_cast<uint8_t*>(std::aligned_alloc(block(), block()));
    std::memset(bytes, letter, block());
    const chr_slice slice{bytes, block(), nullptr};
    std::vector<std::function<Status(uint64_t)>> calls;
    for (uint64_t i = first; i < first + n; ++i) {
      calls.emplace_back(
          [=, this](uint64_t token) { return folder_->write({file, i * block(), &slice, 1, flags, token}); });
    }
    run(calls);
    std::free(bytes);
  }
  void append(uint64_t file, uint64_t at, std::string_view text, uint32_t flags) {
    const chr_slice slice{reinterpret_cast<const uint8_t*>(text.data()), text.size(), nullptr};
    run({[&](uint64_t token) { return folder_->write({file, at, &slice, 1, flags, token}); }});
  }
  void sync(uint64_t file) {
    run({[&](uint64_t token) { return folder_->sync(file, token); }});
  }

 private:
  Logger logger_;
  Metrics metrics_;
  Runtime runtime_{RuntimeOptions(), logger_, metrics_};
  std::unique_ptr<FileService> service_;
  std::shared_ptr<FileFolder> folder_;
  chr_file_info info_{};
};

void write_all(const std::string& folder, FileIo io) {
  Writer writer(folder, io);
  const uint64_t ring = writer.open("ring", CHR_FILE_DIRECT);
  const uint32_t block = writer.block();
  must(writer.folder().zero(ring, 0, uint64_t{64} * block));
  writer.sync(ring);
  writer.write_blocks(ring, 0, 10, 'D', CHR_FILE_DURABLE);
  writer.write_blocks(ring, 20, 10, 'S', 0);
  writer.sync(ring);
  writer.write_blocks(ring, 5, 3, 'E', CHR_FILE_DURABLE);
  writer.write_blocks(ring, 0, 3, 'p', 0);
  writer.write_blocks(ring, 10, 10, 'P', 0);
  const uint64_t gone = writer.open("gone");
  writer.append(gone, 0, std::string(100'000, 'g'), CHR_FILE_DURABLE);
  writer.folder().close(gone);
  must(writer.folder().remove("gone"));
  writer.append(writer.open("young"), 0, "new", 0);  // often with the inode of the one before
  const uint64_t segment = writer.open("segment");
  writer.append(segment, 0, "first", CHR_FILE_DURABLE);
  must(writer.folder().rename("segment", "kept"));
  writer.append(segment, 5, "second", 0);
  std::printf("%u\n", block);
  std::fflush(stdout);
  std::raise(SIGKILL);
}

}  // namespace
}  // namespace chronik::host

int main(int argc, char** argv) {
  using chronik::host::FileIo;
  if (argc != 3) return 2;
  chronik::host::write_all(argv[1], std::string(argv[2]) == "io_uring" ? FileIo::kUring : FileIo::kThreads);
  return 1;
}
