/// How a server is chosen for a request.
public enum BalancingMethod: Sendable, Equatable, CaseIterable {
    /// In turn, by weight, evenly interleaved (nginx's smooth weighted round robin).
    case roundRobin
    /// The fewest requests in flight for its weight; in turn among equals.
    case leastConnections
    /// Two at random by weight, and of these the one with less to do.
    case random
    /// By a key, so that equal keys meet the same server; in turn for requests without a key.
    case hash
}

/// What `Balancer.choose` decided.
public enum Choice: Sendable, Equatable {
    /// Send the request to this server of `Balancer.servers`. It is already counted as in flight:
    /// `ServerStatus.release` must follow exactly once. `isTrial` goes back with the outcome.
    case server(index: Int, isTrial: Bool)
    /// No server can take the request; the earliest time that another try makes sense is
    /// `retryAfter` nanoseconds from now.
    case none(reason: UnavailableReason, retryAfter: Int64)
}

/// Why no server can take a request.
public enum UnavailableReason: Sendable, Equatable {
    /// The set is empty, or the configuration takes all of it out of use.
    case noServers
    /// The request has been at every usable server, or at as many as one request may try.
    case allTried
    /// Active health checks take all the rest out of use.
    case unhealthy
    /// All the rest have as many requests as they may have.
    case busy
}

/// The choice of a server: one per loop and upstream.
///
/// A server is left out when it is `down`, fails its active checks, was tried by this request, has
/// `maximumConnections` requests, or is ejected. Backup servers are asked when no other is left.
///
/// Choice: an ejection is a guess from traffic, so it never makes an upstream unavailable by
/// itself. When all that remain are ejected, they are used as if they were not (Envoy calls it
/// panic; nginx never ejects a sole server), and each such request is a trial, whose success brings
/// its server back. A failed active check is knowledge, not a guess: such servers are never used,
/// and when only they remain there is none (as in HAProxy).
public struct Balancer {
    /// How it chooses.
    public let method: BalancingMethod
    /// The rule for outcomes; hand it to `ServerStatus.recordFailure`.
    public let ejection: EjectionPolicy
    /// When to try again, nanoseconds, if active checks have taken every server out.
    public let retryAfterUnhealthy: Int64
    /// The servers that an index in a `Choice` means, until the next `replaceServers`.
    public private(set) var servers: [Server]
    /// The same servers in the same order, as the choice looks at them.
    var slots: [Slot]
    /// Smooth weighted round robin: what each server has saved up.
    ///
    /// The sum is zero between choices. Invariant: as many as `servers`.
    var savedWeights: [Int]

    /// When to try again if servers are only busy, nanoseconds.
    static let retryAfterBusy: Int64 = 1_000_000_000
    /// Rounds in which another loop may take the last place before us.
    static let maximumRounds = 4

    /// Makes a balancer.
    /// - Parameters:
    ///   - method: How to choose.
    ///   - set: The servers.
    ///   - ejection: The rule for failures.
    ///   - retryAfterUnhealthy: Time between two active checks, nanoseconds.
    ///   - offset: The loop's number: loops begin at different servers, so that the first requests
    ///     of all of them do not meet at one.
    public init(
        method: BalancingMethod,
        set: ServerSet,
        ejection: EjectionPolicy = EjectionPolicy(),
        retryAfterUnhealthy: Int64 = 5_000_000_000,
        offset: Int = 0
    ) {
        self.method = method
        self.ejection = ejection
        self.retryAfterUnhealthy = clampedDuration(retryAfterUnhealthy)
        servers = set.servers
        slots = set.servers.map(Slot.init)
        savedWeights = [Int](repeating: 0, count: set.servers.count)
        let start = set.servers.isEmpty ? 0 : Int(offset.magnitude % UInt(set.servers.count))
        let nobody = Candidates(now: .min, tried: TriedServers(), pass: .primary)
        for _ in 0..<start { _ = nextInTurn(nobody) }
    }

    /// Takes over another set; servers that stay keep their place in the round.
    public mutating func replaceServers(_ set: ServerSet) {
        var saved: [UInt64: Int] = [:]
        for (server, weight) in zip(servers, savedWeights) { saved[server.identity] = weight }
        servers = set.servers
        slots = set.servers.map(Slot.init)
        savedWeights = set.servers.map { saved.removeValue(forKey: $0.identity) ?? 0 }
    }

