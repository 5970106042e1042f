// Requests of every API, made from the schemas: with every field filled in, and then with one array or one
// string of it grown.
#pragma once

#include <charconv>
#include <concepts>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kafka-proto/messages/produce.h"
#include "message_fields.h"

namespace chronik::kafka::testing {

// What stands in the fields, by their paths, such as "topics.name".
struct Seed {
  chr_uuid topic{};             // of the topic "t", which there is
  std::string records;          // of Produce
  std::string_view name = "t";  // of topics and resources
  int64_t resource_type = 2, config_operation = 2;

  std::string_view text(std::string_view path) const;
  int64_t number(std::string_view path) const;
  // Optional fields that stay null.
  static bool is_null(std::string_view path);
};

// How an array grows: its element again and again, or with all fields counted up, or with one of them; and a
// string: one letter, or a list of distinct words.
enum class Growth : uint8_t { kRepeated, kCounted, kLetters, kWords };

template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

// Calls leaf(path, value) for each leaf of a field, of arrays those of the first element, and array(path,
// vector) for each array on the way, before it.
template <class Leaf, class Array>
class Walk {
 public:
  Walk(int16_t version, Leaf& leaf, Array& array) : version_(version), leaf_(leaf), array_(array) {}
  template <class T>
  void operator()(const char* name, T& field) {
    const size_t before = path_.size();
    if (before != 0) path_ += '.';
    path_ += name;
    value(field);
    path_.resize(before);
  }
  template <class T>
  void value(T& field) {
    if constexpr (kIsOptional<T>) {
      if (Seed::is_null(path_)) return field.reset();
      if (!field.has_value()) field.emplace();
      value(*field);
    } else if constexpr (kIsVector<T>) {
      if (field.empty()) field.resize(1);
      array_(path_, field);
      value(field[0]);
    } else if constexpr (requires { visit_fields(field, version_, *this); }) {
      visit_fields(field, version_, *this);
    } else {
      leaf_(path_, field);
    }
  }
  std::string& path() { return path_; }

 private:
  const int16_t version_;
  Leaf& leaf_;
  Array& array_;
  std::string path_;
};

template <class T, class Leaf, class Array>
void walk(T& value, int16_t version, const std::string& path, Leaf&& leaf, Array&& array) {
  Walk<Leaf, Array> walk(version, leaf, array);
  walk.path() = path;
  walk.value(value);
}

inline constexpr auto kNoArray = [](const std::string&, auto&) {};

// Fills a request in.
template <class T>
void fill(T& request, int16_t version, const Seed& seed) {
  walk(
      request, version, "",
      [&]<class Leaf>(const std::string& path, Leaf& leaf) {
        if constexpr (std::same_as<Leaf, std::string_view>) {
          leaf = seed.text(path);
        } else if constexpr (std::same_as<Leaf, bool>) {
          leaf = path != "validate_only";
        } else if constexpr (std::integral<Leaf>) {
          leaf = static_cast<Leaf>(seed.number(path));
        } else if constexpr (std::same_as<Leaf, chr_uuid>) {
          if (path == "topic_data.topic_id" || path == "topics.topic_id") leaf = seed.topic;
        } else if constexpr (std::same_as<Leaf, Records>) {
          leaf = Records(Bytes(reinterpret_cast<const uint8_t*>(seed.records.data()), seed.records.size()));
        }
      },
      kNoArray);
}

// Whether a number says which thing is meant, and not how.
inline bool is_counted(std::string_view path) {
  for (const std::string_view how : {"type", "operation", "timestamp", "epoch", "bytes", "offset", "factor"})
    if (path.find(how) != std::string_view::npos) return false;
  return true;
}

// An id counted up in its first bytes, or in its last ones.
inline void count_up(chr_uuid& id, uint32_t i, bool last) {
  if (!is_zero(id)) std::memcpy(id.b + (last ? sizeof id.b - sizeof i : 0), &i, sizeof i);
}

// The fields of element number i, counted up. alone: the only one that is; empty: all are.
template <class T>
void count_up(T& element, int16_t version, const std::string& path, uint32_t i,
              std::deque<std::string>& texts, std::string_view alone) {
  constexpr uint32_t kFirst = 100'000;  // so that all have the same number of digits
  walk(
      element, version, path,
      [&]<class Leaf>(const std::string& at, Leaf& leaf) {
        if (!alone.empty() && at != alone) return;
        if constexpr (std::same_as<Leaf, std::string_view>) {
          leaf = texts.emplace_back("t" + std::to_string(kFirst + i));
        } else if constexpr (std::same_as<Leaf, chr_uuid>) {
          count_up(leaf, i, !alone.empty());
        } else if constexpr (std::integral<Leaf> && !std::same_as<Leaf, bool>) {
          if (is_counted(at)) leaf = static_cast<Leaf>(leaf + static_cast<Leaf>(i));
        }
      },
      kNoArray);
}

// Grows the array at `path` to n elements.
template <class T>
void grow_array(T& request, int16_t version, const std::string& path, Growth how, uint32_t n,
                std::deque<std::string>& texts, std::string_view alone = {}) {
  walk(
      request, version, "", [](const std::string&, auto&) {},
      [&](const std::string& at, auto& array) {
        if (at != path) return;
        array.resize(1);
        array.reserve(n);
        while (array.size() < n) {
          array.push_back(array[0]);
          if (how == Growth::kCounted)
            count_up(array.back(), version, path, static_cast<uint32_t>(array.size()), texts, alone);
        }
      });
}

template <class T>
void set_string(T& request, int16_t version, const std::string& path, std::string_view text) {
  walk(
      request, version, "",
      [&]<class Leaf>(const std::string& at, Leaf& leaf) {
        if constexpr (std::same_as<Leaf, std::string_view>) {
          if (at == path) leaf = text;
        }
      },
      kNoArray);
}

struct Paths {
  std::vector<std::string> arrays, strings;
  std::vector<std::string> counted;  // fields that can be counted up
  // Of an array.
  std::vector<std::string> counted_in(const std::string& array) const {
    std::vector<std::string> out;
    for (const std::string& path : counted)
      if (path == array || path.starts_with(array + '.')) out.push_back(path);
    return out;
  }
};

template <class T>
Paths paths_of(T& request, int16_t version) {
  Paths out;
  walk(
      request, version, "",
      [&]<class Leaf>(const std::string& at, Leaf&) {
        if constexpr (std::same_as<Leaf, std::string_view>) out.strings.push_back(at);
        const bool names = std::same_as<Leaf, std::string_view> || std::same_as<Leaf, chr_uuid>;
        const bool numbers = std::integral<Leaf> && !std::same_as<Leaf, bool>;
        if (names || (numbers && is_counted(at))) out.counted.push_back(at);
      },
      [&](const std::string& at, auto&) { out.arrays.push_back(at); });
  return out;
}

}  // namespace chronik::kafka::testing
