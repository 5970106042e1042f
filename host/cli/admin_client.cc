#include "host/cli/admin_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "host/app/plan.h"

namespace chronik::host {

namespace json = boost::json;

int complain(const Error& error) {
  fmt::print(stderr, "chronik-server: {}\n", error.message);
  return kExitFailed;
}

int print_json(const json::object& answer) {
  fmt::print("{}\n", json::serialize(answer));
  return kExitOk;
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}", row[i], widths[i] + 2);
    fmt::print("{}\n", line.substr(0, line.find_last_not_of(' ') + 1));
  }
}

Result<json::object> AdminClient::ask(const std::string& method, const std::string& path,
                                      const std::string& body) const {
  CHRONIK_TRY(const HttpAnswer answer, http_request(address_, method, path, body));
  boost::system::error_code failed;
  json::value value = json::parse(answer.body, failed);
  const bool is_object = !failed && value.is_object();
  if (answer.status >= 200 && answer.status < 300 && is_object) return std::move(value.as_object());
  if (answer.status == 404 && is_object && value.as_object().contains("routes")) {
    return fail(Code::kUnsupported, fmt::format("the node at {} has no {}: none of its plugins offers it, or "
                                                "the node is still starting; ask another node",
                                                address_, path));
  }
  const std::string said = is_object ? text_of(value.as_object(), "error") : std::string();
  return fail(static_cast<Code>(answer.status == 404 ? CHR_E_NOT_FOUND : CHR_E_FAILED),
              said.empty()
                  ? fmt::format("the node at {} answers {} with status {}", address_, path, answer.status)
                  : said);
}

std::optional<AdminClient> find_admin(const AdminArguments& arguments, int* code) {
  if (!arguments.http.empty()) return AdminClient(arguments.http);
  if (arguments.config.file.empty()) return AdminClient("127.0.0.1:9644");
  const NodePlan plan({arguments.config.file, {}, arguments.config.environment});
  if (plan.ok()) return AdminClient(plan.config().http_listen);
  fmt::print(stderr, "{}", plan.diagnostics().render("Nothing was asked."));
  *code = kExitConfig;
  return std::nullopt;
}

std::string text_of(const json::object& from, std::string_view key) {
  const json::value* value = from.if_contains({key.data(), key.size()});
  if (value == nullptr) return {};
  if (const json::string* text = value->if_string()) return {text->data(), text->size()};
  return json::serialize(*value);
}
int64_t integer_of(const json::object& from, std::string_view key) {
  const json::value* value = from.if_contains({key.data(), key.size()});
  return value != nullptr && value->is_int64() ? value->as_int64() : -1;
}
bool is_true(const json::object& from, std::string_view key) {
  const json::value* value = from.if_contains({key.data(), key.size()});
  return value != nullptr && value->is_bool() && value->as_bool();
}

std::vector<json::object> objects_of(const json::object& from, std::string_view key) {
  std::vector<json::object> out;
  const json::value* list = from.if_contains({key.data(), key.size()});
  if (list == nullptr || !list->is_array()) return out;
  for (const json::value& each : list->as_array())
    if (each.is_object()) out.push_back(each.as_object());
  return out;
}

}  // namespace chronik::host
