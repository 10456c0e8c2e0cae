extension Directive {
    static let https = Directive(
        name: "https",
        contexts: [.top, .site],
        arguments: [
            Argument("off", .keyword(["off"]), .optional, "nothing of what stands outside holds")
        ],
        options: [
            Option("redirect", .flag, "requests by http are sent to https, with 308"),
            Option(
                "port",
                .count(1...65535),
                "the port that `redirect` names; that of the site's `listen … tls` without it, "
                    + "or 443 where TLS ends in front of the gateway"
            ),
            Option(
                "acme",
                .text,
                "a folder whose files answer below `/.well-known/acme-challenge/`"
            ),
            Option(
                "hsts",
                .duration(0...(100 * Literals.year)),
                "how long browsers come by https only (Strict-Transport-Security)"
            ),
            Option("subdomains", .flag, "`hsts` holds for every host below as well"),
            Option("preload", .flag, "browsers' makers may put the host on their lists"),
        ],
        fallback: "`off`",
        summary: "Brings clients to https and keeps them there.",
        help: """
            A redirect keeps host, path, query and method. Paths below \
            `/.well-known/acme-challenge/` are never redirected: a certificate authority asks for \
            them by http. With `acme=` they are answered from a folder: a program such as certbot \
            is told the same folder as its webroot, and both `FOLDER/TOKEN` and \
            `FOLDER/.well-known/acme-challenge/TOKEN` are looked for. Without it the routes \
            answer them.

            Strict-Transport-Security goes out with every response to a secure request and with no \
            other (RFC 6797), in place of one that the application sends. Begin with a short time: \
            browsers hold to it. A request is secure when TLS ends here, or when a proxy in \
            `trusted_proxies` says so.

            With `redirect` or `hsts`, cookies of the application get Secure; see `cookies`.
            """,
        example: .site(
            """
            listen :80
            https redirect acme=/var/lib/acme
            trusted_proxies 10.0.0.0/8
            proxy app
            """
        ),
        effect: .set { call, block in
            guard let draft = httpsDraft(call) else { return }
            block.https = Placed(value: draft, mark: call.mark)
        }
    )

    static let cookies = Directive(
        name: "cookies",
        contexts: [.top, .site, .route],
        arguments: [
            Argument("off", .keyword(["off"]), .optional, "cookies stay as they are")
        ],
        options: [
            Option("secure", .flag, "sent over secure connections only"),
            Option("httponly", .flag, "out of reach of scripts"),
            Option(
                "samesite",
                .keyword(CookieRules.SameSite.allCases.map(\.rawValue)),
                "which requests that other sites cause take cookies along"
            ),
        ],
        fallback: "`secure` where `https` has `redirect` or `hsts`, else `off`",
        summary: "Adds attributes to the cookies of an application.",
        help: """
            An attribute that a cookie has already stays as the application set it. Secure is added \
            to cookies of secure responses only: over plain http a browser would drop such a \
            cookie. Where `https` has `redirect` or `hsts`, Secure is among them whatever stands \
            here, but for `off`.
            """,
        example: .route(
            """
            cookies secure httponly samesite=lax
            proxy app
            """
        ),
        effect: .set { call, block in
            let isOff = call.argument(0) != nil
            if isOff, let other = firstOption(call) {
                call.error(other.mark, "has no effect beside 'off'")
            } else if !isOff, call.options.isEmpty {
                call.error(
                    nil,
                    "expected an attribute or 'off'",
                    hint: "write \(call.directive.usageLine)"
                )
            }
            let sameSite = call.keyword("samesite").flatMap(CookieRules.SameSite.init)
            let draft = CookieDraft(
                isOff: isOff,
                rules: CookieRules(
                    isSecure: call.has("secure"),
                    isHTTPOnly: call.has("httponly"),
                    sameSite: sameSite
                )
            )
            block.cookies = Placed(value: draft, mark: call.mark)
        }
    )
}

/// What `https` says.
struct HTTPSDraft: Sendable {
    let isOff: Bool
    let redirect: Mark?
    let port: UInt16?
    let acmeDirectory: String?
    let strictTransport: StrictTransport?
}

/// What `cookies` says.
struct CookieDraft: Sendable {
    let isOff: Bool
    let rules: CookieRules
}

private func firstOption(_ call: Call) -> Parsed? {
    call.options.values.min { $0.mark.offset < $1.mark.offset }
}

private func httpsDraft(_ call: Call) -> HTTPSDraft? {
    let isOff = call.argument(0) != nil
    if isOff, let other = firstOption(call) {
        call.error(other.mark, "has no effect beside 'off'")
        return nil
    }
    if !isOff, call.options.isEmpty {
        call.error(
            nil,
            "expected an option or 'off'",
            hint: "write https redirect hsts=1y, or a part of it"
        )
        return nil
    }
    for (name, needed) in [("port", "redirect"), ("subdomains", "hsts"), ("preload", "hsts")] {
        if let option = call.options[name], !call.has(needed) {
            let written = name == "port" ? "port=" : name
            call.error(option.mark, "'\(written)' has no effect without '\(needed)'")
        }
    }
    if let acme = call.options["acme"], !acme.text.hasPrefix("/") {
        call.error(acme.mark, "acme: expected a path that begins with '/'")
    }
    return HTTPSDraft(
        isOff: isOff,
        redirect: call.options["redirect"]?.mark,
        port: call.number("port").flatMap { UInt16(exactly: $0) },
        acmeDirectory: call.options["acme"]?.text,
        strictTransport: strictTransport(call)
    )
}

/// Choice: what the preload list (https://hstspreload.org) asks for is asked for here, since a host
/// that cannot be on it as it is written is a slip.
private func strictTransport(_ call: Call) -> StrictTransport? {
    guard let option = call.options["hsts"], let duration = option.duration else { return nil }
    if duration % Literals.second != 0 {
        call.error(option.mark, "hsts: expected whole seconds")
    }
    if let preload = call.options["preload"] {
        if !call.has("subdomains") {
            call.error(preload.mark, "'preload' needs 'subdomains'")
        } else if duration < Literals.year {
            call.error(preload.mark, "'preload' needs hsts=1y or more")
        }
    }
    return StrictTransport(
        maximumAge: duration / Literals.second,
        coversSubdomains: call.has("subdomains"),
        mayBePreloaded: call.has("preload")
    )
}
