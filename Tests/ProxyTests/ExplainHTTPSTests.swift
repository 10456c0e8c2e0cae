import Configuration
import TLS
import Testing

@testable import Proxy

private let shop = """
    access_log off
    site shop.example www.shop.example {
        listen :80
        listen :443 tls
        certificate shop.pem shop.key
        https redirect hsts=1y acme=/var/lib/acme
        cookies httponly
        proxy 127.0.0.1:5000
    }
    site other.example {
        listen :443 tls
        certificate shop.pem shop.key
        respond 200 "other"
    }
    site third.example {
        listen :443 tls
        certificate third.pem third.key
        respond 200 "third"
    }
    site partners.example {
        listen :443 tls
        certificate shop.pem shop.key
        client_certificate required partners.pem chain
        proxy 127.0.0.1:5001
    }
    site maybe.example {
        listen :444 tls
        certificate shop.pem shop.key
        client_certificate optional partners.pem
        proxy 127.0.0.1:5001
    }
    """

private func explain(
    _ url: String,
    _ fields: String...,
    certificate: PeerCertificate? = nil,
    showsNone: Bool = false,
    by text: String = shop
) throws -> Explanation {
    let request = try ExplainedRequest(method: "GET", url: url, from: "203.0.113.9", fields: fields)
    let access = SourceAccess(
        read: { path, _ throws(SourceAccess.Failure) in
            guard path == "gateway.conf" else { throw .unreadable("No such file") }
            return Array(text.utf8)
        },
        matches: { _ in [] },
        environment: { _ in nil }
    )
    var explainer = try Explainer(request, Configuration.load("gateway.conf", access: access))
    if certificate != nil || showsNone {
        explainer.exchange.connection.tls = TLSInformation(
            version: .tls13,
            cipher: "",
            serverName: explainer.exchange.connection.tls?.serverName,
            applicationProtocol: nil,
            isResumed: false,
            peerCertificate: certificate
        )
    }
    explainer.run()
    return explainer.explanation
}

extension Explanation {
    fileprivate subscript(name: String) -> [String]? { steps.first { $0.name == name }?.lines }
}

