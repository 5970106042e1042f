"""Emits api_table.h and .cc: the keys, names and versions of all APIs that have a message file."""

import cpp


def flexible_from(api):
    request = api.message("request")
    if request.flexible != api.message("response").flexible:
        raise ValueError(f"{api.name}: request and response must become flexible in the same version")
    return request.versions.high + 1 if request.flexible.empty() else request.flexible.low


def header(apis):
    lines = [cpp.NOTICE.format("*.msg"), "#pragma once", "", "#include <cstdint>", "#include <span>", ""]
    lines += ['#include "kafka-proto/wire/api_info.h"', "", "namespace chronik::kafka {", ""]
    lines += ["enum class ApiKey : int16_t {"]
    lines += [f"  {cpp.constant(api.name)} = {api.key}," for api in apis]
    lines += ["};", "", "// In order of their keys.", "std::span<const ApiInfo> all_apis();",
              "// Null when there is none with this key.", "const ApiInfo* find_api(int16_t key);",
              "const ApiInfo& api_info(ApiKey key);", "", "}  // namespace chronik::kafka", ""]
    return "\n".join(lines)


def row(api):
    versions = api.message("request").versions
    if versions != api.message("response").versions:
        raise ValueError(f"{api.name}: request and response must have the same versions")
    plain = "true" if api.plain_response_header else "false"
    return f'    {{{api.key}, "{api.name}", {versions.low}, {versions.high}, {flexible_from(api)}, {plain}}},'


def source(apis):
    lines = [cpp.NOTICE.format("*.msg"), '#include "kafka-proto/messages/api_table.h"', ""]
    lines += ["#include <algorithm>", "", "namespace chronik::kafka {", "namespace {", ""]
    lines += ["constexpr ApiInfo kApis[] = {"] + [row(api) for api in apis] + ["};", "", "}  // namespace", ""]
    lines += [
        "std::span<const ApiInfo> all_apis() {",
        "  return kApis;",
        "}",
        "",
        "const ApiInfo* find_api(int16_t key) {",
        "  const auto* at = std::ranges::lower_bound(kApis, key, {}, &ApiInfo::key);",
        "  return at != std::end(kApis) && at->key == key ? at : nullptr;",
        "}",
        "",
        "const ApiInfo& api_info(ApiKey key) {",
        "  return *find_api(static_cast<int16_t>(key));  // every ApiKey is in the table",
        "}",
        "",
        "}  // namespace chronik::kafka",
        "",
    ]
    return "\n".join(lines)
