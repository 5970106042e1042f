// The plugin storage-log as the conformance kit opens it: with few and small files, to which small entries go soon.
#pragma once

#include "subject.hpp"

namespace chronik::conformance {

inline void use_storage_log(int64_t journal_file_bytes, int64_t direct_bytes, int64_t segment_bytes = 65536) {
  Subject& subject = Subject::get();
  subject.plugin = STORAGE_LOG;
  subject.is_durable = true;
  subject.settings = {{"queue_bytes", 8 << 20},       {"journal_file_bytes", journal_file_bytes},
                      {"journal_files", 2},           {"segment_bytes", segment_bytes},
                      {"direct_bytes", direct_bytes}, {"move_after", 0}};
}

}  // namespace chronik::conformance
