import Addressing
import Bytes
import Configuration
import HTTP
import TLS

/// What TLS and the directives `https` and `cookies` make of a request.
extension Explainer {
    /// What a handshake of today's clients would establish.
    /// - Parameters:
    ///   - request: Whose host is asked for.
    ///   - policy: What the site whose certificate is shown for a name asks of clients.
    /// - Returns: With a certificate that stands for any, where clients have to show one.
    static func handshake(
        with request: ExplainedRequest,
        _ policy: (String?) -> ClientCertificatePolicy?
    ) -> TLSInformation {
        // Source: RFC 6066 §3: a name, and no address.
        let isAddress = IPAddress(request.url.host) != nil || request.url.host.hasPrefix("[")
        let name = isAddress ? nil : request.url.host.lowercased()
        return TLSInformation(
            version: .tls13,
            cipher: "TLS_AES_128_GCM_SHA256",
            serverName: name,
            applicationProtocol: "http/1.1",
            isResumed: false,
            peerCertificate: policy(name)?.isRequired == true ? anyCertificate : nil
        )
    }

    /// Stands for the certificate of a client that has to show one, without which nothing follows.
    private static let anyCertificate = PeerCertificate(
        der: Array("any".utf8),
        subject: "<its subject>",
        fingerprint: Array("any".utf8),
        chain: [Array("any".utf8)]
    )

    /// The fields that are sent, with words in place of what only a real certificate could say.
    func withoutPlaceholders(_ lines: [String]) -> [String] {
        guard exchange.connection.tls?.peerCertificate?.der == Explainer.anyCertificate.der else {
            return lines
        }
        return lines.map { line in
            if line.hasPrefix("Client-Cert: ") { return "Client-Cert: <the client's certificate>" }
            if line.hasPrefix("Client-Cert-Chain: ") {
                return "Client-Cert-Chain: <what leads to its authority>"
            }
            if line.hasPrefix("X-Client-Cert-Fingerprint: ") {
                return "X-Client-Cert-Fingerprint: <its SHA-256>"
            }
            return line
        }
    }

    /// The handshake.
    mutating func secure() throws(Failure) {
        let isSecure = configuration.listeners[listener.number].isSecure
        guard isSecure else { return }
        guard let tls = exchange.connection.tls else {
            add("tls", "the listener expects TLS: a request by http gets 400, and says so")
            throw .refused(.plainHTTP)
        }
        let runtime = exchange.snapshot.listeners[listener.number]
        let name = tls.serverName
        guard let shown = runtime.site(forServerName: name),
            let settings = configuration.sites[shown].tls
        else { return }
        let isKnown = name.map { runtime.table.find(host: Array($0.utf8).span) != nil } ?? false
        if !isKnown, configuration.listeners[listener.number].strictSNI {
            add("tls", "\(name ?? "no name") is asked for (SNI): refused, by strict_sni")
            throw Failure(status: 0, reason: .clientGone, closesConnection: true)
        }
        let asked = name.map { "\($0) is asked for (SNI)" } ?? "no name is asked for (SNI)"
        add(
            "tls",
            "\(asked): the certificate of \(configuration.sites[shown].name)"
                + (isKnown ? "" : ", the listener's first site"),
            settings.certificates.map(\.summary).joined(separator: ", "),
            "TLS \(settings.policy.minimumVersion.rawValue) or newer",
            settings.policy.earlyData ? earlyData : nil,
            settings.clientCertificates.map {
                $0.isRequired
                    ? "the client must show a certificate; taken to show a good one"
                    : "the client may show a certificate; taken to show none"
            }
        )
    }

    /// What becomes of the request where it comes as early data.
    private var earlyData: String {
        "early data of a client that comes back is taken: this request "
            + (exchange.mayBeServedEarly
                ? "would go on at once, with 'Early-Data: 1' (from a cache only what is stored)"
                : "would wait for the end of the handshake, as what could come of it twice")
    }

    /// A challenge, or a redirect to https.
    /// - Returns: Whether that is the answer.
    mutating func answerForHTTPS() throws(Failure) -> Bool {
        guard let https = exchange.route?.https?.policy else { return false }
        if let token = exchange.challengeToken() {
            guard let folder = https.acmeDirectory else {
                add("https", "a challenge of a certificate authority, which is never redirected")
                return false
            }
            add(
                "answer",
                "a challenge of a certificate authority: the file "
                    + "'\(visible(String(decoding: token, as: UTF8.self)))' in \(folder), or 404"
            )
            return true
        }
        guard !exchange.isSecure, let redirection = https.redirection else { return false }
        let target = Buffer()
        guard exchange.writeSecureURL(redirection, to: target) else {
            throw .refused(.httpsRequired)
        }
        status = 308
        add("answer", "\(reasoned(308)) to \(target.readable.string()), by https redirect")
        addResponseRules(ofUpstream: false)
        return true
    }

    /// What is added to a response, or changed in it.
    var secureLines: [String] {
        mutating get {
            guard let https = exchange.route?.https?.policy else { return [] }
            var lines: [String] = []
            if let strict = https.strictTransport {
                lines.append(
                    exchange.isSecure
                        ? "set Strict-Transport-Security: \(strict.value)"
                        : "no Strict-Transport-Security, as the request is not secure"
                )
            }
            let cookies = https.cookies
            var attributes: [String] = []
            if cookies.isSecure, exchange.isSecure { attributes.append("Secure") }
            if cookies.isHTTPOnly { attributes.append("HttpOnly") }
            if let sameSite = cookies.sameSite {
                attributes.append("SameSite=\(sameSite.rawValue)")
            }
            if !attributes.isEmpty {
                lines.append("cookies get \(attributes.joined(separator: ", ")) where they lack it")
            }
            return lines
        }
    }
}

extension CertificateSource {
    /// In a few words.
    var summary: String {
        switch self {
        case .files(let files): files.chain
        case .local(let local): "internal, for \(local.names.joined(separator: " "))"
        }
    }
}
