import Addressing

/// Notices the mistake that everybody makes: a load balancer in front, and no `trusted_proxies`.
///
/// Counts over a minute. When most requests come from one private peer that is not trusted and
/// sends X-Forwarded-For, the client addresses in logs and limits are all that peer's.
struct ForwardedWarning {
    /// Nanoseconds over which requests are counted, and between two warnings at least.
    static let window: Int64 = 60_000_000_000
    /// Requests in a window below which nothing is said.
    static let minimumRequests = 100

    private var windowStart: Int64 = 0
    private var requests = 0
    private var claims = 0
    private var suspect: IPAddress?

    /// Takes note of a request from a peer that is not trusted.
    ///
    /// `peer`: Who sent it.
    ///
    /// `claims`: Whether it has an X-Forwarded-For field.
    mutating func note(peer: Peer, claims claimsClient: Bool) {
        requests &+= 1
        guard claimsClient, let address = peer.address, address.isPrivate || address.isLoopback
        else { return }
        if suspect == nil || claims == 0 { suspect = address }
        // Boyer and Moore's majority vote: the peer of most requests wins in constant memory.
        if suspect == address { claims += 1 } else { claims -= 1 }
    }

    /// Asks once in a while whether a warning is due.
    /// - Returns: The peer that is probably a proxy which ought to be trusted.
    mutating func due(now: Int64) -> IPAddress? {
        if now - windowStart < ForwardedWarning.window { return nil }
        defer {
            windowStart = now
            requests = 0
            claims = 0
            suspect = nil
        }
        guard requests >= ForwardedWarning.minimumRequests, claims > requests / 2 else {
            return nil
        }
        return suspect
    }
}
