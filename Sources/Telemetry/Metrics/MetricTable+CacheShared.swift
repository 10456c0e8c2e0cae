extension MetricTable {
    /// Families of the stored responses that gateways share.
    static let cacheShared: [MetricDescription] = [
        .init(
            "gateway_cache_shared_hits",
            .counter,
            .loopCounter(.sharedHits),
            "Requests answered by what other gateways had stored in Redis."
        ),
        .init(
            "gateway_cache_shared_misses",
            .counter,
            .loopCounter(.sharedMisses),
            "Requests for which nothing of use was in Redis."
        ),
        .init(
            "gateway_cache_shared_failures",
            .counter,
            .loopCounter(.sharedFailures),
            "Questions about stored responses without an answer in time, or with an error."
        ),
        .init(
            "gateway_cache_shared_skipped",
            .counter,
            .loopCounter(.sharedSkipped),
            "Questions not asked, because Redis was left alone or had too much to do."
        ),
        .init(
            "gateway_cache_shared_damaged",
            .counter,
            .loopCounter(.sharedDamaged),
            "Responses from Redis that were damaged, or of another version."
        ),
        .init(
            "gateway_cache_shared_writes",
            .counter,
            .loopCounter(.sharedWrites),
            "Responses that were stored in Redis, or found to be outdated there."
        ),
        .init(
            "gateway_cache_shared_writes_dropped",
            .counter,
            .loopCounter(.sharedWritesDropped),
            "Responses not sent to Redis, because it was gone or write_buffer was full."
        ),
        .init(
            "gateway_cache_shared_writes_failed",
            .counter,
            .loopCounter(.sharedWritesFailed),
            "Responses sent to Redis in vain: it answered with an error, or not."
        ),
        .init(
            "gateway_cache_shared_too_large",
            .counter,
            .loopCounter(.sharedTooLarge),
            "Responses not sent to Redis: they exceed object_size, or stand on the disk alone."
        ),
        .init(
            "gateway_cache_shared_purges_sent",
            .counter,
            .loopCounter(.sharedPurgesSent),
            "Purges and invalidations told to the other gateways."
        ),
        .init(
            "gateway_cache_shared_purges_received",
            .counter,
            .loopCounter(.sharedPurgesReceived),
            "Purges and invalidations that other gateways told."
        ),
        .init(
            "gateway_cache_shared_losses",
            .counter,
            .loopCounter(.sharedLosses),
            "Times that the memory was emptied, because purges may have been missed."
        ),
        .init(
            "gateway_cache_shared_purges_waiting",
            .gauge,
            .loopGauge(.sharedPurgesWaiting),
            "Purges and invalidations that wait until Redis takes them."
        ),
        .init(
            "gateway_cache_shared_listening",
            .gauge,
            .loopGauge(.sharedListening),
            "Whether purges of other gateways are heard at once."
        ),
        .init(
            "gateway_cache_shared_connections",
            .gauge,
            labels: ["loop"],
            .loopFigure(.sharedConnections),
            "Whether an event loop is connected to Redis for stored responses."
        ),
        .init(
            "gateway_cache_shared_duration_seconds",
            .histogram,
            .sharedDuration,
            "How long requests waited for stored responses from Redis."
        ),
    ]
}
