#include "host/app/config_file.h"

#include <chronik/result.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace chronik::host {
namespace {

constexpr std::uintmax_t kMaxConfigBytes = 1 << 20;

Result<std::string> read_text(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) return fail(Code::kNotFound, "no such file");
  if (!std::filesystem::is_regular_file(status)) return fail(Code::kInvalidArgument, "is not a regular file");
  if (std::filesystem::file_size(file, error) > kMaxConfigBytes) {
    return fail(Code::kOutOfRange, "is larger than 1 MiB, so it is no configuration");
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(Code::kIo, std::strerror(errno));
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

bool read_config_file(const std::filesystem::path& file, TomlDocument* document, Diagnostics* diagnostics) {
  if (file.empty()) {
    diagnostics->set_file("(no file)", "");
    return true;
  }
  auto text = read_text(file);
  if (!text) {
    diagnostics->set_file(file.string(), "");
    diagnostics->error_from(file.string(), text.error().message);
    return false;
  }
  *document = parse_toml(*text);
  diagnostics->set_file(file.string(), std::move(*text));
  for (const TomlError& error : document->errors) diagnostics->error(error.at, error.at, error.message);
  return document->readable;
}

}  // namespace chronik::host
