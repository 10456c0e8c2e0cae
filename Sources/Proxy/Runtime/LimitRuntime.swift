import Addressing
import Bytes
import Configuration
import EventLoop
import Limiting
import Synchronization

/// One rate limit at work: its counters, and what is told of it, prepared.
final class LimitRuntime: Sendable {
    let limit: RateLimit
    let table: LimitTable
    let secret: LimitSecret
    let recipe: KeyRecipe
    /// Whether all methods count.
    let takesAllMethods: Bool
    /// Whether it only counts what it would refuse.
    let observes: Bool
    /// Whether some clients are let off.
    let hasAllowed: Bool
    /// The units of a request whose cost is known; one for others, until theirs is.
    let cost: Int
    let isSettledLater: Bool
    /// `"name"`, as a structured field has it.
    let quotedName: [UInt8]
    /// What the limit is called where gateways share it: equal for what means the same.
    let sharedName: [UInt8]
    /// The file of rates as it was when it was read last; nil when only the load has read it.
    let ratesStamp = Mutex<WatchedFile.Stamp?>(nil)
    private let hasOverrides = Atomic<Bool>(false)
    private let overrides = Mutex<[LimitKey: LimitRate?]>([:])

    init(_ limit: RateLimit, table: LimitTable, secret: LimitSecret) {
        self.limit = limit
        self.table = table
        self.secret = secret
        recipe = KeyRecipe(limit.key)
        takesAllMethods = limit.methods == .all
        hasAllowed = !limit.allowed.isEmpty
        observes = limit.observes
        if case .fixed(let units) = limit.cost { cost = units } else { cost = 1 }
        isSettledLater = limit.isSettledLater
        quotedName = Array("\"\(limit.name)\"".utf8)
        var hasher = KeyHasher(secret)
        hasher.combine(value: Array(limit.identity.utf8).span)
        sharedName = Array((String(hasher.finish().high, radix: 36) + ":").utf8)
        replaceOverrides(limit.overrides)
    }

    /// Takes other rates for some keys into force.
    func replaceOverrides(_ rates: [RateOverride]) {
        var map: [LimitKey: LimitRate?] = [:]
        for override in rates {
            if let key = key(of: override.values) { map[key] = .some(override.rate) }
        }
        let isEmpty = map.isEmpty
        overrides.withLock { $0 = map }
        hasOverrides.store(!isEmpty, ordering: .releasing)
    }

    /// What a key may; nil for no limit.
    func rate(for key: LimitKey) -> LimitRate? {
        if !hasOverrides.load(ordering: .relaxed) { return limit.rate }
        return overrides.withLock { $0[key] ?? limit.rate }
    }

    /// The part of a rate that one of several gateways has while they cannot count together.
    func share(of rate: LimitRate, _ gateways: Int) -> LimitRate {
        LimitRate(
            max(1, rate.count / gateways),
            per: rate.period,
            burst: max(cost, rate.burst / gateways)
        ) ?? rate
    }

    /// The key that a line of a file of rates means; nil when an address is none.
    private func key(of values: [String]) -> LimitKey? {
        var hasher = KeyHasher(secret)
        for (part, text) in zip(limit.key.parts, values) {
            let bytes = Array(text.utf8)
            if part == .clientAddress {
                guard let address = IPAddress(text) else { return nil }
                hasher.combine(limit.key.masked(address))
            } else if case .query = part {
                hasher.combine(decoding: bytes.span)
            } else {
                hasher.combine(value: bytes.span)
            }
        }
        return hasher.finish()
    }

    /// The keys under which requests with these values, in the order of the key's parts, may be
    /// counted; none when they do not fit.
    func keys(of values: [String]) -> [LimitKey] {
        // As `top` shows it, an address may have its prefix behind it.
        let plain = zip(limit.key.parts, values).map { part, text in
            part == .clientAddress ? String(text.prefix { $0 != "/" }) : text
        }
        var found: [LimitKey] = []
        if limit.key.parts.contains(.route) {
            // Two values, of which a person rarely knows the first: that is what `id` is for.
        } else if values.count == limit.key.parts.count, let key = key(of: plain) {
            found.append(key)
        }
        if limit.key.missing == .clientAddress, limit.key.parts != [.clientAddress],
            values.count == 1, let text = values.first?.prefix(while: { $0 != "/" }),
            let address = IPAddress(String(text))
        {
            found.append(keyWithout(address))
        }
        return found
    }

