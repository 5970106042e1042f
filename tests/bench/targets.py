"""What the workloads should come to. Pairs: a number, and how large it may be or must be (report.Target)."""

TARGETS = {
    "produce": [
        ("mb_per_s", ">= 0.90 of sink-direct"),
        ("mb_per_s", ">= 2.2 of kafka"),
        ("server_cpu_s_per_gb", "<= 0.20 of kafka"),
        ("anonymous_mb", "<= 1.00 of sink-direct + 20"),
        ("fetch_mb_per_s", ">= 1.5 of kafka"),
        ("fetch_cpu_s_per_gb", "<= 0.25"),
        ("behind_mb_per_s", ">= 90"),  # of 100, or it reads little
        ("behind_read_mb", "<= 1"),  # pages of the programs, which are dropped too, are no records
    ],
    "latency": [
        ("p50_ms", "<= 1.00 of kafka + 0.15"),
        ("p99_ms", "<= 0.50 of kafka"),
        ("cpu_us_per_record", "<= 0.50 of kafka"),
        ("jbd2_load_transactions", "<= 1.00 of jbd2_idle_transactions"),
    ],
    "mixed": [
        ("p50_ms", "<= 1.00 of kafka + 0.15"),
        ("p99_ms", "<= 0.50 of kafka"),
        ("cpu_us_per_record", "<= 0.50 of kafka"),
        ("flat_mb_per_s", ">= 0.85 of alone_mb_per_s"),
        ("flat_cpu_s_per_gb", "<= 1.15 of alone_cpu_s_per_gb"),
    ],
    "start": [("idle_mb", "<= 25")],
    "cluster": [("mb_per_s", ">= 3.0 of kafka")],
    "keyed": [
        ("per_s", ">= 19600"),  # of 20,000
        ("p99_ms", "<= 10"),
        ("holds_per_s", ">= 1.00 of kafka"),
    ],
    "endurance": [
        ("mb_per_s", ">= 98"),  # of 100
        ("last_mb_per_s", ">= 0.90 of first_mb_per_s"),
        ("last_p99_ms", "<= 1.10 of first_p99_ms"),
        ("last_cpu_s_per_gb", "<= 1.10 of first_cpu_s_per_gb"),
        ("space_over_retained", "<= 1.3"),
    ],
    "fanout": [("cpu_ms_per_s_of_a_consumer", "<= 0.333 of kafka")],
    "restart": [("listening_ms", "<= 1000"), ("idle_mb", "<= 25")],
    # Changes come in 50 entries a second, or in 5; the leader of __meta decides which.
    "catalog": [
        ("metadata_10k_cpu_ms", "<= 3"),
        ("changes_50_entries_core_percent", "<= 20"),
        ("changes_5_entries_core_percent", "<= 20"),
    ],
}
