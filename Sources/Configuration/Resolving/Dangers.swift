import Addressing

/// Warns of settings that are legal, each by itself, and dangerous together.
///
/// What is dangerous by
/// itself warns where it is declared.
func warnAboutDangers(top: Block, listeners: ListenerPlan, report: Report) {
    for (number, site) in top.sites.enumerated() {
        let source = site.clientAddress ?? top.clientAddress
        let trusted = site.trusted ?? top.trusted
        if let source, trusted == nil, [.forwardedFor, .forwarded].contains(source.value) {
            report.warning(
                source.mark,
                "client_address: without 'trusted_proxies' nobody's word is believed, and the "
                    + "client is whoever is connected",
                hint: "name the proxies in front of the gateway in 'trusted_proxies'"
            )
        }
        if let source, source.value == .proxyProtocol, !listeners.hasProxyProtocol(number) {
            report.error(
                source.mark,
                "client_address: no 'listen' of the site has 'proxy_protocol'",
                notes: [(site.mark, "the site stands here")]
            )
        }
        if trusted == nil, let mark = listeners.openProxyProtocolMark(number) {
            report.warning(
                mark,
                "listen: 'proxy_protocol' without 'trusted_proxies': nobody's header is believed, "
                    + "so the client is whoever connects",
                hint: "name the proxies in front of the gateway in 'trusted_proxies'"
            )
        }
    }
}
