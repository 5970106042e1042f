#include "host/abi/file_services.h"

#include "host/files/file_folder.h"

#include <fmt/format.h>

namespace chronik::host {
namespace {

PluginHost* of(chr_host* self) { return reinterpret_cast<PluginHost*>(self); }

chr_status answer(const Status& status, chr_error* error) {
  return status ? CHR_OK : report(error, status.error());
}

template <class T>
chr_status answer(const Result<T>& result, T* out, chr_error* error) {
  if (!result) return report(error, result.error());
  *out = *result;
  return CHR_OK;
}

// What has a token goes on after it has begun.
chr_status answer(const Status& status, uint64_t token, chr_error* error) {
  return status && token != 0 ? CHR_PENDING : answer(status, error);
}

}  // namespace

const chr_files_v1* FileServices::table(PluginHost* host) {
  if (host->options_.files == nullptr) return nullptr;
  host->options_.files->note_use();
  return &kTable;
}

FileFolder& FileServices::folder(chr_host* self) { return *of(self)->options_.files; }

bool FileServices::may_block(chr_host* self, const char* what) {
  PluginHost* const host = of(self);
  if (host->runtime_.current_shard() < 0) return true;
  host->runtime_.fatal(
      host->id(), fmt::format("{} was called on a shard, where nothing may wait for a disk; call it on a "
                              "blocking thread",
                              what));
  return false;
}

chr_status CHR_CALL FileServices::open(chr_host* self, chr_str name, uint32_t flags, uint64_t* file,
                                       chr_file_info* info, chr_error* error) {
  if (!may_block(self, "files.open")) return CHR_E_INVALID_ARGUMENT;
  return answer(folder(self).open(from_abi(name), flags, info), file, error);
}

void CHR_CALL FileServices::close(chr_host* self, uint64_t file) { folder(self).close(file); }

chr_status CHR_CALL FileServices::write(chr_host* self, const chr_file_write* args, chr_error* error) {
  if (args->token == 0 && !may_block(self, "files.write without a token")) return CHR_E_INVALID_ARGUMENT;
  return answer(folder(self).write(*args), args->token, error);
}

chr_status CHR_CALL FileServices::sync(chr_host* self, uint64_t file, uint64_t token, chr_error* error) {
  if (token == 0 && !may_block(self, "files.sync without a token")) return CHR_E_INVALID_ARGUMENT;
  return answer(folder(self).sync(file, token), token, error);
}

chr_status CHR_CALL FileServices::read(chr_host* self, uint64_t file, uint64_t at, uint8_t* p, uint64_t n,
                                       chr_error* error) {
  if (!may_block(self, "files.read")) return CHR_E_INVALID_ARGUMENT;
  return answer(folder(self).read(file, at, p, n), error);
}

chr_status CHR_CALL FileServices::zero(chr_host* self, uint64_t file, uint64_t at, uint64_t n,
                                       chr_error* error) {
  if (!may_block(self, "files.zero")) return CHR_E_INVALID_ARGUMENT;
  return answer(folder(self).zero(file, at, n), error);
}

chr_status CHR_CALL FileServices::resize(chr_host* self, uint64_t file, uint64_t n, chr_error* error) {
  if (!may_block(self, "files.resize")) return CHR_E_INVALID_ARGUMENT;
  return answer(folder(self).resize(file, n), error);
}

chr_status CHR_CALL FileServices::map(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_slice* out,
                                      chr_error* error) {
  return answer(folder(self).map(file, at, n), out, error);
}

chr_status CHR_CALL FileServices::load(chr_host* self, uint64_t file, uint64_t at, uint64_t n,
                                       chr_error* error) {
  if (!may_block(self, "files.load")) return CHR_E_INVALID_ARGUMENT;
  return answer(folder(self).load(file, at, n), error);
}

int32_t CHR_CALL FileServices::is_loaded(chr_host* self, uint64_t file, uint64_t at, uint64_t n) {
  return folder(self).is_loaded(file, at, n) ? 1 : 0;
}

chr_status CHR_CALL FileServices::rename(chr_host* self, chr_str from, chr_str to, chr_error* error) {
  if (!may_block(self, "files.rename")) return CHR_E_INVALID_ARGUMENT;
  return answer(folder(self).rename(from_abi(from), from_abi(to)), error);
}

chr_status CHR_CALL FileServices::remove(chr_host* self, chr_str name, chr_error* error) {
  if (!may_block(self, "files.remove")) return CHR_E_INVALID_ARGUMENT;
  return answer(folder(self).remove(from_abi(name)), error);
}

chr_status CHR_CALL FileServices::sync_names(chr_host* self, chr_error* error) {
  if (!may_block(self, "files.sync_names")) return CHR_E_INVALID_ARGUMENT;
  return answer(folder(self).sync_names(), error);
}

chr_status CHR_CALL FileServices::list(chr_host* self, void(CHR_CALL* fn)(void*, chr_str, uint64_t),
                                       void* context, chr_error* error) {
  if (!may_block(self, "files.list")) return CHR_E_INVALID_ARGUMENT;
  const auto tell = [&](std::string_view name, uint64_t size) { fn(context, to_abi(name), size); };
  return answer(folder(self).list(tell), error);
}

chr_status CHR_CALL FileServices::space(chr_host* self, uint64_t* free_bytes, chr_error* error) {
  if (!may_block(self, "files.space")) return CHR_E_INVALID_ARGUMENT;
  return answer(folder(self).free_bytes(), free_bytes, error);
}

chr_status CHR_CALL FileServices::sync_files(chr_host* self, const uint64_t* files, uint32_t n,
                                             chr_status* each, chr_error* error) {
  if (!may_block(self, "files.sync_files")) return CHR_E_INVALID_ARGUMENT;
  return answer(folder(self).sync_files({files, n}, each), error);
}

const chr_files_v1 FileServices::kTable = {sizeof(chr_files_v1),
                                           1,
                                           open,
                                           close,
                                           write,
                                           sync,
                                           read,
                                           zero,
                                           resize,
                                           map,
                                           load,
                                           is_loaded,
                                           rename,
                                           remove,
                                           sync_names,
                                           list,
                                           space,
                                           sync_files};

}  // namespace chronik::host
