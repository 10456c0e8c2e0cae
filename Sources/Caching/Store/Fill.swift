package import Bytes
import Synchronization

/// One fetch of a response that others may wait for, and read while it arrives.
///
/// Its leader, who asked the upstream, puts in what comes; followers on any loop take it out.
package final class Fill: RunReader {
    /// How far it has come.
    package enum Stage: Sendable, Equatable {
        /// No head has come.
        case waiting
        /// A response that others may have is arriving.
        case streaming
        /// It has arrived whole.
        case complete
        /// What came is for the leader alone: everybody asks for himself.
        case passed
        /// What was stored has been validated, or replaced: look again.
        case settled
        /// Nothing came, or not all of it: somebody else may try.
        case failed
    }

    private struct Waiter: Sendable {
        let list: WakeList
        let number: UInt64
    }

    private struct State: Sendable {
        var stage = Stage.waiting
        var draft: ResponseDraft?
        var content = ArrivingContent()
        var length: Int?
        var object: CachedResponse?
        /// In the order in which they came; who has left is nil, so that leaving costs nothing.
        var waiters: [Waiter?] = []
        var waiting = 0
        var mayStore = true
        /// What has come of a file that could not be read at once, the newest last.
        var runs: [ContentRun] = []
    }

    /// Runs of a file that are kept for those who asked for them; who is so late that there have
    /// been as many others asks once more.
    private static let runLimit = 4

    package let key: [UInt8]
    package let hash: UInt64
    /// Milliseconds at which it began.
    package let started: Int64
    /// How many purges there had been by then.
    package let purges: Int
    private let state: Mutex<State>

    package init(key: [UInt8], hash: UInt64, started: Int64, purges: Int) {
        self.key = key
        self.hash = hash
        self.started = started
        self.purges = purges
        state = Mutex(State())
    }

    /// Whether it is the fetch of a key.
    func isOf(_ other: Span<UInt8>) -> Bool {
        let key = key
        return key.span.equalsByWords(other)
    }

    // MARK: The leader

    /// The head has come.
    ///
    /// `length`: Bytes of content, if they are known.
    ///
    /// `extent`: Where a large content is to stand; nil for memory.
    package func begin(_ draft: ResponseDraft, length: Int?, extent: (any ContentExtent)? = nil) {
        change { state in
            state.draft = draft
            state.content.extent = extent
            state.length = length
            state.stage = .streaming
        }
    }

    /// Goes on with its content in another place, as it has turned out to be too large for memory.
    ///
    /// Returns False, and changes nothing, when there is none.
    package func move(
        to make: (_ prior: LargeContent, _ count: Int) -> (any ContentExtent)?
    ) -> Bool {
        state.withLock { $0.content.move(to: make) }
    }

    /// Where its content is to stand.
    package var extent: (any ContentExtent)? { state.withLock { $0.content.extent } }

    /// Tells those who wait for it that there is something to read, or to be done.
    package func poke() { change { _ in } }

    /// Takes in content.
    package func append(_ bytes: Span<UInt8>) {
        guard bytes.count > 0 else { return }
        change { state in state.content.append(bytes, of: state.length) }
    }

    /// The last byte has come.
    ///
    /// Returns What is to be stored; nil if it must not be, or there was no head.
    package func finish() -> CachedResponse? {
        state.withLock { state in
            guard state.stage == .streaming, let draft = state.draft else { return nil }
            let object = state.content.finish(draft)
            state.object = object
            state.stage = .complete
            wake(&state)
            return state.mayStore ? object : nil
        }
    }

    /// Ends the fetch without a response for others.
    package func end(_ stage: Stage) {
        change { state in
            if state.stage == .complete { return }
            state.stage = stage
        }
    }

    /// What arrives must not be stored: its key has been invalidated meanwhile.
    package func doom() { state.withLock { $0.mayStore = false } }

    /// Whether it may still be stored.
    package var mayStore: Bool { state.withLock { $0.mayStore } }

    /// What it has brought, once it is complete.
    package var object: CachedResponse? { state.withLock { $0.object } }

    /// What it has brought is stored together with more.
    func note(_ stored: CachedResponse) { state.withLock { $0.object = stored } }

    /// Bytes that have come.
    package var count: Int { state.withLock { $0.content.count } }

    // MARK: Followers

    /// Registers a waiter; it gets news until it leaves.
    ///
    /// Returns what to leave by.
    package func join(_ list: WakeList, number: UInt64) -> Int {
        state.withLock { state in
            state.waiters.append(Waiter(list: list, number: number))
            state.waiting += 1
            return state.waiters.count - 1
        }
    }

    /// Ends that.
    package func leave(_ ticket: Int) {
        state.withLock { state in
            guard state.waiters.indices.contains(ticket), state.waiters[ticket] != nil else {
                return
            }
            state.waiters[ticket] = nil
            state.waiting -= 1
        }
    }

    /// How far it has come.
    package var stage: Stage { state.withLock { $0.stage } }

    /// Whether there is something to read, so that whoever promises a client its content can keep
    /// that: one that another loop has just registered may still turn out to have no coder.
    package var hasBegun: Bool {
        switch stage {
        case .streaming, .complete: true
        case .waiting, .passed, .settled, .failed: false
        }
    }

    /// The head and, if it is known, the length of what arrives.
    package var head: (draft: ResponseDraft, length: Int?)? {
        state.withLock { state in state.draft.map { ($0, state.length) } }
    }

    /// Appends content that has come to a buffer.
    ///
    /// Returns How many bytes, and how far the fetch has come.
    package func read(from offset: Int, atMost limit: Int, into buffer: Buffer) -> (Int, Stage) {
        var copied = 0
        while true {
            var extent: (any ContentExtent)?
            var moved = 0
            let stage = state.withLock { state in
                let place = offset + copied
                moved = state.content.moved
                if place < moved {
                    extent = state.content.extent
                } else {
                    let room = limit - copied
                    copied += state.content.read(from: place, atMost: room, into: buffer)
                }
                return state.stage
            }
            // What has moved there stays as it is, so nobody has to wait for the copy.
            guard let extent else { return (copied, stage) }
            let wanted = min(limit - copied, moved - offset - copied)
            var count = extent.read(from: offset + copied, atMost: wanted, into: buffer)
            if count == 0 { count = readRun(from: offset + copied, atMost: wanted, into: buffer) }
            if count == 0 {
                let isLater = extent.readLater(from: offset + copied, for: self)
                return (copied, isLater ? stage : .failed)
            }
            copied += count
            if copied >= limit { return (copied, stage) }
        }
    }

    private func readRun(from offset: Int, atMost limit: Int, into buffer: Buffer) -> Int {
        state.withLock { state in
            for run in state.runs {
                let count = run.read(from: offset, atMost: limit, into: buffer)
                if count > 0 { return count }
            }
            return 0
        }
    }

    package func take(_ run: ContentRun?) {
        change { state in
            guard let run else { return }
            state.runs.removeAll { $0.start == run.start }
            state.runs.append(run)
            if state.runs.count > Self.runLimit { state.runs.removeFirst() }
        }
    }

    // MARK: News

    private func change(_ body: (inout State) -> Void) {
        state.withLock { state in
            body(&state)
            wake(&state)
        }
    }

    private func wake(_ state: inout State) {
        if state.waiting == 0 { return }
        for case .some(let waiter) in state.waiters { waiter.list.post(waiter.number) }
    }
}
