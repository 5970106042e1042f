// Writing the few JSON texts of the HTTP port and the log.
#pragma once

#include <string>
#include <string_view>

namespace chronik::host {

// Appends text with what JSON wants escaped; control characters become \n, \t, \r or \u00XX.
void append_json_escaped(std::string& out, std::string_view text);
// The text as a JSON string, quotes included.
std::string json_text(std::string_view text);

}  // namespace chronik::host
