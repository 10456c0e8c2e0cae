import Bytes
import Caching
import EventLoop
import HTTP

/// Where a response's content is to stand.
struct StoragePlace {
    /// nil: in ordinary memory.
    var extent: (any ContentExtent)?
}

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

    /// Where a content of a length, or of one that is not known, is to stand; nil where there is
    /// no place for it now.
    func place(for draft: ResponseDraft, length: Int?) -> StoragePlace? {
        guard let length, length > store.objectLimit else {
            return StoragePlace(extent: store.makeExtent(length))
        }
        guard let content = disk?.makeContent(for: draft, length: length) else { return nil }
        return StoragePlace(extent: content)
    }
}

extension Exchange {
    /// Where a response is to be stored; nil, with the reason in the turn, if it is not.
    mutating func storagePlace(_ draft: ResponseDraft, _ turn: CacheTurn, length: Int?)
        -> StoragePlace?
    {
        turn.refusal = .tooLarge
        guard turn.runtime.hasRoom(for: draft, length: response.declaredLength ?? 0) else {
            return nil
        }
        guard isUsedEnough(turn) else {
            turn.refusal = .usedTooSeldom
            return nil
        }
        guard let place = turn.runtime.place(for: draft, length: length) else { return nil }
        turn.refusal = nil
        return place
    }

    /// Whether so many bytes of content can still be stored.
    mutating func keeps(_ spool: inout DiskSpool, _ count: Int) -> Bool {
        guard spool.takes(count) else { return false }
        if spool.content != nil, spool.listener == nil {
            let number = context.cache.enroll(gathering)
            let ticket = spool.fill.join(context.cache.news, number: number)
            spool.listener = (number, ticket)
        }
        return true
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
    /// Nanoseconds between two looks at what comes from the disk.
    static let pause: Int64 = 5_000_000

    let fill: Fill
    private let draft: ResponseDraft
    private let runtime: CacheRuntime
    private(set) var content: DiskContent?
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
        content?.onNews { [weak fill] in fill?.poke() }
    }

    /// Whether so many bytes of content can be stored; what grows too large for memory goes to the
    /// disk.
    fileprivate mutating func takes(_ count: Int) -> Bool {
        if let content { return !content.isFailed && count <= runtime.disk?.objectLimit ?? 0 }
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
        content.giveUp()
        return false
    }

    /// When the waiting for the disk is over; and at what a reader that waits for it looks again.
    func patience(now: Int64) -> Int64 {
        guard content != nil else { return WaitPoint.never }
        return heldSince.map { $0 + DiskLimits.backpressure } ?? now + DiskLimits.runTime
    }
}

extension CachedResponse {
    /// The file that its content stands in, if it does.
    var diskContent: DiskContent? {
        guard isOnFile, case .extent(let extent) = large?.place else { return nil }
        return extent as? DiskContent
    }
}
