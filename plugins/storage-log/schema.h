// The configuration of storage-log: keys, defaults, ranges. The host gives a store a value for each key.
#pragma once

#include <chronik/plugin.hpp>

namespace chronik::storage_log {

inline constexpr int64_t kMinSize = 8 << 20;

inline constexpr chr_config_key kSchema[] = {
    config_key("max_size", CHR_CONFIG_SIZE, "\"-1\"",
               "Size of all files at which writes are refused until something is removed, at least 8MiB; -1: "
               "none, but what the disk has.",
               -1, 1ll << 46),
    config_key(
        "journal_file_bytes", CHR_CONFIG_SIZE, "\"64MiB\"",
        "Size of each file of the journal, written with zeros when it is made. Smaller files grow to it at a "
        "start, larger ones stay. With max_size at most an eighth of that. What one write brings without its "
        "large payloads must fit in one.",
        1 << 20, 1ll << 32),
    config_key(
        "journal_files", CHR_CONFIG_INT, "4",
        "How many files the journal may take. They are made when they are needed, and used again. 2 where "
        "max_size is set.",
        2, 64),
    config_key(
        "segment_bytes", CHR_CONFIG_SIZE, "\"64MiB\"",
        "Size at which the log of a partition goes on in another segment file; retention removes whole "
        "segments, so that up to one more than what is retained stays on disk. With max_size at most a 128th "
        "of it, but at least 64KiB.",
        1 << 16, 1ll << 36),
    config_key(
        "direct_bytes", CHR_CONFIG_SIZE, "\"64KiB\"",
        "Payloads of a write that take together at least so much go straight to their segment, and not "
        "into the journal. A write of more than 512 entries goes there up to a quarter of the journal's "
        "largest file.",
        1 << 12, 1 << 20),
    config_key("queue_bytes", CHR_CONFIG_SIZE, "\"64MiB\"",
               "Bytes that may wait to be written, or to be moved from the journal to their segments; beyond "
               "them callers are told to come back.",
               1 << 16, 1ll << 32),
    config_key(
        "move_after", CHR_CONFIG_DURATION, "\"10s\"",
        "Small entries lie in the journal and in memory for so long, or until they take 2 MiB there, and "
        "are then moved to their segments together.",
        0, 3'600'000'000'000),
    config_key(
        "open_files", CHR_CONFIG_INT, "4096",
        "Segment files that may be open at a time. Set it no lower than the number of partitions that are "
        "written to: else each move syncs and closes one to open another.",
        16, 1 << 16),
};

}  // namespace chronik::storage_log
