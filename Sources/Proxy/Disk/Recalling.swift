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
        var looks = Exchange.recalls
        while true {
            looks -= 1
            var (isLate, mayFind) = (false, false)
            var found: CachedResponse?
            switch disk.find(key.span, request: request.fields) {
            // It is counted there.
            case .absent: return nil
            case .found(let object): found = object
            case .wait(let read):
                isLate = await !wait(for: read, upTo: disk.patience)
                found = read.found.flatMap { fits($0) ? $0 : nil }
                // Something newer may have come meanwhile, or another variant been asked for.
                if found == nil { found = findStored(cache, key: key, hash: hash) }
                // What is in memory has been found there; what is not must be asked for again.
                mayFind = !isLate && (read.isDoomed || read.found?.isOnFile ?? false)
            }
            if let object = found, mayHave(object) {
                let isHit = await canBegin(object, disk)
                disk.count(hit: isHit, late: !isHit)
                return isHit ? object : nil
            }
            if mayFind, looks > 0 { continue }
            disk.count(hit: false, late: isLate)
            return nil
        }
    }

    private static let recalls = 2

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