    /// Chooses a server for a request, or for another attempt at it.
    /// - Parameters:
    ///   - now: Monotonic nanoseconds.
    ///   - key: For `.hash`: `stableHash` of what equal requests share; nil if they lack it.
    ///   - tried: Where the request has been.
    ///   - random: Any number, evenly distributed.
    /// - Returns: The server, already counted as busy with the request; or why there is none.
    public mutating func choose(
        now: Int64,
        key: UInt64? = nil,
        excluding tried: TriedServers = TriedServers(),
        random: UInt64
    ) -> Choice {
        guard !tried.isFull else {
            return .none(reason: .allTried, retryAfter: retryAfter(now: now))
        }
        var pass = Candidates.Pass?.some(.primary)
        while let current = pass {
            let candidates = Candidates(now: now, tried: tried, pass: current)
            pass = current.next
            for _ in 0..<Balancer.maximumRounds {
                guard let index = pick(candidates, key: key, random: random) else { break }
                if let isTrial = take(index, candidates) {
                    return .server(index: index, isTrial: isTrial)
                }
            }
        }
        return unavailable(now: now, tried: tried)
    }

    /// When a client may sensibly try again: the end of the ejection that ends first, and at least
    /// a second; nanoseconds from now.
    ///
    /// For a request that failed everywhere.
    public func retryAfter(now: Int64) -> Int64 {
        var soonest = Int64.max
        for server in servers {
            guard let end = server.status.ejectedUntil else { continue }
            soonest = min(soonest, saturatingSum(end, now < 0 ? 0 : -now))
        }
        return soonest == .max ? Balancer.retryAfterBusy : max(soonest, Balancer.retryAfterBusy)
    }

    private mutating func pick(
        _ candidates: Candidates,
        key: UInt64?,
        random: UInt64
    ) -> Int? {
        switch method {
        case .roundRobin: nextInTurn(candidates)
        case .leastConnections: leastLoaded(candidates)
        case .random: betterOfTwo(candidates, random: random)
        case .hash:
            if let key {
                highestRanked(candidates, key: key)
            } else {
                nextInTurn(candidates)
            }
        }
    }

    /// Counts the request in.
    /// - Returns: Whether it is a trial, or nil if another loop was faster and the place is gone.
    private func take(_ index: Int, _ candidates: Candidates) -> Bool? {
        let slot = slots[index]
        guard slot.status.acquire(limit: slot.maximumConnections) else {
            return nil
        }
        guard slot.status.ejectedUntil != nil else { return false }
        if slot.status.claimTrial(now: candidates.now, lease: ejection.time) { return true }
        if candidates.usesEjected { return true }
        // Somebody else took the trial, or ended the ejection: look again.
        slot.status.release()
        return nil
    }

    private func unavailable(now: Int64, tried: TriedServers) -> Choice {
        var anyConfigured = false
        var anyUntried = false
        var anyHealthy = false
        for server in servers where !server.description.isDown {
            anyConfigured = true
            if tried.contains(server) { continue }
            anyUntried = true
            if server.status.isHealthy { anyHealthy = true }
        }
        if !anyConfigured { return .none(reason: .noServers, retryAfter: retryAfterUnhealthy) }
        if !anyUntried { return .none(reason: .allTried, retryAfter: retryAfter(now: now)) }
        if !anyHealthy { return .none(reason: .unhealthy, retryAfter: retryAfterUnhealthy) }
        return .none(reason: .busy, retryAfter: Balancer.retryAfterBusy)
    }
}

/// Which servers a round of the choice looks at.
struct Candidates {
    /// The rounds in their order.
    ///
    /// Not `CaseIterable`: its list is an array made anew for each use.
    enum Pass {
        case primary, backup, ejectedPrimary, ejectedBackup

        var next: Pass? {
            switch self {
            case .primary: .backup
            case .backup: .ejectedPrimary
            case .ejectedPrimary: .ejectedBackup
            case .ejectedBackup: nil
            }
        }
    }

    let now: Int64
    let tried: TriedServers
    let pass: Pass

    var usesEjected: Bool { pass == .ejectedPrimary || pass == .ejectedBackup }

    /// Whether a server may be picked in this round.
    func contains(_ slot: borrowing Slot) -> Bool {
        guard !slot.isDown,
            slot.isBackup == (pass == .backup || pass == .ejectedBackup),
            slot.status.isHealthy
        else { return false }
        let limit = slot.maximumConnections
        if limit > 0 && slot.status.inFlight >= limit { return false }
        if !usesEjected, let end = slot.status.ejectedUntil, end > now { return false }
        return tried.isEmpty || !tried.contains(slot.identity)
    }
}
