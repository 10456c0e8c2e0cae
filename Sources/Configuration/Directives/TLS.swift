extension Directive {
    static let tls = Directive(
        name: "tls",
        contexts: [.top, .site, .upstream],
        arguments: [
            Argument(
                "LEVEL",
                .keyword(["modern", "intermediate"]),
                .optional,
                "Mozilla's advice: `intermediate` speaks TLS 1.2 and 1.3, `modern` only 1.3"
            )
        ],
        options: serverOptions + upstreamOptions,
        summary: "How TLS is spoken, to clients or to the servers of an upstream.",
        help: """
            What a site leaves out is taken from the top. In an `upstream` it says how the servers \
            marked `tls` are verified: by the system's authorities and under the name that they \
            are configured by, unless it is told otherwise. See [TLS](tls.md) for what each \
            choice costs.
            """,
        example: .site(
            """
            listen :443 tls
            certificate shop.pem shop.key
            tls modern
            proxy app
            """
        ),
        effect: .set { call, block in
            if call.arguments.isEmpty, call.options.isEmpty {
                call.error(
                    nil,
                    "expected an argument or an option",
                    hint: "write \(call.directive.usageLine)"
                )
            } else if block.context == .upstream {
                setUpstreamTLS(call, block)
            } else {
                setServerTLS(call, block)
            }
        }
    )

    private static let serverOptions: [Option] = [
        Option(
            "min_version",
            .keyword(TLSPolicy.Version.allCases.map(\.rawValue)),
            default: "1.2",
            in: [.top, .site],
            "the oldest version that is spoken"
        ),
        Option(
            "ciphers",
            .text,
            in: [.top, .site],
            "cipher suites of TLS 1.2, OpenSSL's names with colons between"
        ),
        Option(
            "groups",
            .text,
            default: Defaults.tlsGroups,
            in: [.top, .site],
            "groups of the key exchange, OpenSSL's names with colons between"
        ),
        Option(
            "tickets",
            .count(0...4),
            default: "1",
            in: [.top, .site],
            "session tickets for each full handshake; 0 turns resumption off"
        ),
        Option(
            "early_data",
            .keyword(["on", "off"]),
            default: "off",
            in: [.top, .site],
            "whether requests are taken before the end of a resumed handshake (0-RTT): only for "
                + "apps that know `Early-Data`"
        ),
        Option(
            "strict_sni",
            .flag,
            in: [.top],
            "refuse handshakes for names that no site has, and those without a name"
        ),
        Option(
            "keylog",
            .text,
            in: [.top],
            "file for the secrets of all sessions (`SSLKEYLOGFILE`): for debugging only"
        ),
    ]

    private static let upstreamOptions: [Option] = [
        Option("ca", .text, in: [.upstream], "PEM file: authorities to believe, not the system's"),
        Option("name", .text, in: [.upstream], "the name in the servers' certificates"),
        Option("certificate", .text, in: [.upstream], "PEM file: the chain to show to servers"),
        Option("key", .text, in: [.upstream], "PEM file: the private key of `certificate`"),
        Option(
            "verify",
            .keyword(["on", "off"]),
            default: "on",
            in: [.upstream],
            "whether the servers' certificates are verified"
        ),
    ]
}

private func setServerTLS(_ call: Call, _ block: Block) {
    var draft = TLSDraft()
    draft.isModern = call.argument(0).map { $0.keyword == "modern" }
    draft.minimumVersion = call.keyword("min_version").flatMap { TLSPolicy.Version(rawValue: $0) }
    draft.ciphers = call.options["ciphers"]?.text
    draft.groups = call.options["groups"]?.text
    draft.tickets = call.number("tickets")
    draft.earlyData = call.keyword("early_data").map { $0 == "on" }
    draft.strictSNI = call.has("strict_sni")
    draft.keyLog = call.options["keylog"].map(call.path)
    draft.marks = call.options.mapValues(\.mark)
    if draft.isModern == true, draft.minimumVersion == .tls12 {
        call.error(call.options["min_version"]?.mark, "'modern' speaks TLS 1.3 only")
    }
    if draft.isModern == true || draft.minimumVersion == .tls13, let ciphers = draft.ciphers {
        call.error(
            call.options["ciphers"]?.mark,
            "'ciphers=\(ciphers)' has no effect: they are for TLS 1.2"
        )
    }
    for name in ["ciphers", "groups"] {
        guard let option = call.options[name] else { continue }
        let isPlain = option.text.utf8.allSatisfy { byte in
            (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A || byte >= 0x2B && byte <= 0x3A
                || byte == 0x21 || byte == 0x40 || byte == 0x5F || byte == 0x3D
        }
        if !isPlain || option.text.isEmpty {
            call.error(option.mark, "'\(option.text)' is no list of names with colons between")
        }
    }
    if let option = call.options["ciphers"], option.text.uppercased().contains("@SECLEVEL") {
        call.error(
            option.mark,
            "'@SECLEVEL' is not for this list: OpenSSL's security level is 2, always"
        )
    }
    if let option = call.options["keylog"] {
        call.warning(
            option.mark,
            "'keylog=' lets whoever reads the file decrypt all traffic",
            hint: "remove it when you are done"
        )
    }
    block.tls = Placed(value: draft, mark: call.mark)
}

private func setUpstreamTLS(_ call: Call, _ block: Block) {
    if let level = call.argument(0) {
        call.error(level.mark, "'\(level.text)' is for clients, not for an upstream")
    }
    let settings = clientTLS(call, name: "name")
    block.upstreamTLS = Placed(value: settings, mark: call.mark)
}

/// What the options of a directive say of TLS to servers: `ca`, `certificate`, `key`, `verify`, and
/// one for the name in the servers' certificates.
func clientTLS(_ call: Call, name: String) -> UpstreamTLS {
    let chain = call.options["certificate"]
    let key = call.options["key"]
    if let chain, key == nil {
        call.error(chain.mark, "'certificate=' needs 'key='")
    } else if let key, chain == nil {
        call.error(key.mark, "'key=' needs 'certificate='")
    }
    let isVerified = call.keyword("verify") != "off"
    if !isVerified {
        if let ca = call.options["ca"] {
            call.error(ca.mark, "'ca=' has no effect with 'verify=off'")
        }
        call.warning(
            call.options["verify"]?.mark,
            "with 'verify=off' anyone on the way can pose as the server",
            hint: "name the servers' authority with 'ca='"
        )
    }
    var files: CertificateFiles?
    if let chain, let key {
        files = CertificateFiles(chain: call.path(chain), key: call.path(key), ocsp: nil)
    }
    return UpstreamTLS(
        authorities: call.options["ca"].map { [call.path($0)] } ?? [],
        name: call.options[name]?.text,
        certificate: files,
        isVerified: isVerified
    )
}
