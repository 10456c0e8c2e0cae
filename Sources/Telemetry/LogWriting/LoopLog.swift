import Bytes

/// The access log of one event loop: lines collect here and go to the writer in batches.
///
/// Belongs to the loop's thread and is deliberately not `Sendable`. A batch goes out when it is
/// large enough; the loop calls `flush()` every `flushInterval` so that none waits longer.
public final class LoopLog {
    /// Bytes at which a batch goes out.
    ///
    /// Large enough that the handover, its allocation and its system call are shared by some 150
    /// lines.
    public static let batchBytes = 32 << 10
    /// Nanoseconds after which the loop calls `flush()`.
    public static let flushInterval: Int64 = 100_000_000

    private struct Collected {
        let buffer = Buffer()
        var lines = 0
        var destination: LogDestination?
    }

    private let writer: LogWriter
    private let formatter = AccessLogFormatter()
    private var collected: [Collected] = []

    /// Makes an empty log.
    public init(writer: LogWriter) {
        self.writer = writer
    }

    /// Whether nothing waits for a flush.
    public private(set) var isEmpty = true

    /// Adds a record's line.
    public func append(
        _ record: borrowing AccessRecord,
        as format: AccessLogFormat,
        to destination: LogDestination
    ) {
        let index = destination.index
        // Indices come from the writer, so its limit on destinations bounds the growth.
        while index >= collected.count { collected.append(Collected()) }
        if collected[index].destination != destination {
            // The place has gone to another log since.
            if collected[index].lines > 0 { handOver(index) }
            collected[index].destination = destination
        }
        let buffer = collected[index].buffer
        formatter.append(record, as: format, to: buffer)
        collected[index].lines += 1
        isEmpty = false
        if buffer.count >= Self.batchBytes { handOver(index) }
    }

    /// Hands over what has collected.
    public func flush() {
        guard !isEmpty else { return }
        for index in collected.indices where collected[index].lines > 0 { handOver(index) }
        isEmpty = true
    }

    private func handOver(_ index: Int) {
        guard let destination = collected[index].destination else { return }
        let lines = collected[index].lines
        let buffer = collected[index].buffer
        let bytes = unsafe buffer.readable.withUnsafeBufferPointer { source in
            // Copied within the borrow: the batch outlives the buffer's content.
            unsafe [UInt8](source)
        }
        buffer.removeAll()
        collected[index].lines = 0
        writer.submit(bytes, count: lines, to: destination)
    }
}
