#include "host/app/table_config.h"

namespace chronik::host {

chr_status TableConfig::integer(std::string_view key, int64_t* out) const {
  const Value* value = values_.find(key);
  if (value == nullptr || value->is_list || !std::holds_alternative<int64_t>(value->items.at(0))) {
    return CHR_E_NOT_FOUND;
  }
  *out = value->integer();
  return CHR_OK;
}

chr_status TableConfig::string(std::string_view key, std::string_view* out) const {
  const Value* value = values_.find(key);
  if (value == nullptr || value->is_list || !std::holds_alternative<std::string>(value->items.at(0))) {
    return CHR_E_NOT_FOUND;
  }
  *out = value->text();
  return CHR_OK;
}

template <class T, class Out>
chr_status TableConfig::item(std::string_view key, uint32_t i, Out* out) const {
  const Value* value = values_.find(key);
  if (value == nullptr || !value->is_list) return CHR_E_NOT_FOUND;
  if (i >= value->items.size()) return CHR_E_OUT_OF_RANGE;
  const auto* found = std::get_if<T>(&value->items[i]);
  if (found == nullptr) return CHR_E_NOT_FOUND;
  *out = *found;
  return CHR_OK;
}

chr_status TableConfig::integer_at(std::string_view key, uint32_t i, int64_t* out) const {
  return item<int64_t>(key, i, out);
}

chr_status TableConfig::string_at(std::string_view key, uint32_t i, std::string_view* out) const {
  return item<std::string>(key, i, out);
}

}  // namespace chronik::host
