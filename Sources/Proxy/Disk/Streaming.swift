import Bytes
import Caching
import EventLoop
import HTTP

extension CacheRuntime {
    /// Whether a response may stand on the disk alone.
    ///
    /// One that the route compresses may not: it would go out as it is, and larger than before.
    func mayStandOnDisk(_ draft: ResponseDraft) -> Bool {
        disk != nil && draft.part == nil && !draft.traits.contains(.codable)
    }

    /// Whether a content of a length is not too large to be stored.
    func hasRoom(for draft: ResponseDraft, length: Int) -> Bool {
        if length <= store.objectLimit { return true }
        guard let disk, mayStandOnDisk(draft) else { return false }
        return length <= disk.objectLimit
    }
}

extension Exchange {
    /// Begins to store a response in a place for its content.
    ///
    /// Returns Whether it is stored; if not, the reason is in the turn.
    mutating func beginStoring(
        _ draft: ResponseDraft,
        _ turn: CacheTurn,
        _ fill: Fill,
        length: Int?
    ) -> Bool {
        let runtime = turn.runtime
        turn.refusal = .tooLarge
        guard runtime.hasRoom(for: draft, length: response.declaredLength ?? 0) else {
            return false
        }
        guard isUsedEnough(turn) else {
            turn.refusal = .usedTooSeldom
            return false
        }
        var extent: (any ContentExtent)?
        if let length, length > runtime.store.objectLimit {
            // nil where the disk takes none now.
            extent = runtime.disk?.makeContent(for: draft, length: length)
            if extent == nil { return false }
        } else {
            extent = runtime.store.makeExtent(length)
        }
        turn.refusal = nil
        fill.begin(draft, length: length, extent: extent)
        return true
    }

    /// Whether so many bytes of content can still be stored.
    mutating func keeps(_ spool: inout DiskSpool, _ count: Int) -> Bool {
        guard spool.takes(count) else { return false }
        listen(&spool)
        return true
    }

    /// Hears of the disk from now on, if that has to do with it.
    mutating func listen(_ spool: inout DiskSpool) {
        guard spool.content != nil, spool.listener == nil else { return }
        let number = context.cache.enroll(gathering)
        let ticket = spool.fill.join(context.cache.news, number: number)
        spool.listener = (number, ticket)
    }

    /// Nobody waits for the disk any more.
    mutating func end(_ spool: DiskSpool) {
        guard let (number, ticket) = spool.listener else { return }
        spool.fill.leave(ticket)
        context.cache.retire(number)
    }
}

/// A content that is passed on and stored: in memory, or on the disk once it is too large for that.
///
/// What is not written yet is bounded: the upstream waits for a disk that is slow, a little, and
/// then the response is not stored. Who follows reads from the file, so that one fetch serves all;
/// of a fetch whose storing fails in the middle the one who leads it gets all, those who follow it
/// no more than what there is.
struct DiskSpool {
    let fill: Fill
    private let draft: ResponseDraft
    private let runtime: CacheRuntime
    private(set) var content: DiskContent?
    /// Bytes that it may have on the disk.
    private var limit = 0
    private var heldSince: Int64?
    /// By which the one who leads hears of the disk.
    var listener: (number: UInt64, ticket: Int)?

    init(_ fill: Fill, _ draft: ResponseDraft, _ runtime: CacheRuntime) {
        self.fill = fill
        self.draft = draft
        self.runtime = runtime
        if let extent = fill.extent, extent.isFile { take(extent as? DiskContent) }
    }

    private mutating func take(_ content: DiskContent?) {
        self.content = content
        limit = runtime.disk?.objectLimit ?? 0
        content?.listen { [weak fill] in fill?.poke() }
    }

    /// Whether so many bytes of content can be stored; what grows too large for memory goes to the
    /// disk.
    fileprivate mutating func takes(_ count: Int) -> Bool {
        if let content { return !content.isFailed && count <= limit }
        if count <= runtime.store.objectLimit { return true }
        guard let disk = runtime.disk, runtime.mayStandOnDisk(draft),
            let content = disk.makeContent(for: draft, length: nil)
        else { return false }
        let isMoved = fill.move { prior, count in
            content.begin(behind: prior, count)
            return content
        }
        guard isMoved else { return false }
        take(content)
        return true
    }

    /// Whether the upstream is to wait for the disk; one that takes too long is given up.
    mutating func holdsBack(now: Int64) -> Bool {
        guard let content, content.backlog > DiskLimits.window, !content.isFailed else {
            heldSince = nil
            return false
        }
        let since = heldSince ?? now
        heldSince = since
        guard now - since >= DiskLimits.backpressure else { return true }
        content.giveUp(.slow)
        return false
    }

    /// When the waiting for the disk is over; and when a reader that waits for it looks again.
    func patience(now: Int64) -> Int64 {
        guard content != nil else { return WaitPoint.never }
        return heldSince.map { $0 + DiskLimits.backpressure } ?? now + DiskLimits.runTime
    }
}

extension Fill {
    /// Lets the disk have back what it set aside for a content that is not stored after all.
    func giveUpFile() { (extent as? DiskContent)?.giveUp(nil) }
}

extension LargeContent {
    /// The file that it stands in, if it does.
    var diskContent: DiskContent? {
        guard case .extent(let extent) = place, extent.isFile else { return nil }
        return extent as? DiskContent
    }
}

extension CachedResponse {
    /// The file that its content stands in, if it does.
    var diskContent: DiskContent? { large?.diskContent }
}
