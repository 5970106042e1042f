// chronik.host.files/1 over a plugin's FileFolder. Internal to abi/.
#pragma once

#include "host/abi/plugin_host.h"

#include <chronik/draft/files.h>

namespace chronik::host {

struct FileServices {
  // Null: this plugin has no folder.
  static const chr_files_v1* table(PluginHost* host);

 private:
  static FileFolder& folder(chr_host* self);
  // Whether the calling thread may block; a shard may not, and that broken rule stops the node.
  static bool may_block(chr_host* self, const char* what);

  static chr_status CHR_CALL open(chr_host* self, chr_str name, uint32_t flags, uint64_t* file,
                                  chr_file_info* info, chr_error* error);
  static void CHR_CALL close(chr_host* self, uint64_t file);
  static chr_status CHR_CALL write(chr_host* self, const chr_file_write* args, chr_error* error);
  static chr_status CHR_CALL sync(chr_host* self, uint64_t file, uint64_t token, chr_error* error);
  static chr_status CHR_CALL read(chr_host* self, uint64_t file, uint64_t at, uint8_t* p, uint64_t n,
                                  chr_error* error);
  static chr_status CHR_CALL zero(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_error* error);
  static chr_status CHR_CALL resize(chr_host* self, uint64_t file, uint64_t n, chr_error* error);
  static chr_status CHR_CALL map(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_slice* out,
                                 chr_error* error);
  static chr_status CHR_CALL load(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_error* error);
  static int32_t CHR_CALL is_loaded(chr_host* self, uint64_t file, uint64_t at, uint64_t n);
  static chr_status CHR_CALL rename(chr_host* self, chr_str from, chr_str to, chr_error* error);
  static chr_status CHR_CALL remove(chr_host* self, chr_str name, chr_error* error);
  static chr_status CHR_CALL sync_names(chr_host* self, chr_error* error);
  static chr_status CHR_CALL list(chr_host* self, void(CHR_CALL* fn)(void*, chr_str, uint64_t), void* context,
                                  chr_error* error);
  static chr_status CHR_CALL space(chr_host* self, uint64_t* free_bytes, chr_error* error);
  static chr_status CHR_CALL sync_files(chr_host* self, const uint64_t* files, uint32_t n, chr_status* each,
                                        chr_error* error);

  static const chr_files_v1 kTable;
};

}  // namespace chronik::host