@Suite("What TLS, https and cookies make of a request")
struct ExplainHTTPSTests {
    @Test("A secure request names its certificate, and is told to stay")
    func secure() throws {
        let explanation = try explain("https://www.shop.example/x")
        #expect(explanation["listener"] == ["[::]:443 tls"])
        #expect(
            explanation["tls"] == [
                "www.shop.example is asked for (SNI): the certificate of shop.example", "shop.pem",
                "TLS 1.2 or newer",
            ]
        )
        #expect(explanation["scheme"] == ["https"])
        let sent = try #require(explanation["sent"])
        #expect(sent.contains("X-Forwarded-Proto: https"))
        #expect(sent.contains("X-Forwarded-Port: 443"))
        #expect(
            explanation["response"]?.suffix(2) == [
                "set Strict-Transport-Security: max-age=31536000",
                "cookies get Secure, HttpOnly where they lack it",
            ]
        )
    }

    @Test("Another port is told to the app")
    func port() throws {
        let explanation = try explain("https://maybe.example:444/")
        #expect(explanation["sent"]?.contains("X-Forwarded-Port: 444") == true)
    }

    @Test("A request by http is redirected, but for challenges")
    func redirected() throws {
        let explanation = try explain("http://shop.example/x?y")
        #expect(explanation.status == 308)
        #expect(
            explanation["answer"] == [
                "308 Permanent Redirect to https://shop.example/x?y, by https redirect"
            ]
        )
        let challenge = try explain("http://shop.example/.well-known/acme-challenge/abc")
        #expect(
            challenge["answer"] == [
                "a challenge of a certificate authority: the file 'abc' in /var/lib/acme, or 404"
            ]
        )
    }

    // MARK: RFC 9110 §15.5.20

    struct Direction: CustomTestStringConvertible {
        let name: String
        let host: String
        /// nil: not refused.
        let status: Int?
        var testDescription: String { "connected to \(name), asks for \(host)" }
    }

    static let directions = [
        Direction(name: "other.example", host: "other.example", status: 200),
        Direction(name: "third.example", host: "third.example", status: 200),
        // The same site, and another with the same certificates.
        Direction(name: "www.shop.example", host: "shop.example", status: nil),
        Direction(name: "shop.example", host: "other.example", status: 200),
        Direction(name: "third.example", host: "other.example", status: 421),
        Direction(name: "shop.example", host: "third.example", status: 421),
        // Nobody gets past the demand for a certificate by asking for another site.
        Direction(name: "shop.example", host: "partners.example", status: 421),
        Direction(name: "partners.example", host: "shop.example", status: 421),
        // Not served here at all.
        Direction(name: "shop.example", host: "elsewhere.example", status: 421),
        Direction(name: "shop.example", host: "maybe.example", status: 421),
        // Who asks for no name of ours is shown the first site's certificate.
        Direction(name: "192.0.2.1", host: "shop.example", status: nil),
        Direction(name: "[2001:db8::1]", host: "other.example", status: 200),
        Direction(name: "elsewhere.example", host: "shop.example", status: nil),
        Direction(name: "192.0.2.1", host: "third.example", status: 421),
        Direction(name: "192.0.2.1", host: "partners.example", status: 421),
    ]

    @Test("A connection serves the sites that its handshake was made for", arguments: directions)
    func directed(_ example: Direction) throws {
        let explanation = try explain("https://\(example.name)/", "Host: \(example.host)")
        #expect(explanation.status == example.status)
    }

    @Test("A certificate demanded since the handshake is missed")
    func demandedLater() throws {
        // As in a handshake from before a reload.
        #expect(try explain("https://partners.example/", showsNone: true).status == 421)
    }

    @Test("A client that has to show a certificate is taken to show one")
    func requiredCertificate() throws {
        let explanation = try explain("https://partners.example/")
        #expect(explanation.status == nil)
        #expect(
            explanation["tls"]?.last
                == "the client must show a certificate; taken to show a good one"
        )
        #expect(
            try certificateFields(explanation) == [
                "Client-Cert: <the client's certificate>",
                "Client-Cert-Chain: <what leads to its authority>",
                "X-Client-Cert-Subject: <its subject>", "X-Client-Cert-Fingerprint: <its SHA-256>",
            ]
        )
    }

    @Test("How an upstream's servers are verified is said")
    func upstream() throws {
        let text = """
            access_log off
            upstream app {
                server 127.0.0.1:8443 tls
                server 127.0.0.1:8000
                tls ca=internal.pem name=app.internal certificate=own.pem key=own.key
            }
            site * {
                listen :80
                route /a { proxy app }
                route * { proxy https://127.0.0.1:1 }
            }
            """
        let named = try #require(explain("http://a/a", by: text)["upstream"])
        #expect(named.contains("server 127.0.0.1:8443 tls"))
        #expect(named.contains("server 127.0.0.1:8000"))
        #expect(
            named.contains(
                "tls: verified as 'app.internal', by internal.pem; shown own.pem if they ask"
            )
        )
        let unnamed = try #require(explain("http://a/b", by: text)["upstream"])
        #expect(
            unnamed.contains(
                "tls: verified as the name or address they are configured by, by the system's "
                    + "authorities"
            )
        )
    }

    @Test("On a listener without TLS an unknown host stays 404")
    func plain() throws {
        #expect(try explain("http://elsewhere.example/").status == 404)
    }

    // MARK: RFC 9440

    static let certificate = PeerCertificate(
        der: [0, 1, 2, 3],
        subject: "CN=a\r\nX: y\u{E9}",
        fingerprint: [0xAB, 0x01],
        chain: [[0xFF], [0xFB, 0xEF]]
    )

    static let fields = [
        "Client-Cert: :AAAA:", "Client-Cert-Chain: :AAAA:", "client_cert: :AAAA:",
        "X-Client-Cert-Subject: root", "X-Client-Cert-Fingerprint: 00",
    ]

    private func certificateFields(_ explanation: Explanation) throws -> [String] {
        try #require(explanation["sent"]).filter { $0.lowercased().contains("client") }
    }

    @Test("The app is told of the certificate; what the client says of it is dropped")
    func clientCertificate() throws {
        let explanation = try explain(
            "https://partners.example/",
            Self.fields[0],
            Self.fields[1],
            Self.fields[2],
            Self.fields[3],
            Self.fields[4],
            certificate: Self.certificate
        )
        #expect(
            try certificateFields(explanation) == [
                "Client-Cert: :AAECAw==:", "Client-Cert-Chain: :/w==:, :++8=:",
                "X-Client-Cert-Subject: CN=a??X: y??", "X-Client-Cert-Fingerprint: ab01",
            ]
        )
    }

    @Test("Without 'chain' the chain stays here; without a certificate nothing is said")
    func optionalCertificate() throws {
        let shown = try explain("https://maybe.example:444/", certificate: Self.certificate)
        #expect(try certificateFields(shown).count == 3)
        // Even a trusted peer's word does not count where certificates are asked for.
        let trusting = "trusted_proxies 203.0.113.9\n" + shop
        for text in [shop, trusting] {
            let none = try explain(
                "https://maybe.example:444/",
                Self.fields[0],
                Self.fields[2],
                Self.fields[3],
                by: text
            )
            #expect(try certificateFields(none) == [])
        }
    }

    @Test("Where none are asked for, only a trusted peer may speak of certificates")
    func passedOn() throws {
        let foreign = try explain("https://shop.example/", Self.fields[0], Self.fields[2])
        #expect(try certificateFields(foreign) == [])
        let trusted = try explain(
            "https://shop.example/",
            Self.fields[0],
            Self.fields[2],
            by: "trusted_proxies 203.0.113.9\n" + shop
        )
        #expect(try certificateFields(trusted) == [Self.fields[0]])
    }
}
