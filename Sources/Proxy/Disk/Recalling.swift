import Caching
import EventLoop
import HTTP

/// What an exchange asks the disk for, and waits for.
extension Exchange {
    /// Finds a response on the disk that memory has not.
    ///
    /// Waits no longer than `cache_path` says: what comes later is put into memory all the same.
    mutating func recall(_ disk: DiskTier, _ cache: CacheRuntime, key: [UInt8], hash: UInt64)
        async -> CachedResponse?
    {
        // A second time if what was read has been changed meanwhile, or answers another request
        // that came first.
        for _ in 0..<Exchange.recalls {
            let (found, mayFind) = await lookOnce(disk, cache, key: key, hash: hash)
            if found != nil || !mayFind { return found }
        }
        return nil
    }

    private static let recalls = 2

    /// Returns What was found, and otherwise whether another look may find something.
    private mutating func lookOnce(
        _ disk: DiskTier,
        _ cache: CacheRuntime,
        key: [UInt8],
        hash: UInt64
    ) async -> (CachedResponse?, Bool) {
        switch disk.find(key.span, request: request.fields) {
        case .absent: return (nil, false)
        case .found(let object):
            let isHit = mayHave(object)
            disk.count(hit: isHit, late: false)
            return (isHit ? object : nil, false)
        case .wait(let read):
            let isLate = await !wait(for: read, upTo: disk.patience)
            var found = read.found
            if let object = found, !fits(object) { found = nil }
            // Something newer may have come meanwhile, or another variant been asked for.
            if found == nil { found = findStored(cache, key: key, hash: hash) }
            if let object = found, !mayHave(object) { found = nil }
            // What is in memory has been found there; what is not must be asked for again.
            let mayFind =
                found == nil && !isLate && (read.isDoomed || read.found?.isOnFile ?? false)
            if !mayFind { disk.count(hit: found != nil, late: isLate) }
            return (found, mayFind)
        }
    }

    /// Waits until the disk has let go of what was removed: an answer that says so is then true
    /// after a crash as well.
    mutating func settle(_ store: CacheStore) async {
        guard let disk = store.tier as? DiskTier, let settling = disk.settling() else { return }
        _ = await wait(for: settling, upTo: DiskLimits.settleTime)
    }

    /// Waits for the disk.
    ///
    /// Returns Whether it was done in time.
    private mutating func wait(for read: DiskRead, upTo nanoseconds: Int64) async -> Bool {
        let point = WaitPoint(reactor: context.reactor)
        let number = context.cache.enroll(point)
        let news = context.cache.news
        read.join(news, number: number)
        defer {
            read.leave(number, news)
            context.cache.retire(number)
            point.retire()
        }
        let deadline = context.reactor.now + nanoseconds
        while !read.isDone {
            guard case .ready = await point.wait(until: deadline) else { break }
        }
        return read.isDone
    }

    private mutating func fits(_ object: CachedResponse) -> Bool {
        if object.part != nil, !object.hasRange(of: request.fields) { return false }
        var scratch: [UInt8] = []
        return object.vary.isEmpty
            || Vary.matches(
                object.vary,
                language: object.language,
                request: request.fields,
                scratch: &scratch
            )
    }

    private mutating func mayHave(_ object: CachedResponse) -> Bool {
        !(object.traits.contains(.withoutCookies) && request.fields.contains(.cookie))
    }
}
