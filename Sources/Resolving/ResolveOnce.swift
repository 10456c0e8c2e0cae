public import Addressing
import Glibc

extension Resolver {
    /// Resolves one name and waits for it; for `gateway check`, never on an event loop.
    /// - Parameters:
    ///   - host: A host name or an address.
    ///   - timeout: Nanoseconds to wait at most.
    ///   - servers: Name servers as `address:port,…` in place of those of /etc/resolv.conf.
    ///   - limits: How long and how often to ask.
    /// - Returns: The addresses in ascending order, at least one.
    /// - Throws: Why there are none; `timeout` also if `timeout` has passed.
    public static func resolveOnce(
        _ host: String,
        timeout: Int64,
        servers: String? = nil,
        limits: ResolverLimits = ResolverLimits()
    ) throws(ResolutionError) -> [IPAddress] {
        let channel = try LookupChannel(servers: servers, limits: limits)
        defer { channel.close() }
        let start = monotonicNow()
        channel.ask(host, id: 0)
        while true {
            if let outcome = channel.takeFinished().first?.outcome {
                let addresses = Set(try outcome.get().addresses).sorted()
                return Array(addresses.prefix(limits.maximumAddressCount))
            }
            let left = timeout - (monotonicNow() - start)
            guard left > 0 else { throw .timeout }
            let wait = min(
                left / 1_000_000 + 1,
                channel.timeoutMilliseconds().map(Int64.init) ?? maximumPollMilliseconds,
                maximumPollMilliseconds
            )
            var descriptors = channel.descriptors()
            // The array has the count that is passed. A failure is like nothing having happened.
            let count = unsafe poll(
                &descriptors,
                nfds_t(descriptors.count),
                Int32(clamping: wait)
            )
            channel.process(count > 0 ? descriptors[...] : [])
        }
    }
}
