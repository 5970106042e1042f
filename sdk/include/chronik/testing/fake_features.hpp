// FakeFeatures: chronik.metadata.features/1 for unit tests, beside a FakeMetadata. Levels are those of now,
// for every image.
//
//     FakeFeatures features(&host, &metadata);            // now found by acquire(CHR_FEATURES_ID)
//     features.add("transaction.version", 0, 2, 1);       // known from 0 to 2, finalized at 1
//     features.refuse("Node 3 is down");                  // what the next upgrades come to
#pragma once

#include <chronik/draft/features.h>

#include <chronik/testing/fake_metadata.hpp>

namespace chronik::testing {

class FakeFeatures {
 public:
  FakeFeatures(FakeHost* host, FakeMetadata* metadata) : metadata_(metadata) {
    static constexpr chr_features_v1 kTable = {sizeof kTable, 1, thunk<&FakeFeatures::at>,
                                               thunk<&FakeFeatures::update>};
    host->provide(CHR_FEATURES_ID, &kTable, this);
  }
  FakeFeatures(const FakeFeatures&) = delete;
  FakeFeatures& operator=(const FakeFeatures&) = delete;

  void add(std::string name, int16_t min, int16_t max, int16_t level) {
    features_.push_back({std::move(name), min, max, level});
  }
  int16_t level(std::string_view name) const {
    for (const Feature& feature : features_)
      if (feature.name == name) return feature.level;
    return 0;
  }
  // Empty: they are done again.
  void refuse(std::string why) { why_ = std::move(why); }

  // ---- chr_features_v1 ----
  chr_status at(chr_catalog*, uint32_t i, chr_feature* out) {
    if (i >= features_.size()) return CHR_E_OUT_OF_RANGE;
    out->min = features_[i].min;
    out->max = features_[i].max;
    out->name = to_abi(features_[i].name);
    out->level = features_[i].level;
    return CHR_OK;
  }
  chr_status update(const chr_feature_update* items, uint32_t n, uint32_t validate_only, uint64_t,
                    chr_change_result* results, uint64_t token, chr_error*) {
    std::vector<Wanted> wanted;
    for (uint32_t i = 0; i < n; ++i)
      wanted.push_back({std::string(from_abi(items[i].name)), items[i].level, items[i].type});
    return metadata_->change(token, [this, wanted, validate_only, results](chr_done*) {
      bool refused = false;
      for (size_t i = 0; i < wanted.size(); ++i) {
        results[i] = check(wanted[i]);
        refused = refused || results[i].code != CHR_OK;
      }
      for (size_t i = 0; i < wanted.size(); ++i) {
        if (refused && results[i].code == CHR_OK) results[i] = FakeMetadata::result(CHR_E_CONFLICT);
        if (!refused && validate_only == 0) find(wanted[i].name)->level = wanted[i].level;
      }
      if (!refused && validate_only == 0) metadata_->changed();
    });
  }

 private:
  struct Feature {
    std::string name;
    int16_t min, max, level;
  };
  struct Wanted {
    std::string name;
    int16_t level, type;
  };
  Feature* find(std::string_view name) {
    for (Feature& feature : features_)
      if (feature.name == name) return &feature;
    return nullptr;
  }
  chr_change_result check(const Wanted& item) {
    const auto invalid = [](std::string_view why) {
      return FakeMetadata::result(CHR_E_INVALID_ARGUMENT, why);
    };
    const Feature* feature = find(item.name);
    if (!why_.empty()) return invalid(why_);
    if (feature == nullptr || item.level < feature->min || item.level > feature->max)
      return invalid("this level is not known");
    if ((item.type == CHR_FEATURE_UPGRADE) != (item.level >= feature->level))
      return invalid("the type does not fit the level");
    return FakeMetadata::result(CHR_OK);
  }

  FakeMetadata* const metadata_;
  std::vector<Feature> features_;
  std::string why_;
};

}  // namespace chronik::testing
