/// What is to be found again in the file once it has been understood.
extension TLSPlan {
    /// Where the settings stand that only the machine can judge.
    func origins() -> TLSOrigins {
        TLSOrigins(
            sites: top.sites.map(origins),
            upstreams: top.upstreams.map { origin($0.upstreamTLS?.mark) },
            redis: origin(top.redis?.mark),
            ticketKeys: origin(top.ticketKeys?.mark),
            keyLog: origin(top.tls?.value.marks["keylog"]),
            state: origin(top.state?.mark)
        )
    }

    private func origins(of site: Block) -> TLSOrigins.Site {
        let certificates = site.certificates.isEmpty ? top.certificates : site.certificates
        func option(_ name: String) -> Origin? {
            origin(site.tls?.value.marks[name] ?? top.tls?.value.marks[name])
        }
        return TLSOrigins.Site(
            certificates: certificates.map { report.origin($0.mark) },
            ciphers: option("ciphers"),
            groups: option("groups"),
            clientCertificates: origin(site.clientCertificates?.mark)
        )
    }

    private func origin(_ mark: Mark?) -> Origin? { mark.map(report.origin) }
}
