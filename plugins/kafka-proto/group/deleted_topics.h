// DeletedTopics: topics that are no more, by name, with the ids that they had: a later one of a name is another topic. The
// zero id is of commits that named the topic alone.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "kafka-proto/cluster/services.h"
#include "kafka-proto/group/core/offsets.h"
#include "kafka-proto/group/core/topic_view.h"

namespace chronik::kafka {

using DeletedTopics = std::map<std::string, std::set<chr_uuid, group::TopicIdLess>, std::less<>>;

// Adds the topics of a group's offsets that the view does not know.
void add_unknown(const group::Offsets& offsets, const group::TopicView& topics, DeletedTopics& unknown);
DeletedTopics in_both(const DeletedTopics& a, const DeletedTopics& b);

bool has_offsets_of(const group::Offsets& offsets, const DeletedTopics& topics);
// Tombstones of these offsets, until there are more than go into a write (group::kMaxRecordsAtOnce).
void delete_topics_offsets(const std::string& group, const group::Offsets& offsets,
                           const DeletedTopics& topics, std::vector<group::Record>& records);

// done(), on the calling shard: which of them are not in the catalog, as of all that was agreed on before the call. None
// where that cannot be had.
void find_deleted(Services& services, DeletedTopics topics, std::function<void(DeletedTopics)> done);

}  // namespace chronik::kafka
