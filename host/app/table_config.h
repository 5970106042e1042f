// The values of a plugin's table as its host shows them to it.
#pragma once

#include "host/abi/plugin_host.h"
#include "host/config/settings.h"

namespace chronik::host {

// The values outlive it.
class TableConfig final : public ConfigValues {
 public:
  explicit TableConfig(const TableValues& values) : values_(values) {}
  chr_status integer(std::string_view key, int64_t* out) const override;
  chr_status string(std::string_view key, std::string_view* out) const override;
  chr_status integer_at(std::string_view key, uint32_t i, int64_t* out) const override;
  chr_status string_at(std::string_view key, uint32_t i, std::string_view* out) const override;
  bool is_given(std::string_view key) const override { return values_.is_given(key); }

 private:
  template <class T, class Out>
  chr_status item(std::string_view key, uint32_t i, Out* out) const;

  const TableValues& values_;
};

}  // namespace chronik::host
