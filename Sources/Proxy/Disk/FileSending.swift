import Bytes
import Caching
import Configuration
import EventLoop
import Synchronization

/// Sending contents from files.
extension Exchange {
    /// Sends a part of a content behind what is in the output.
    ///
    /// Run by run: a thread brings what is not in memory there, and holds it against its checksums
    /// the first time, so that the loop never waits for the disk.
    mutating func sendFile(_ content: DiskContent, _ range: Range<Int>, behind output: Buffer)
        async throws(Failure)
    {
        let isPaced = pace != nil
        let sendsPages = connection.stream.takesPages && !isPaced
        let size = sendsPages ? DiskLimits.run : DiskLimits.copiedRun
        var offset = range.lowerBound
        while offset < range.upperBound {
            // Runs begin where pieces do, whatever was asked for.
            var end = min(range.upperBound, (offset / size + 1) * size)
            let written = content.written
            if offset < written { end = min(end, written) }
            let isOnFile = offset < written
            if isOnFile, !content.isReady(offset..<end) {
                try await flush(output)
                try await load(content, offset..<end)
            }
            if sendsPages, isOnFile {
                try await flush(output)
                try await sendUncopied(offset..<end) { stream, rest throws(StreamError) in
                    try content.send(to: stream, &rest)
                }
                await context.reactor.yield()
            } else {
                try await copyRun(content, offset..<end, behind: output)
            }
            offset = end
        }
    }

    /// Waits until a run is in memory.
    private mutating func load(_ content: DiskContent, _ range: Range<Int>) async throws(Failure) {
        let point = WaitPoint(reactor: context.reactor)
        let number = context.cache.enroll(point)
        let news = context.cache.news
        defer {
            context.cache.retire(number)
            point.retire()
        }
        let outcome = LoadOutcome()
        content.load(range) { isRight in
            outcome.set(isRight)
            news.post(number)
        }
        let deadline = context.reactor.now + DiskLimits.runTime
        while outcome.isRight == nil {
            guard case .ready = await point.wait(until: deadline) else { break }
        }
        // The content that the head has promised is not there.
        guard outcome.isRight ?? false else { throw .clientGone }
    }

    private mutating func copyRun(
        _ content: DiskContent,
        _ range: Range<Int>,
        behind output: Buffer
    ) async throws(Failure) {
        let pace = pace
        var offset = range.lowerBound
        while offset < range.upperBound {
            var room = max(1, ProxyLimits.pendingBytes - output.count)
            if let pace {
                room = pace.room(sent: bytesSent, now: context.reactor.now) - output.count
                if room <= 0 {
                    try await flush(output)
                    try await holdBack(pace)
                    continue
                }
            }
            let count = content.read(
                from: offset,
                atMost: min(room, range.upperBound - offset),
                into: output,
                mayWait: true
            )
            guard count > 0 else { throw .clientGone }
            offset += count
            try await flush(output)
        }
        await context.reactor.yield()
    }
}

/// What became of a load, told by a thread.
private final class LoadOutcome: Sendable {
    private let outcome = Mutex<Bool?>(nil)

    var isRight: Bool? { outcome.withLock { $0 } }

    func set(_ isRight: Bool) { outcome.withLock { $0 = isRight } }
}
