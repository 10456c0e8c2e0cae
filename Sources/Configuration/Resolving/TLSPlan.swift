import Addressing

/// Puts together how TLS is spoken, from what stands in a site and at the top.
struct TLSPlan {
    let top: Block
    let report: Report
    /// The folder of `state`.
    let state: String

    /// How a site speaks TLS; nil when none of its listeners does.
    func site(_ block: Block, isSecure: Bool) -> SiteTLS? {
        guard isSecure else {
            checkInert(block)
            return nil
        }
        let own = block.certificates.isEmpty ? top.certificates : block.certificates
        let listens = block.listens.isEmpty ? top.listens : block.listens
        // One that shares another's address by mistake has been told so.
        let isMeant = listens.contains(where: \.value.isSecure)
        if own.isEmpty, isMeant, !block.isDamaged, !top.isDamaged {
            report.error(
                block.mark,
                "site: listens with 'tls' and has no certificate",
                hint: "write 'certificate chain.pem key.pem' in the site, or at the top for all"
            )
        }
        let policy = policy(block)
        if policy.earlyData { checkEarlyData(block, policy) }
        return SiteTLS(
            certificates: own.map { resolved($0.value, for: block) },
            policy: policy,
            clientCertificates: block.clientCertificates?.value
        )
    }

    /// A certificate with the places that the gateway chooses for its files.
    private func resolved(_ source: CertificateSource, for site: Block) -> CertificateSource {
        switch source {
        case .local:
            return .local(LocalCertificate(names: names(of: site), state: state))
        case .files(let files) where files.fetchesOCSP:
            let stem = fileStem([files.chain])
            return .files(
                CertificateFiles(
                    chain: files.chain,
                    key: files.key,
                    ocsp: state + "/ocsp/" + stem + ".der",
                    fetchesOCSP: true
                )
            )
        case .files: return source
        }
    }

    /// What a site's own certificate is for.
    private func names(of site: Block) -> [String] {
        site.hosts.flatMap { host in
            switch host.value {
            case .exact(let name):
                [name.hasPrefix("[") ? String(name.dropFirst().dropLast()) : name]
            case .below(let name): ["*.\(name)"]
            case .any: ["localhost", "127.0.0.1", "::1"]
            }
        }
    }

    /// Reports a `state` in which nothing would be kept.
    func checkState(_ sites: [Site]) {
        guard let placed = top.state else { return }
        let certificates = sites.compactMap(\.tls).flatMap(\.certificates)
        let isUsed = certificates.contains { source in
            if case .local = source { true } else { source.files.fetchesOCSP }
        }
        if !isUsed {
            report.error(
                placed.mark,
                "state: has no effect: nothing is kept without 'certificate internal' or 'ocsp=on'"
            )
        }
    }

    /// Reports early data where a replay could not be told from the request, or none can come.
    private func checkEarlyData(_ block: Block, _ policy: TLSPolicy) {
        guard let mark = (block.tls?.value.earlyData != nil ? block.tls : top.tls)?.mark else {
            return
        }
        if let keys = top.ticketKeys {
            report.error(
                mark,
                "tls: 'early_data=on' cannot stand beside 'ticket_keys': another machine would not "
                    + "know a replay",
                notes: [(keys.mark, "the keys are shared here")]
            )
        }
        if let client = block.clientCertificates {
            report.error(
                mark,
                "tls: 'early_data=on' cannot stand beside 'client_certificate': who asks is known "
                    + "at the end of the handshake only",
                notes: [(client.mark, "clients are asked here")]
            )
        }
        if policy.tickets == 0 {
            report.error(
                mark,
                "tls: 'early_data=on' has no effect with 'tickets=0': only who resumes sends any"
            )
        }
    }

