#include "host/files/file_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace chronik::host {
namespace {

Code code_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Code::kNoSpace;
    case ENOENT:
      return Code::kNotFound;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return Code::kOverloaded;
    default:
      return Code::kIo;
  }
}

std::string_view advice(int error) {
  switch (error) {
    case ENOSPC:
      return "; free some of the file system";
    case EDQUOT:
      return "; raise the quota, or free some of it";
    case EFBIG:
      return "; raise the limit of file sizes (ulimit -f), or use a file system for larger files";
    case EACCES:
    case EPERM:
      return "; the server's user must own what is below data_dir";
    case EMFILE:
    case ENFILE:
      return "; raise the limit of open files (ulimit -n)";
    case ENOMEM:
      return "; free some memory, or raise vm.max_map_count";
    case EROFS:
      return "; mount it for writing";
    case EIO:
      return "; look into the kernel's log, the disk may be failing";
    default:
      return "";
  }
}

}  // namespace

Error file_error(int error, std::string_view doing, std::string_view file) {
  return {code_of(error),
          fmt::format("cannot {} {}: {}{}", doing, file, std::strerror(error), advice(error))};
}

}  // namespace chronik::host
