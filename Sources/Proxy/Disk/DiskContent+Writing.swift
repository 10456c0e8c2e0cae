import Bytes
import Caching
import EventLoop
import Synchronization

/// Why a content that arrives is not stored after all.
enum DiskLoss: Int, Sendable, CaseIterable {
    /// The disk did not keep up with what came.
    case slow
    /// It failed.
    case failed
    /// There was no room for more of it.
    case full
}

/// Writing one that arrives; all of it blocks.
extension DiskContent {
    fileprivate enum Step {
        case piece([UInt8])
        /// Of what has come in memory.
        case prior(LargeContent, Range<Int>)
        case end
        case discard
        case nothing
    }

    /// Writes what there is, one thread at a time and no more than a turn takes.
    func work() {
        for _ in 0..<DiskLimits.piecesPerTurn {
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
                case .end:
                    // That takes long, and others are to be written meanwhile.
                    tier.enqueueEnd(self)
                    return
                }
            } catch {
                lose(.failed)
                tier.failed(error, "a response cannot be written")
            }
        }
        tier.enqueue(self)
    }

    /// Lets all of it reach the disk.
    func conclude() {
        if let end = state.withLock({ $0.end }) {
            do throws(SystemError) {
                try complete(end)
                tier.arrived(self, end)
            } catch {
                lose(.failed)
                tier.failed(error, "a response cannot be written")
            }
        }
        work()
    }

    private func write(_ bytes: Span<UInt8>, isQueued: Bool) throws(SystemError) {
        let (growing, place) = try open()
        guard tier.reserve(place + bytes.count, for: self) else {
            lose(.full)
            return
        }
        try growing.write(bytes, at: start + place)
        let sum = checksum(bytes)
        let end = place + bytes.count
        let tell = state.withLock { state -> (@Sendable () -> Void)? in
            state.sums.append(sum)
            state.written = end
            if end >= state.priorCount { state.prior = nil }
            guard isQueued else { return nil }
            _ = state.queue.popFirst()
            let before = state.queued
            state.queued -= bytes.count
            let isRoom = before > DiskLimits.window && state.queued <= DiskLimits.window
            return isRoom ? state.listener : nil
        }
        tell?()
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
        state.withLock { state in
            state.isComplete = true
            state.isArriving = false
        }
    }

    /// It is not to be stored any more, which is the disk's fault if a reason is given; what has
    /// come can still be read.
    func giveUp(_ loss: DiskLoss?) {
        lose(loss)
        if state.withLock({ $0.want() }) { tier.enqueue(self) }
    }

    private func lose(_ loss: DiskLoss?) {
        let (isLost, tell, end) = state.withLock { state in
            let isLost = !state.isFailed && !state.isComplete
            if isLost { state.isFailed = true }
            return (isLost, state.listener, state.end)
        }
        guard isLost else { return }
        if let loss { tier.count(loss) }
        tell?()
        if let end { tier.lost(end) }
    }

    private func discard() {
        let growing = state.withLock { state in
            state.isArriving = false
            return state.growing
        }
        growing?.discard()
        endArrival()
    }

    /// Tells somebody when there is room to write again, and when there will be none any more.
    func listen(_ tell: @escaping @Sendable () -> Void) { state.withLock { $0.listener = tell } }
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
            if end != nil, !isComplete { return .end }
            writing = .idle
            return .nothing
        }
    }
}
