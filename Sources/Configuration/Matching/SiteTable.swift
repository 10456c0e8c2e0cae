/// Chooses a site by host, in one pass over the host, however many sites there are.
///
/// The most specific one wins, whatever the order in the file: a host by its full name, else the
/// longest `*.name` that it stands below, else `*`.
public final class SiteTable: Sendable {
    /// Bytes of the longest host that is looked at.
    ///
    /// Source: RFC 1035 §2.3.4, and a final dot.
    public static let maximumHostLength = 254

    private let table: ByteTable
    /// For each key of the table, the site by its full name, and the one below it; -1 for none.
    private let exact: [Int32]
    private let below: [Int32]
    private let any: Int?

    /// Compiles the hosts of the sites behind one address.
    /// - Parameter hosts: Each host with its site's number; of equal hosts, the first counts.
    public init(_ hosts: [(host: HostPattern, site: Int)]) {
        var keys: [[UInt8]] = []
        var numbers: [String: Int] = [:]
        var exact: [Int32] = []
        var below: [Int32] = []
        var any: Int?
        for (host, site) in hosts {
            let name: String
            switch host {
            case .exact(let text), .below(let text): name = text
            case .any:
                any = any ?? site
                continue
            }
            let number = numbers[name] ?? keys.count
            if number == keys.count {
                numbers[name] = number
                keys.append(Array(name.utf8))
                exact.append(-1)
                below.append(-1)
            }
            let value = Int32(truncatingIfNeeded: site)
            if case .exact = host {
                if exact[number] < 0 { exact[number] = value }
            } else if below[number] < 0 {
                below[number] = value
            }
        }
        self.table = ByteTable(keys: keys, reversed: true)
        self.exact = exact
        self.below = below
        self.any = any
    }

    /// The site for a host.
    /// - Parameter host: As the client sent it, in any case, with or without a final dot, but
    ///   without the port; an IPv6 address in its brackets. Empty for none.
    /// - Returns: The site's number, or nil when no site answers for it.
    public func find(host: Span<UInt8>) -> Int? {
        var end = host.count
        guard end > 0, end <= Self.maximumHostLength else { return any }
        if host[end - 1] == 0x2E { end -= 1 }
        var hash = table.seed
        var best = any
        var index = end
        // No key is longer, so beyond it only an exact or longer match could be missed: there is
        // none.
        let limit = max(0, end - table.longestKey)
        while index > limit {
            index -= 1
            hash = ByteTable.step(hash, lowercase(host[index]))
            // A key is compared where a label begins: after a dot, or at the very start.
            if index == 0 {
                if let key = table.find(hash: hash, text: host, range: 0..<end, foldsCase: true),
                    exact[key] >= 0
                {
                    return Int(exact[key])
                }
            } else if host[index - 1] == 0x2E {
                if index > 1,
                    let key = table.find(
                        hash: hash,
                        text: host,
                        range: index..<end,
                        foldsCase: true
                    ),
                    below[key] >= 0
                {
                    best = Int(below[key])
                }
            }
        }
        return best
    }
}
