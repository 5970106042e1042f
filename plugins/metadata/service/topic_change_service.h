// chronik.metadata.topic_changes/1: what became of topics between two images.
#pragma once

#include <chronik/draft/topic_changes.h>

#include "metadata/model/image.h"

namespace chronik::metadata {

class TopicChangeService {
 public:
  // The topic at a position of an image, as the ABI has it.
  using Describe = chr_status (*)(const Image& image, size_t at, chr_topic* out);
  explicit TopicChangeService(Describe describe) : describe_(describe) {}
  static const chr_topic_changes_v1& table();

  void between(chr_catalog* before, chr_catalog* now, chr_topic_change_fn fn, void* context);

 private:
  const Describe describe_;
};

}  // namespace chronik::metadata
