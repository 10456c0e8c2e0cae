import Addressing

extension PolicyPlan {
    /// What is done about https; nil when nothing is.
    func https() -> HTTPSPolicy? {
        let draft = innermost(\.https)?.value
        let cookies = cookies(draft)
        let hasAny = draft.map { !$0.isOff } ?? false
        guard hasAny || !cookies.isEmpty else { return nil }
        return HTTPSPolicy(
            redirection: draft?.redirect == nil
                ? nil : HTTPSRedirection(port: redirectionPort(draft), host: firstHost),
            strictTransport: draft?.strictTransport,
            acmeDirectory: draft?.acmeDirectory,
            cookies: cookies
        )
    }

    /// The port that a redirect names; nil for 443, which a URL leaves out.
    private func redirectionPort(_ draft: HTTPSDraft?) -> UInt16? {
        guard let port = draft?.port else { return securePort }
        return port == 443 ? nil : port
    }

    private func cookies(_ draft: HTTPSDraft?) -> CookieRules {
        let said = innermost(\.cookies)?.value
        if said?.isOff == true { return .none }
        let impliesSecure = draft?.redirect != nil || draft?.strictTransport != nil
        return CookieRules(
            isSecure: said?.rules.isSecure == true || impliesSecure,
            isHTTPOnly: said?.rules.isHTTPOnly == true,
            sameSite: said?.rules.sameSite
        )
    }

    private var firstHost: String? {
        for host in layers.first(where: { $0.context == .site })?.hosts ?? [] {
            if case .exact(let name) = host.value { return name }
        }
        return nil
    }
}

extension HTTPSDraft {
    /// Whether anything of it depends on how requests come.
    var needsSecureRequests: Bool { redirect != nil || strictTransport != nil }
}

/// Reports redirects that lead nowhere, and settings for secure requests where there are none.
func checkHTTPS(_ site: Block, number: Int, top: Block, listeners: ListenerPlan, report: Report) {
    guard let placed = site.https ?? top.https, !placed.value.isOff else { return }
    // What stands at the top may be meant for other sites.
    let isOwn = site.https != nil
    let isTrusting = (site.trusted ?? top.trusted) != nil
    let hasSecure = listeners.isSecure(number)
    if placed.value.needsSecureRequests, !hasSecure, !isTrusting,
        isOwn || placed.value.redirect != nil
    {
        report.error(
            placed.mark,
            placed.value.redirect == nil
                ? "https: 'hsts=' has no effect: no request of the site is secure"
                : "https: a redirect would never end: no request of the site is secure",
            hint: "let the site 'listen :443 tls', or name the proxies in 'trusted_proxies' "
                + "in front of which TLS ends",
            notes: isOwn ? [] : [(site.mark, "the site stands here")]
        )
    }
    if isOwn, let redirect = placed.value.redirect, hasSecure, !listeners.isPlain(number) {
        report.error(
            redirect,
            "https: 'redirect' has no effect: the site listens with 'tls' only",
            hint: "let it 'listen :80' as well"
        )
    }
    if let rule = strictTransportRule(site, top), placed.value.strictTransport != nil {
        report.error(
            rule.mark,
            "header: Strict-Transport-Security is written by 'hsts=' as well",
            notes: [(placed.mark, "it stands here")]
        )
    }
}

/// A rule of `header` that writes the field that `hsts=` writes.
private func strictTransportRule(_ site: Block, _ top: Block) -> Placed<HeaderDraft>? {
    let rules = top.headers + site.headers + site.routes.flatMap(\.headers)
    return rules.first { placed in
        guard !placed.value.isRequest,
            placed.value.rule.name.lowercased() == "strict-transport-security"
        else { return false }
        if case .remove = placed.value.rule.operation { return false }
        return true
    }
}
