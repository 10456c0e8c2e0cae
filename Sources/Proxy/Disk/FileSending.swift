import Bytes
import Caching
import Configuration
import EventLoop
import HTTP
import Synchronization

/// Sending contents from files.
extension Exchange {
    /// Sends a part of a content behind what is in the output, without copying what is in memory.
    ///
    /// A thread brings there what is not, and holds it against its checksums the first time, so
    /// that the loop never waits for the disk: not either for what has left memory while the client
    /// took its time.
    mutating func sendFile(_ content: DiskContent, _ range: Range<Int>, behind output: Buffer)
        async throws(Failure)
    {
        var rest = range
        var turnEnd = rest.lowerBound + ProxyLimits.bytesPerTurn
        // Bytes that are brought at a time: fewer where they can only be copied, since each client
        // holds as many.
        var size = DiskLimits.run
        while !rest.isEmpty {
            let offset = rest.lowerBound
            let written = content.written
            var next = offset..<min(rest.upperBound, offset + DiskLimits.copiedRun)
            if offset < written { next = offset..<min(next.upperBound, written) }
            if offset < written, content.isReady(next) {
                if !output.isEmpty { try await flush(output) }
                let before = next.count
                try await sendOnce(&next) { stream, rest throws(StreamError) in
                    try content.send(to: stream, &rest)
                }
                rest = (offset + before - next.count)..<rest.upperBound
            } else {
                let end = try await copy(content, next, &size, upTo: rest.upperBound, to: output)
                rest = end..<rest.upperBound
            }
            if rest.lowerBound >= turnEnd {
                turnEnd = rest.lowerBound + ProxyLimits.bytesPerTurn
                await context.reactor.yield()
            }
        }
    }

    /// Copies what is not written yet; what is written and not in memory is brought there, and
    /// copied only if it can be sent in no other way.
    ///
    /// Returns Up to where it has been sent.
    private mutating func copy(
        _ content: DiskContent,
        _ range: Range<Int>,
        _ size: inout Int,
        upTo end: Int,
        to output: Buffer
    ) async throws(Failure) -> Int {
        var offset = range.lowerBound
        if offset >= content.written {
            let room = max(1, ProxyLimits.pendingBytes - output.count)
            offset += content.read(from: offset, atMost: min(room, range.count), into: output)
            if offset > range.lowerBound {
                try await flush(output)
                return offset
            }
        }
        if !output.isEmpty { try await flush(output) }
        let run = try await run(of: content, from: offset, size)
        if content.isReady(range) { return offset }
        size = DiskLimits.copiedRun
        while offset < end {
            let room = min(ProxyLimits.pendingBytes, end - offset)
            let count = run.read(from: offset, atMost: room, into: output)
            if count == 0 { break }
            offset += count
            try await flush(output)
        }
        return offset
    }

    /// Waits until the run that a place lies in has come.
    mutating func run(of content: DiskContent, from offset: Int, _ size: Int)
        async throws(Failure) -> ContentRun
    {
        let time = DiskLimits.runTime
        // The content that the head has promised is not there.
        guard let run = await bring(content, from: offset, size, within: time)
        else { throw .clientGone }
        return run
    }

    /// Waits for the same, no longer than so many nanoseconds.
    private mutating func bring(
        _ content: DiskContent,
        from offset: Int,
        _ size: Int,
        within nanoseconds: Int64
    ) async -> ContentRun? {
        let point = WaitPoint(reactor: context.reactor)
        let number = context.cache.enroll(point)
        let coming = ComingRun(context.cache.news, number)
        defer {
            content.leave(coming)
            context.cache.retire(number)
            point.retire()
        }
        guard content.load(from: offset, size, for: coming) else { return nil }
        let deadline = context.reactor.now + nanoseconds
        while !coming.hasCome {
            guard case .ready = await point.wait(until: deadline) else { break }
        }
        return coming.run
    }

    /// Whether the first bytes of a content that are asked for can be sent, or can be soon: what
    /// cannot is a miss, as nothing has been promised yet.
    mutating func canBegin(_ stored: CachedResponse, _ disk: DiskTier) async -> Bool {
        guard let content = stored.diskContent, request.method != .head, !isNotModified(stored)
        else { return true }
        let first = firstPlace(in: stored)
        let end = min(stored.contentCount, first + DiskLimits.copiedRun)
        if first >= content.written || content.isReady(first..<end) { return true }
        if disk.isOff { return false }
        let isCopied = pace != nil || !connection.stream.takesPages
        let size = isCopied ? DiskLimits.copiedRun : DiskLimits.run
        return await bring(content, from: first, size, within: disk.patience) != nil
    }

    private mutating func isNotModified(_ stored: CachedResponse) -> Bool {
        stored.status == 200 && Preconditions.isConditional(request.fields, request.method)
            && Preconditions.isNotModified(
                request.fields,
                etag: stored.etag,
                modified: stored.modified,
                now: wallMilliseconds / 1000
            )
    }

    /// Where in the content that begins which the request asks for.
    private mutating func firstPlace(in stored: CachedResponse) -> Int {
        let total = stored.part?.total ?? stored.contentCount
        guard case .parts(let ranges) = ByteRanges(request.fields, total: total) else { return 0 }
        return max(0, ranges[0].lowerBound - (stored.part?.start ?? 0))
    }
}

/// A run that an exchange waits for.
private final class ComingRun: RunReader {
    private let state = Mutex<(hasCome: Bool, run: ContentRun?)>((false, nil))
    private let list: WakeList
    private let number: UInt64

    init(_ list: WakeList, _ number: UInt64) {
        self.list = list
        self.number = number
    }

    var hasCome: Bool { state.withLock { $0.hasCome } }
    var run: ContentRun? { state.withLock { $0.run } }

    func take(_ run: ContentRun?) {
        state.withLock { $0 = (true, run) }
        list.post(number)
    }
}
