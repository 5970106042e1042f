// chronik.host.files/1 as the table that the plugins of a node see.
#include "sim/host/file_services.h"

#include "sim/host/node.h"

namespace chronik::sim {
namespace {

HostFiles& files_of(chr_host* self) { return self->node->host_files(); }

chr_status CHR_CALL open(chr_host* self, chr_str name, uint32_t flags, uint64_t* file, chr_file_info* info,
                         chr_error* error) {
  return files_of(self).open(self, from_abi(name), flags, file, info, error);
}
void CHR_CALL close(chr_host* self, uint64_t file) { files_of(self).close(self, file); }
chr_status CHR_CALL write(chr_host* self, const chr_file_write* args, chr_error* error) {
  return files_of(self).write(self, *args, error);
}
chr_status CHR_CALL sync(chr_host* self, uint64_t file, uint64_t token, chr_error* error) {
  return files_of(self).sync(self, file, token, error);
}
chr_status CHR_CALL read(chr_host* self, uint64_t file, uint64_t at, uint8_t* p, uint64_t n,
                         chr_error* error) {
  return files_of(self).read(self, file, at, p, n, error);
}
chr_status CHR_CALL zero(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_error* error) {
  return files_of(self).zero(self, file, at, n, error);
}
chr_status CHR_CALL resize(chr_host* self, uint64_t file, uint64_t n, chr_error* error) {
  return files_of(self).resize(self, file, n, error);
}
chr_status CHR_CALL map(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_slice* out,
                        chr_error* error) {
  return files_of(self).map(self, file, at, n, out, error);
}
chr_status CHR_CALL load(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_error* error) {
  return files_of(self).load(self, file, at, n, error);
}
int32_t CHR_CALL is_loaded(chr_host* self, uint64_t file, uint64_t, uint64_t) {
  return files_of(self).is_loaded(self, file);
}
chr_status CHR_CALL rename(chr_host* self, chr_str from, chr_str to, chr_error* error) {
  return files_of(self).rename(self, from_abi(from), from_abi(to), error);
}
chr_status CHR_CALL remove(chr_host* self, chr_str name, chr_error* error) {
  return files_of(self).remove(self, from_abi(name), error);
}
chr_status CHR_CALL sync_names(chr_host* self, chr_error* error) {
  return files_of(self).sync_names(self, error);
}
chr_status CHR_CALL list(chr_host* self, void(CHR_CALL* fn)(void*, chr_str, uint64_t), void* context,
                         chr_error* error) {
  return files_of(self).list(self, fn, context, error);
}
chr_status CHR_CALL space(chr_host* self, uint64_t* free_bytes, chr_error* error) {
  return files_of(self).space(self, free_bytes, error);
}
chr_status CHR_CALL sync_files(chr_host* self, const uint64_t* files, uint32_t n, chr_status* each,
                               chr_error* error) {
  return files_of(self).sync_files(self, {files, n}, each, error);
}

}  // namespace

constexpr chr_files_v1 kFilesTable = {sizeof(chr_files_v1),
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

}  // namespace chronik::sim