    /// The key of a client whose requests lack a part of the key.
    private func keyWithout(_ address: IPAddress) -> LimitKey {
        var hasher = KeyHasher(secret)
        hasher.combine(UInt64.max)
        hasher.combine(limit.key.masked(address))
        return hasher.finish()
    }

    /// Units that a full counter has, and the seconds in which it fills, as the fields tell them.
    static func quota(_ rate: LimitRate, _ algorithm: LimitAlgorithm) -> (units: Int, seconds: Int)
    {
        let isBucket = algorithm == .tokenBucket
        let time = isBucket ? rate.fillTime : rate.period
        return (isBucket ? rate.burst : rate.count, LimitRuntime.seconds(time))
    }

    /// Nanoseconds in whole seconds, as somebody who waits has to count them.
    static func seconds(_ nanoseconds: Int64) -> Int {
        Int((max(0, nanoseconds) &+ 999_999_999) / 1_000_000_000)
    }
}

extension KeyHasher {
    /// Adds an address whose bits that do not count are zero.
    mutating func combine(_ address: IPAddress) {
        combine((address.isIPv4 ? 4 : 6, address.high, address.low))
    }

    /// Adds a value of a query with its percent-encoding undone, so that no other spelling of it
    /// is counted apart; nothing is made of an encoding that is none.
    mutating func combine(decoding text: Span<UInt8>) {
        var decoded: [UInt8] = []
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "%"), index + 2 < text.count,
                let high = hexadecimal(text[index + 1]), let low = hexadecimal(text[index + 2])
            {
                decoded.append(high << 4 | low)
                index += 3
                continue
            }
            decoded.append(text[index] == UInt8(ascii: "+") ? 0x20 : text[index])
            index += 1
        }
        combine(value: decoded.span)
    }
}

private func hexadecimal(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

/// One limit of requests at once, at work.
final class GateRuntime: Sendable {
    let limit: ConcurrencyLimit
    let table: ConcurrencyTable
    let secret: LimitSecret
    let recipe: KeyRecipe

    init(_ limit: ConcurrencyLimit, table: ConcurrencyTable, secret: LimitSecret) {
        self.limit = limit
        recipe = KeyRecipe(limit.key)
        self.table = table
        self.secret = secret
    }
}

/// Every limit that the requests of one route have to pass.
final class RouteLimits: Sendable {
    let rates: [LimitRuntime]
    let gates: [GateRuntime]
    let bandwidth: BandwidthLimit?
    let fields: RateLimitFields
    /// Whether what some request cost is known only by its response.
    let isSettledLater: Bool
    /// Whether a field of the response may say it.
    let hasResponseCost: Bool
    /// The RateLimit-Policy field without its line's end; empty when none of the limits refuses.
    let policyField: [UInt8]
    /// What the limits in it are called, quotes included.
    let quotedNames: [[UInt8]]

    init(
        rates: [LimitRuntime],
        gates: [GateRuntime],
        bandwidth: BandwidthLimit?,
        fields: RateLimitFields
    ) {
        self.rates = rates
        self.gates = gates
        self.bandwidth = bandwidth
        self.fields = fields
        isSettledLater = rates.contains { $0.isSettledLater }
        hasResponseCost = rates.contains {
            if case .response = $0.limit.cost { true } else { false }
        }
        let enforced = rates.filter { !$0.limit.observes }
        quotedNames = enforced.map(\.quotedName)
        let policies = enforced.map { runtime in
            let (units, seconds) = LimitRuntime.quota(runtime.limit.rate, runtime.limit.algorithm)
            return "\"\(runtime.limit.name)\";q=\(units);w=\(seconds)"
        }
        let line = "RateLimit-Policy: \(policies.joined(separator: ", "))"
        policyField = policies.isEmpty ? [] : Array(line.utf8)
    }
}
