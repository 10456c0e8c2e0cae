import Bytes

/// The purges of a fleet: what is read from the store that its gateways share is held against them.
///
/// Nothing is looked for in the shared store when a purge comes. Each purge is remembered with its
/// time instead, and a response that was asked for before that is not used any more. All times are
/// milliseconds of the shared store's clock.
package struct SharedPurges: Sendable {
    /// What the purges say of a response.
    package enum Verdict: Sendable, Equatable {
        case unaffected
        /// Stale since a time.
        case stale(Int64)
        case removed
    }

    private struct Times: Sendable {
        var hard = Int64.min
        var soft = Int64.min

        mutating func add(_ time: Int64, isSoft: Bool) {
            if isSoft { soft = max(soft, time) } else { hard = max(hard, time) }
        }
    }

    private struct Group: Hashable, Sendable {
        var name: [UInt8]
        var origin: [UInt8]
    }

    /// Purges of different things remembered at most; of what came before the newest of them
    /// nothing is known then, so it counts as purged.
    package static let maximumCount = 16_384
    /// Prefixes at most, which have to be compared one by one.
    static let maximumPrefixes = 256

    private var all = Times()
    private var urls: [[UInt8]: Times] = [:]
    private var hosts: [[UInt8]: Times] = [:]
    private var tags: [[UInt8]: Times] = [:]
    private var groups: [Group: Times] = [:]
    private var prefixes: [[UInt8]: Times] = [:]
    /// The time up to which purges may have been forgotten.
    package private(set) var horizon = Int64.min
    private var newest = Int64.min

    package init() {}

    private var count: Int {
        urls.count + hosts.count + tags.count + groups.count + prefixes.count
    }

    /// Purges of different things that are remembered.
    package var subjects: Int { count }

    /// Forgets everything, as what came up to a time is not known.
    package mutating func forget(upTo time: Int64) {
        all = Times()
        urls = [:]
        hosts = [:]
        tags = [:]
        groups = [:]
        prefixes = [:]
        horizon = max(horizon, time)
    }

    /// Takes a purge in.
    package mutating func add(_ purge: Purge, isSoft: Bool, time: Int64) {
        newest = max(newest, time)
        switch purge {
        case .everything: all.add(time, isSoft: isSoft)
        case .url(let url): urls[url, default: Times()].add(time, isSoft: isSoft)
        case .host(let host): hosts[host, default: Times()].add(time, isSoft: isSoft)
        case .tag(let tag): tags[tag, default: Times()].add(time, isSoft: isSoft)
        case .prefix(let prefix): prefixes[prefix, default: Times()].add(time, isSoft: isSoft)
        case .group(let name, let origin):
            let group = Group(name: name, origin: origin)
            groups[group, default: Times()].add(time, isSoft: isSoft)
        // One key is removed from the shared store itself.
        case .key: break
        }
        if count > Self.maximumCount || prefixes.count > Self.maximumPrefixes {
            forget(upTo: newest)
        }
    }

    /// What holds for a response.
    ///
    /// `born`: When it was asked for.
    package func verdict(key: Span<UInt8>, head: Span<UInt8>, born: Int64) -> Verdict {
        if born <= horizon { return .removed }
        if newest < born { return .unaffected }
        let url = CacheKey.url(of: key)
        var times = all
        func join(_ other: Times?) {
            guard let other else { return }
            times.hard = max(times.hard, other.hard)
            times.soft = max(times.soft, other.soft)
        }
        if !urls.isEmpty { join(urls[url.bytes()]) }
        if !hosts.isEmpty { join(hosts[CacheKey.host(ofURL: url).bytes()]) }
        for (prefix, other) in prefixes
        where url.count >= prefix.count
            && url.extracting(first: prefix.count).equalsByWords(prefix.span)
        {
            join(other)
        }
        if !tags.isEmpty || !groups.isEmpty {
            let origin = CacheKey.origin(ofURL: url).bytes()
            Purge.forEachTag(of: head) { tag, isGroup in
                join(tags[tag])
                if isGroup { join(groups[Group(name: tag, origin: origin)]) }
            }
        }
        if times.hard >= born { return .removed }
        return times.soft >= born ? .stale(times.soft) : .unaffected
    }
}

extension Purge {
    /// Gives each tag of a head to a closure, and whether it is one of Cache-Groups.
    static func forEachTag(of head: Span<UInt8>, _ body: (_ tag: [UInt8], _ isGroup: Bool) -> Void)
    {
        var start = HeadLines.firstLine(of: head)
        while let line = HeadLines.line(at: start, in: head) {
            start = line.end
            let name = head.extracting(line.name)
            let isGroup = name.equalsIgnoringCase("cache-groups")
            guard
                isGroup || name.equalsIgnoringCase("cache-tag")
                    || name.equalsIgnoringCase("surrogate-key")
            else { continue }
            let value = head.extracting(line.value)
            var begin = 0
            while begin < value.count {
                var end = begin
                while end < value.count, !isSeparator(value[end]) { end += 1 }
                if end > begin { body(value.extracting(begin..<end).bytes(), isGroup) }
                begin = end + 1
            }
        }
    }
}

extension Timing {
    /// Milliseconds from `now` for which a response is of use to anybody: until its lifetime is
    /// over, and the time after it in which it may be served stale.
    package func usefulTime(now: Int64) -> Int64 {
        var seconds = lifetime.seconds
        if !lifetime.noCache, !lifetime.mustRevalidate {
            seconds += max(lifetime.staleWhileRevalidate, lifetime.staleIfError)
        }
        return seconds &* 1000 &- age(now: now)
    }
}
