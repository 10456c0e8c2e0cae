import Bytes
import Caching
import EventLoop
import Synchronization

/// Writing one that arrives; all of it blocks.
extension DiskContent {
    fileprivate enum Step {
        case piece([UInt8])
        /// Of what has come in memory.
        case prior(LargeContent, Range<Int>)
        case end(End)
        case discard
        case nothing
    }

    /// Writes what there is; one thread at a time.
    func work() {
        while true {
            let step = state.withLock { state in state.nextStep }
            do throws(SystemError) {
                switch step {
                case .nothing: return
                case .discard:
                    discard()
                    return
                case .piece(let piece): try write(piece.span, isQueued: true)
                case .prior(let prior, let range):
                    let piece = Buffer()
                    guard
                        prior.append(from: range.lowerBound, range.count, to: piece) == range.count
                    else { throw SystemError.unreadable }
                    let read = piece
                    try write(read.readable, isQueued: false)
                case .end(let end):
                    try complete(end)
                    tier.arrived(self, end)
                }
            } catch {
                fail()
                tier.failed(error, "a response cannot be written")
            }
        }
    }

    private func write(_ bytes: Span<UInt8>, isQueued: Bool) throws(SystemError) {
        let (growing, place) = try open()
        guard tier.reserve(place + bytes.count, for: self) else {
            fail()
            return
        }
        try growing.write(bytes, at: start + place)
        let sum = checksum(bytes)
        let end = place + bytes.count
        let news = state.withLock { state -> [@Sendable () -> Void] in
            state.sums.append(sum)
            state.written = end
            if end >= state.priorCount { state.prior = nil }
            guard isQueued else { return [] }
            _ = state.queue.popFirst()
            let before = state.queued
            state.queued -= bytes.count
            let isRoom = before > DiskLimits.window && state.queued <= DiskLimits.window
            return isRoom ? state.news : []
        }
        for tell in news { tell() }
        let step = DiskLimits.writeback
        if end / step > place / step {
            growing.startWriteback((start + end / step * step - step)..<(start + end / step * step))
        }
    }

    /// The file, begun with the first piece.
    private func open() throws(SystemError) -> (GrowingFile, Int) {
        let (known, place) = state.withLock { ($0.growing, $0.written) }
        if let known { return (known, place) }
        let growing = try tier.grow()
        state.withLock { state in
            state.growing = growing
            state.file = growing.file
        }
        return (growing, place)
    }

    private func complete(_ end: End) throws(SystemError) {
        let (growing, count) = try open()
        let sums = state.withLock { $0.sums }
        let object = end.object
        let tail = StoredRecord.renewable(
            object.draft(timing: object.timing),
            contentCount: count,
            sums: sums,
            StoredRecord.Place(epoch: tier.identity.epoch, purges: end.purges),
            slotSize: slotSize,
            checksum: tier.checksum
        )
        // The head has grown past the room that it was given.
        guard let tail else { throw SystemError.tooLarge }
        try growing.write(tail.table.span, at: start + count)
        try growing.write(tail.head.span, at: 0)
        try growing.synchronise()
        let left = state.withLock { state in
            state.isComplete = true
            state.isArriving = false
            defer { state.reserved = 0 }
            return state.reserved
        }
        tier.endArrival(left)
    }

    /// It cannot be stored any more.
    private func fail() {
        let (news, end) = state.withLock { state -> ([@Sendable () -> Void], End?) in
            state.isFailed = true
            return (state.news, state.end)
        }
        for tell in news { tell() }
        if let end { tier.lost(end) }
    }

    private func discard() {
        let (growing, left, wasArriving) = state.withLock { state in
            defer {
                state.isArriving = false
                state.reserved = 0
            }
            return (state.growing, state.reserved, state.isArriving)
        }
        growing?.discard()
        if wasArriving { tier.endArrival(left) }
    }

    /// Tells somebody when there is room to write again, and when there will be none any more.
    func onNews(_ tell: @escaping @Sendable () -> Void) { state.withLock { $0.news.append(tell) } }
}

extension DiskContent.State {
    fileprivate var nextStep: DiskContent.Step {
        mutating get {
            writing = .underWay
            if isFailed {
                writing = .idle
                return .discard
            }
            if let prior, written < priorCount {
                let end = min(priorCount, written + CachedResponse.chunkSize)
                return .prior(prior, written..<end)
            }
            if let piece = queue.first { return .piece(piece) }
            if let end, !isComplete { return .end(end) }
            writing = .idle
            return .nothing
        }
    }
}
