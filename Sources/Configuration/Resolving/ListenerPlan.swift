import Addressing

/// Gathers the addresses of all sites, and what contradicts itself among them.
struct ListenerPlan {
    private struct Entry {
        let address: SocketAddress
        let proxyProtocol: Bool
        let isSecure: Bool
        let mode: UInt16?
        let defers: Bool
        let mark: Mark
        var sites: [Int] = []
    }

    private var entries: [Entry] = []
    /// For each address, its entry.
    private var numbers: [SocketAddress: Int] = [:]
    /// For each site, its entries.
    private var bySite: [Int: [Int]] = [:]
    /// For each entry and host, where the host stands.
    private var hosts: [[HostPattern: Mark]] = []
    private var usesTop = false

    /// Adds a site's addresses: its own, or else those of the top.
    mutating func add(_ site: Block, number: Int, top: Block, report: Report) {
        if site.listens.isEmpty { usesTop = true }
        let listens = site.listens.isEmpty ? top.listens : site.listens
        if listens.isEmpty, !site.isDamaged, !top.isDamaged {
            report.error(
                site.mark,
                "site: listens nowhere",
                hint: "write 'listen :8080' in the site, or at the top for all sites"
            )
        }
        for listen in listens {
            let entry = entry(listen, report)
            entries[entry].sites.append(number)
            bySite[number, default: []].append(entry)
            for host in site.hosts {
                if let first = hosts[entry][host.value] {
                    report.error(
                        host.mark,
                        "site: two sites have the host '\(host.value)' on \(listen.value.address)",
                        notes: [(first, "the other one stands here")]
                    )
                } else {
                    hosts[entry][host.value] = host.mark
                }
            }
        }
    }

    private mutating func entry(_ listen: Placed<ListenDraft>, _ report: Report) -> Int {
        if let number = numbers[listen.value.address] {
            let first = entries[number]
            if first.proxyProtocol != listen.value.proxyProtocol {
                report.error(
                    listen.mark,
                    "listen: \(first.address) stands with and without 'proxy_protocol'",
                    notes: [(first.mark, "it stands here first")]
                )
            }
            if first.isSecure != listen.value.isSecure {
                report.error(
                    listen.mark,
                    "listen: \(first.address) stands with and without 'tls'",
                    notes: [(first.mark, "it stands here first")]
                )
            }
            if first.mode != listen.value.mode {
                report.error(
                    listen.mark,
                    "listen: \(first.address) stands with two modes",
                    notes: [(first.mark, "it stands here first")]
                )
            }
            if first.defers != listen.value.defers {
                report.error(
                    listen.mark,
                    "listen: \(first.address) stands with and without 'defer=off'",
                    notes: [(first.mark, "it stands here first")]
                )
            }
            return number
        }
        entries.append(
            Entry(
                address: listen.value.address,
                proxyProtocol: listen.value.proxyProtocol,
                isSecure: listen.value.isSecure,
                mode: listen.value.mode,
                defers: listen.value.defers,
                mark: listen.mark
            )
        )
        hosts.append([:])
        numbers[listen.value.address] = entries.count - 1
        return entries.count - 1
    }

    /// Looks for addresses without effect, or with two uses.
    func check(top: Block, isSound: Bool, report: Report) {
        if isSound, !usesTop, !top.sites.isEmpty, let listen = top.listens.first {
            report.error(
                listen.mark,
                "listen: has no effect: every site has a 'listen' of its own"
            )
        }
        if let metrics = top.metrics, let address = metrics.value, address.port != 0,
            let number = numbers[address]
        {
            report.error(
                metrics.mark,
                "metrics: \(address) is an address of a site",
                notes: [(entries[number].mark, "it stands here")]
            )
        }
    }

    /// The numbers of a site's listeners.
    func numbers(of site: Int) -> [Int] { bySite[site] ?? [] }

    /// What the client's address is taken from where nobody says it.
    func defaultSource(of site: Int) -> ClientAddressPolicy.Source {
        let own = numbers(of: site)
        let hasAll = !own.isEmpty && own.allSatisfy { entries[$0].proxyProtocol }
        return hasAll ? .proxyProtocol : .forwardedFor
    }

    /// Whether any listener of a site has the PROXY protocol.
    func hasProxyProtocol(_ site: Int) -> Bool {
        numbers(of: site).contains { entries[$0].proxyProtocol }
    }

    /// Whether a listener has TLS.
    func hasTLS(_ number: Int) -> Bool { entries[number].isSecure }

    /// Whether any listener of a site has TLS.
    func isSecure(_ site: Int) -> Bool { numbers(of: site).contains { entries[$0].isSecure } }

    /// Where a PROXY protocol listener of a site stands that other machines may reach.
    func openProxyProtocolMark(_ site: Int) -> Mark? {
        for number in numbers(of: site) where entries[number].proxyProtocol {
            if entries[number].address.ipAddress?.isLoopback == false {
                return entries[number].mark
            }
        }
        return nil
    }

    /// Whether a site has a listener without TLS.
    func isPlain(_ site: Int) -> Bool { numbers(of: site).contains { !entries[$0].isSecure } }

    /// The port of a site's listener with TLS; nil when it is 443, or there is no such listener.
    func securePort(_ site: Int) -> UInt16? {
        let ports = numbers(of: site).filter { entries[$0].isSecure }
            .compactMap { entries[$0].address.port }
        return ports.contains(443) ? nil : ports.first
    }

    func listeners(sites: [Block], strictSNI: Bool) -> [SiteListener] {
        entries.map { entry in
            SiteListener(
                address: entry.address,
                proxyProtocol: entry.proxyProtocol,
                isSecure: entry.isSecure,
                strictSNI: strictSNI && entry.isSecure,
                mode: entry.mode,
                defers: entry.defers,
                sites: entry.sites,
                table: SiteTable(
                    entry.sites.flatMap { number in
                        sites[number].hosts.map { ($0.value, number) }
                    }
                )
            )
        }
    }
}
