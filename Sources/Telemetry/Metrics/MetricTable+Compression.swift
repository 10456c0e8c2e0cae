/// What compressing and decoding contents counts.
extension MetricTable {
    static let compression: [MetricDescription] = [
        .init(
            "gateway_compression_responses",
            .counter,
            labels: ["coding"],
            .coding(.responses),
            "Responses compressed, by content coding."
        ),
        .init(
            "gateway_compression_input_bytes",
            .counter,
            labels: ["coding"],
            .coding(.bytesIn),
            "Bytes of content before it was compressed."
        ),
        .init(
            "gateway_compression_output_bytes",
            .counter,
            labels: ["coding"],
            .coding(.bytesOut),
            "Bytes of content after it was compressed."
        ),
        .init(
            "gateway_compression_ratio",
            .gauge,
            labels: ["coding"],
            .codingRatio,
            "Bytes before compressing for each byte after it, since the start."
        ),
        .init(
            "gateway_compression_cpu_seconds",
            .counter,
            labels: ["coding"],
            .coding(.nanoseconds),
            "Time spent compressing."
        ),
        .init(
            "gateway_compression_skipped",
            .counter,
            labels: ["reason"],
            .reasons(.compressionSkipped),
            "Responses of routes with compress that went out as they came, by reason."
        ),
        .init(
            "gateway_dictionary_requests",
            .counter,
            labels: ["outcome"],
            .reasons(.dictionaries),
            "Dictionaries that clients named, by what became of them."
        ),
        .init(
            "gateway_dictionaries_stored",
            .counter,
            .loopCounter(.dictionariesStored),
            "Contents that became dictionaries."
        ),
        .init(
            "gateway_dictionaries_dropped",
            .counter,
            .dictionariesDropped,
            "Dictionaries dropped to make room for others."
        ),
        .init(
            "gateway_dictionaries",
            .gauge,
            .dictionaryCount,
            "Dictionaries that clients may name now."
        ),
        .init(
            "gateway_dictionary_memory_bytes",
            .gauge,
            .dictionaryBytes,
            "Memory that dictionaries take."
        ),
        .init(
            "gateway_decompression_input_bytes",
            .counter,
            labels: ["coding"],
            .coding(.decodedBytesIn),
            "Bytes of requests and responses before they were decoded."
        ),
        .init(
            "gateway_decompression_output_bytes",
            .counter,
            labels: ["coding"],
            .coding(.decodedBytesOut),
            "Bytes of requests and responses after they were decoded."
        ),
        .init(
            "gateway_compression_memory_bytes",
            .gauge,
            .loopGauge(.codecBytes),
            "Memory that codecs take, those that wait to be used again included."
        ),
        .init(
            "gateway_compression_load",
            .gauge,
            labels: ["loop"],
            .loopFigure(.compressionLoad),
            "0 while a loop compresses as configured, 1 at level fast only, 2 not at all."
        ),
    ]
}
