// What the commands have in common that ask a running node over HTTP.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/cli/commands.h"
#include "host/cli/http_client.h"

namespace chronik::host {

class AdminClient {
 public:
  explicit AdminClient(std::string address) : address_(std::move(address)) {}

  // The object that the node answers with; an error where the node says one.
  Result<boost::json::object> ask(const std::string& method, const std::string& path,
                                  const std::string& body = {}) const;

 private:
  const std::string address_;
};

// Whom to ask; absent (and said why) where the configuration is wrong.
std::optional<AdminClient> find_admin(const AdminArguments& arguments, int* code);

// Says it, and returns the exit code.
int complain(const Error& error);
int print_json(const boost::json::object& answer);
// Rows of one width per column, under a head.
void print_table(const std::vector<std::vector<std::string>>& rows);

// ---- values of a JSON object ----

std::string text_of(const boost::json::object& from, std::string_view key);
int64_t integer_of(const boost::json::object& from, std::string_view key);  // -1: it is none
bool is_true(const boost::json::object& from, std::string_view key);
// Those of a list; none where it is no list.
std::vector<boost::json::object> objects_of(const boost::json::object& from, std::string_view key);

}  // namespace chronik::host
