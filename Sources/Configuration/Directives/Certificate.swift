extension Directive {
    static let certificate = Directive(
        name: "certificate",
        contexts: [.top, .site],
        repetition: .many,
        arguments: [
            Argument(
                "CHAIN",
                .either(["internal"], .text),
                "PEM file: the certificate, then those that lead to its authority; or `internal` "
                    + "for one that the gateway makes itself"
            ),
            Argument("KEY", .text, .optional, "PEM file: the private key"),
        ],
        usage: "CHAIN KEY|internal",
        options: [
            Option(
                "ocsp",
                .either(["on"], .text),
                "DER file: an OCSP response to staple; `on` fetches it from the authority"
            )
        ],
        summary: "A certificate, for the sites that listen with `tls`.",
        help: """
            At the top, for all sites that have none of their own. Of several, such as an ECDSA \
            and an RSA one, the client's abilities choose. Paths are relative to the file that \
            names them. The files are taken over when they change, without a reload, as soon as \
            certificate and key fit each other.

            With `internal` the gateway is its own authority, for development: it makes itself one \
            in the folder of `state`, and certificates for the hosts of each site (for `*`: \
            localhost, 127.0.0.1 and ::1), renews them, and says at its start how to trust it. \
            Nobody else trusts it.
            """,
        example: .site(
            """
            listen :443 tls
            certificate shop.pem shop.key
            proxy app
            """
        ),
        effect: .set { call, block in
            guard let chain = call.argument(0), let source = certificateSource(call, chain) else {
                return
            }
            if let first = block.certificates.first(where: { $0.value == source }) {
                call.error(
                    chain.mark,
                    "'\(chain.text)' stands twice",
                    notes: [(first.mark, "it stands here first")]
                )
                return
            }
            block.certificates.append(Placed(value: source, mark: call.mark))
        }
    )

    static let clientCertificate = Directive(
        name: "client_certificate",
        contexts: [.site],
        arguments: [
            Argument("MODE", .keyword(["required", "optional"]), "whether one must be shown"),
            Argument("CA", .text, .oneOrMore, "PEM files: the authorities that are believed"),
        ],
        options: [
            Option("chain", .flag, "send Client-Cert-Chain upstream as well")
        ],
        summary: "Asks clients for certificates.",
        help: """
            With `required` a handshake without a certificate of one of the authorities fails; \
            with `optional` only one with a certificate that cannot be verified does.

            Applications get the certificate in Client-Cert (RFC 9440), its subject in \
            X-Client-Cert-Subject and the SHA-256 of it in X-Client-Cert-Fingerprint. What clients \
            send in these fields is removed. `chain` adds those that lead to the authority, as \
            they were verified, without the root; sessions are not resumed then.
            """,
        example: .site(
            """
            listen :443 tls
            certificate shop.pem shop.key
            client_certificate required partners.pem
            proxy app
            """
        ),
        effect: .set { call, block in
            guard let mode = call.argument(0) else { return }
            let policy = ClientCertificatePolicy(
                isRequired: mode.keyword == "required",
                authorities: call.arguments.dropFirst().map(call.path),
                sendsChain: call.has("chain")
            )
            block.clientCertificates = Placed(value: policy, mark: call.mark)
        }
    )

    static let ticketKeys = Directive(
        name: "ticket_keys",
        contexts: [.top],
        arguments: [
            Argument("FILE", .text, "one or more keys of 80 random bytes each")
        ],
        summary: "Keys of session tickets, shared by several machines.",
        help: """
            Without it each process makes its own keys and renews them every 12 hours. The first \
            key of the file encrypts, all of them decrypt, so a new key goes to the end on every \
            machine first, and to the front later. `openssl rand 80 > FILE` makes one. The file \
            is taken over when it changes.
            """,
        example: .top(
            """
            ticket_keys /etc/gateway/tickets.key
            site shop.example.com {
                listen :443 tls
                certificate shop.pem shop.key
                proxy 127.0.0.1:5000
            }
            """
        ),
        effect: .set { call, block in
            guard let file = call.argument(0) else { return }
            block.ticketKeys = Placed(value: call.path(file), mark: file.mark)
        }
    )
}

private func certificateSource(_ call: Call, _ chain: Parsed) -> CertificateSource? {
    let key = call.argument(1)
    let ocsp = call.options["ocsp"]
    if chain.keyword == "internal" {
        if let key { call.error(key.mark, "'internal' has no files") }
        if let ocsp { call.error(ocsp.mark, "'ocsp=' has no effect beside 'internal'") }
        return .local(.unresolved)
    }
    guard let key else {
        call.error(
            nil,
            "KEY is missing",
            hint: suggestion(for: chain.text, among: ["internal"])
                ?? "write \(call.directive.usageLine)"
        )
        return nil
    }
    let isFetched = ocsp?.keyword == "on"
    return .files(
        CertificateFiles(
            chain: call.path(chain),
            key: call.path(key),
            ocsp: isFetched ? nil : ocsp.map(call.path),
            fetchesOCSP: isFetched
        )
    )
}

extension Call {
    /// The path that a word names, seen from the file it stands in.
    func path(_ word: Parsed) -> String {
        resolvedPath(word.text, from: report.files[word.mark.file].name)
    }
}
