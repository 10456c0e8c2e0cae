/// Puts together how TLS is spoken, from what stands in a site and at the top.
struct TLSPlan {
    let top: Block
    let report: Report

    /// How a site speaks TLS; nil when none of its listeners does.
    func site(_ block: Block, isSecure: Bool) -> SiteTLS? {
        guard isSecure else {
            checkInert(block)
            return nil
        }
        let own = block.certificates.isEmpty ? top.certificates : block.certificates
        if own.isEmpty, !block.isDamaged, !top.isDamaged {
            report.error(
                block.mark,
                "site: listens with 'tls' and has no certificate",
                hint: "write 'certificate chain.pem key.pem' in the site, or at the top for all"
            )
        }
        return SiteTLS(
            certificates: own.map(\.value),
            policy: policy(block),
            clientCertificates: block.clientCertificates?.value
        )
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
            tickets: inner?.tickets ?? outer?.tickets ?? Defaults.tlsTickets
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
    var strictSNI = false
    var keyLog: String?
}