    /// Warns of hosts that are addresses, where clients would meet the certificate of another site:
    /// they ask for names only.
    ///
    /// Source: RFC 6066 §3.
    func checkAddresses(_ sites: [Site], _ listeners: ListenerPlan) {
        for number in Set(sites.flatMap(\.listeners)).sorted() where listeners.hasTLS(number) {
            let own = sites.indices.filter { sites[$0].listeners.contains(number) }
            guard let met = own.first(where: { sites[$0].hosts.contains(.any) }) ?? own.first else {
                continue
            }
            for site in own where sites[site].tls != sites[met].tls {
                for host in top.sites[site].hosts {
                    guard case .exact(let name) = host.value, isAddress(name) else { continue }
                    report.warning(
                        host.mark,
                        "site: '\(name)' cannot be reached over TLS: who asks for an address names "
                            + "none in the handshake, and meets site '\(sites[met].name)'",
                        hint: "let both have the same certificates and TLS settings, or listen on "
                            + "addresses of their own",
                        notes: [(top.sites[met].mark, "the site that is met stands here")]
                    )
                }
            }
        }
    }

    private func isAddress(_ host: String) -> Bool {
        host.hasPrefix("[") || IPAddress(host) != nil
    }

    private func checkInert(_ block: Block) {
        var settings = block.certificates.first.map { [("certificate", $0.mark)] } ?? []
        if let tls = block.tls { settings.append(("tls", tls.mark)) }
        if let client = block.clientCertificates {
            settings.append(("client_certificate", client.mark))
        }
        for (name, mark) in settings where !block.isDamaged {
            report.error(
                mark,
                "\(name): has no effect: no 'listen' of the site has 'tls'",
                hint: "write 'listen :443 tls'"
            )
        }
    }

    /// Reports what stands at the top and has no effect, where no listener has TLS.
    func checkTop(isSecure: Bool, everySiteHasOwn: Bool) {
        if isSecure {
            if everySiteHasOwn, let first = top.certificates.first {
                report.error(
                    first.mark,
                    "certificate: has no effect: every site with 'tls' has a certificate of its own"
                )
            }
            return
        }
        var settings = top.certificates.first.map { [("certificate", $0.mark)] } ?? []
        if let tls = top.tls { settings.append(("tls", tls.mark)) }
        if let keys = top.ticketKeys { settings.append(("ticket_keys", keys.mark)) }
        for (name, mark) in settings {
            report.error(mark, "\(name): has no effect: no 'listen' has 'tls'")
        }
        let bounds = [
            ("timeout: 'handshake='", top.timeouts["handshake"]?.mark),
            ("limit: 'handshakes='", top.limits["handshakes"]?.mark),
        ]
        for case (let name, let mark?) in bounds {
            report.error(mark, "\(name) has no effect: no 'listen' has 'tls'")
        }
    }

    private func policy(_ block: Block) -> TLSPolicy {
        let inner = block.tls?.value
        let outer = top.tls?.value
        let isModern = inner?.isModern ?? (inner?.minimumVersion == nil ? outer?.isModern : nil)
        let minimum =
            inner?.minimumVersion
            ?? (inner?.isModern == nil ? outer?.minimumVersion : nil)
        return TLSPolicy(
            minimumVersion: isModern == true ? .tls13 : minimum ?? .tls12,
            ciphers: inner?.ciphers ?? outer?.ciphers,
            groups: inner?.groups ?? outer?.groups ?? Defaults.tlsGroups,
            tickets: inner?.tickets ?? outer?.tickets ?? Defaults.tlsTickets,
            earlyData: inner?.earlyData ?? outer?.earlyData ?? false
        )
    }

    /// What holds for the whole process.
    func process() -> TLSProcessSettings {
        TLSProcessSettings(
            ticketKeys: top.ticketKeys?.value,
            keyLog: top.tls?.value.keyLog,
            handshakeTimeout: top.timeouts["handshake"]?.value ?? Defaults.handshakeTimeout,
            handshakes: top.limits["handshakes"]?.value ?? Defaults.handshakes
        )
    }

    /// Whether names that no site has are refused.
    var strictSNI: Bool { top.tls?.value.strictSNI ?? false }
}

/// What `tls` says for clients; nil is left to what is outside.
struct TLSDraft: Sendable {
    var isModern: Bool?
    var minimumVersion: TLSPolicy.Version?
    var ciphers: String?
    var groups: String?
    var tickets: Int?
    var earlyData: Bool?
    var strictSNI = false
    var keyLog: String?
    /// Where the values of options stand.
    var marks: [String: Mark] = [:]
}
