/// What the disk tier of the cache holds and has done.
public struct DiskTierFigures: Sendable, Equatable {
    /// One of its figures, each a family of metrics, or a result of one.
    public enum Figure: Int, Sendable, CaseIterable {
        case hits, misses, late, written, dropped
        case objects, bytes, budget, writtenBytes, queued, queuedBytes, arriving
        case reserved, pendingReads, lostSlow, lostFailed, lostFull
        case evictions, errors, damaged, isOff, knownFolders, purges
    }

    private var values = [UInt64](repeating: 0, count: Figure.allCases.count)

    /// Nothing at all.
    public init() {}

    /// A figure.
    public subscript(figure: Figure) -> UInt64 {
        get { values[figure.rawValue] }
        set { values[figure.rawValue] = newValue }
    }
}

/// What a family of the disk tier shows.
enum DiskMetric: Sendable, Equatable {
    case figure(DiskTierFigures.Figure)
    case requests, writes, losses
}

extension DiskTierFigures {
    /// Writes a family's samples.
    func write(_ metric: DiskMetric, to writer: SampleWriter) {
        switch metric {
        case .figure(let figure): writer.sample(value: self[figure])
        case .requests:
            for (name, figure) in [("hit", Figure.hits), ("miss", .misses), ("late", .late)] {
                writer.sample(LabelText.pairs([("result", name)]), value: self[figure])
            }
        case .writes:
            for (name, figure) in [("written", Figure.written), ("dropped", .dropped)] {
                writer.sample(LabelText.pairs([("result", name)]), value: self[figure])
            }
        case .losses:
            for (name, figure) in [
                ("slow", Figure.lostSlow), ("failed", .lostFailed), ("full", .lostFull),
            ] {
                writer.sample(LabelText.pairs([("reason", name)]), value: self[figure])
            }
        }
    }
}

extension MetricTable {
    static let cacheDisk: [MetricDescription] = [
        .init(
            "gateway_cache_disk_requests",
            .counter,
            labels: ["result"],
            .cacheDisk(.requests),
            "Look-ups of what memory has not, by result; late ones count as misses too."
        ),
        .init(
            "gateway_cache_disk_objects",
            .gauge,
            .cacheDisk(.figure(.objects)),
            "Stored responses known on the disk."
        ),
        .init(
            "gateway_cache_disk_used_bytes",
            .gauge,
            .cacheDisk(.figure(.bytes)),
            "Bytes that their files take."
        ),
        .init(
            "gateway_cache_disk_size_bytes",
            .gauge,
            .cacheDisk(.figure(.budget)),
            "Bytes that their files may take."
        ),
        .init(
            "gateway_cache_disk_writes",
            .counter,
            labels: ["result"],
            .cacheDisk(.writes),
            "Stored responses, by whether they were written to the disk."
        ),
        .init(
            "gateway_cache_disk_written_bytes",
            .counter,
            .cacheDisk(.figure(.writtenBytes)),
            "Bytes written to the disk."
        ),
        .init(
            "gateway_cache_disk_queue_objects",
            .gauge,
            .cacheDisk(.figure(.queued)),
            "Stored responses that wait to be written."
        ),
        .init(
            "gateway_cache_disk_queue_bytes",
            .gauge,
            .cacheDisk(.figure(.queuedBytes)),
            "Bytes that wait to be written."
        ),
        .init(
            "gateway_cache_disk_arriving_objects",
            .gauge,
            .cacheDisk(.figure(.arriving)),
            "Responses, larger than memory takes, that are being written while they are passed on."
        ),
        .init(
            "gateway_cache_disk_arriving_reserved_bytes",
            .gauge,
            .cacheDisk(.figure(.reserved)),
            "Bytes of the size that are set aside for responses which arrive."
        ),
        .init(
            "gateway_cache_disk_arriving_lost",
            .counter,
            labels: ["reason"],
            .cacheDisk(.losses),
            "Responses that arrived and were not stored, as the disk was slow, failed or full."
        ),
        .init(
            "gateway_cache_disk_pending_reads",
            .gauge,
            .cacheDisk(.figure(.pendingReads)),
            "Pieces of large responses that wait to be read, for clients that are being sent them."
        ),
        .init(
            "gateway_cache_disk_evictions",
            .counter,
            .cacheDisk(.figure(.evictions)),
            "Files that gave way to others."
        ),
        .init(
            "gateway_cache_disk_errors",
            .counter,
            .cacheDisk(.figure(.errors)),
            "Calls that the disk has failed."
        ),
        .init(
            "gateway_cache_disk_damaged",
            .counter,
            .cacheDisk(.figure(.damaged)),
            "Files that were not as they had been written, and were removed."
        ),
        .init(
            "gateway_cache_disk_off",
            .gauge,
            .cacheDisk(.figure(.isOff)),
            "1 while the disk is left alone because it failed, else 0."
        ),
        .init(
            "gateway_cache_disk_known_folders",
            .gauge,
            .cacheDisk(.figure(.knownFolders)),
            "Folders that the index knows since the start, of 256."
        ),
        .init(
            "gateway_cache_disk_purges",
            .gauge,
            .cacheDisk(.figure(.purges)),
            "Purges that files are still held against when they are read."
        ),
    ]
}
