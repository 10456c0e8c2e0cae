/// How long connections to a server are kept for the next request.
public struct IdlePolicy: Sendable, Equatable {
    /// Most idle connections of one loop to one server; 0 keeps none.
    public var maximumCount: Int
    /// Longest time without a request, nanoseconds.
    public var idleTime: Int64
    /// Most requests on one connection; 0 for no limit.
    public var maximumRequests: Int
    /// Longest life, nanoseconds; 0 for no limit.
    public var maximumAge: Int64
    /// How long the server itself keeps an idle connection, nanoseconds, where that is known
    /// (gunicorn: 2 s); 0 if it is not.
    ///
    /// What the server says in a response goes before it.
    public var serverKeepAlive: Int64
    /// A connection is not used any more when the server may close it within this time,
    /// nanoseconds: our request and its close would cross on the way.
    public var safetyMargin: Int64

    /// Makes a policy; values out of range are brought into it.
    /// - Parameters:
    ///   - maximumCount: Most idle connections of one loop to one server, 0…65535.
    ///   - idleTime: Longest time without a request, nanoseconds.
    ///   - maximumRequests: Most requests on one connection; 0 for no limit.
    ///   - maximumAge: Longest life, nanoseconds; 0 for no limit.
    ///   - serverKeepAlive: What the server is known to keep, nanoseconds; 0 if nothing is known.
    ///   - safetyMargin: Time before the server's end in which none is used, nanoseconds.
    public init(
        maximumCount: Int = 64,
        idleTime: Int64 = 60_000_000_000,
        maximumRequests: Int = 0,
        maximumAge: Int64 = 0,
        serverKeepAlive: Int64 = 0,
        safetyMargin: Int64 = 500_000_000
    ) {
        self.maximumCount = min(max(0, maximumCount), 65_535)
        self.idleTime = clampedDuration(idleTime)
        self.maximumRequests = max(0, maximumRequests)
        self.maximumAge = clampedDuration(maximumAge)
        self.serverKeepAlive = clampedDuration(serverKeepAlive)
        self.safetyMargin = clampedDuration(safetyMargin)
    }
}

/// What a connection has behind it when it becomes idle.
public struct ConnectionHistory: Sendable, Equatable {
    /// When it was opened, monotonic nanoseconds.
    public var openedAt: Int64
    /// Requests it has served.
    public var requests: Int
    /// What the server's last `Keep-Alive` field promised.
    public var keepAlive: KeepAliveField

    /// Describes a connection.
    /// - Parameters:
    ///   - openedAt: Monotonic nanoseconds.
    ///   - requests: Requests it has served.
    ///   - keepAlive: What the server's last `Keep-Alive` field promised.
    public init(openedAt: Int64, requests: Int, keepAlive: KeepAliveField = KeepAliveField()) {
        self.openedAt = openedAt
        self.requests = requests
        self.keepAlive = keepAlive
    }
}

/// The idle connections of one loop to one server.
///
/// It only keeps them and says which to use and which to close; the caller closes.
///
/// Last in, first out: the connection used last is the least likely to be closed by the server, and
/// the ones that a quiet hour does not need grow old together.
public struct IdlePool<Connection: AnyObject> {
    private struct Entry {
        let connection: Connection
        /// Not to be used at or after this moment, monotonic nanoseconds.
        let usableUntil: Int64
    }

    /// The rule.
    public let policy: IdlePolicy
    /// Invariant: at most `policy.maximumCount`, in the order in which they became idle.
    private var entries: [Entry] = []

    /// Makes an empty pool, which allocates with its first connection.
    public init(policy: IdlePolicy) {
        self.policy = policy
    }

    /// Connections kept.
    public var count: Int { entries.count }

    /// When the next connection has to be closed, monotonic nanoseconds; nil if there is none.
    public var nextExpiry: Int64? {
        var soonest: Int64?
        for entry in entries { soonest = min(soonest ?? .max, entry.usableUntil) }
        return soonest
    }

    /// Keeps a connection that has become idle.
    /// - Parameters:
    ///   - connection: The connection; nothing of a response may be unread on it.
    ///   - history: What it has behind it.
    ///   - now: Monotonic nanoseconds.
    /// - Returns: A connection that must be closed now: this one, if it is of no more use,
    ///   or the one that was idle longest, if the pool is full.
    public mutating func push(
        _ connection: Connection,
        history: ConnectionHistory,
        now: Int64
    ) -> Connection? {
        guard policy.maximumCount > 0 else { return connection }
        let end = usableUntil(history, now: now)
        guard end > now else { return connection }
        let displaced =
            entries.count >= policy.maximumCount ? entries.removeFirst().connection : nil
        entries.append(Entry(connection: connection, usableUntil: end))
        return displaced
    }

    /// Takes out the connection that became idle last and is still safe to use.
    ///
    /// Those that are not stay for `popExpired`.
    public mutating func pop(now: Int64) -> Connection? {
        var index = entries.count
        while index > 0 {
            index -= 1
            if entries[index].usableUntil > now { return entries.remove(at: index).connection }
        }
        return nil
    }

    /// Takes out a connection that must be closed; call it until it returns nil.
    public mutating func popExpired(now: Int64) -> Connection? {
        for index in entries.indices where entries[index].usableUntil <= now {
            return entries.remove(at: index).connection
        }
        return nil
    }

    /// Takes out any connection: for shutting down, or when a server has left the set.
    public mutating func popAny() -> Connection? {
        entries.popLast()?.connection
    }

    /// Forgets a connection that its server has closed while it was idle.
    /// - Returns: Whether it was here.
    @discardableResult
    public mutating func remove(_ connection: Connection) -> Bool {
        for index in entries.indices where entries[index].connection === connection {
            entries.remove(at: index)
            return true
        }
        return false
    }

    private func usableUntil(_ history: ConnectionHistory, now: Int64) -> Int64 {
        if policy.maximumRequests > 0 && history.requests >= policy.maximumRequests { return now }
        if history.keepAlive.remainingRequests == 0 { return now }
        var end = saturatingSum(now, policy.idleTime)
        if policy.maximumAge > 0 {
            end = min(end, saturatingSum(history.openedAt, policy.maximumAge))
        }
        let promised = history.keepAlive.timeout ?? policy.serverKeepAlive
        if promised > 0 || history.keepAlive.timeout != nil {
            end = min(end, saturatingSum(now, max(0, promised - policy.safetyMargin)))
        }
        return end
    }
}
