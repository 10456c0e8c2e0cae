import Configuration

/// The settings of TLS as text, for golden files.
func dump(_ settings: TLSProcessSettings) -> String {
    "ticket_keys=\(settings.ticketKeys ?? "own") keylog=\(settings.keyLog ?? "none") "
        + "handshake=\(milliseconds(settings.handshakeTimeout)) handshakes=\(settings.handshakes)"
}

func dump(_ tls: SiteTLS) -> String {
    let policy = tls.policy
    var parts = [
        "min=\(policy.minimumVersion.rawValue)", "ciphers=\(policy.ciphers ?? "intermediate")",
        "groups=\(policy.groups)", "tickets=\(policy.tickets)",
    ]
    if policy.earlyData { parts.append("early_data") }
    parts += tls.certificates.map { source in
        switch source {
        case .files(let files): "\n  certificate \(dump(files))"
        case .local(let local):
            "\n  internal \(local.names.joined(separator: ",")) \(dump(local.files))"
        }
    }
    if let client = tls.clientCertificates {
        parts.append(
            "\n  client_certificate required=\(client.isRequired) chain=\(client.sendsChain) "
                + client.authorities.joined(separator: ",")
        )
    }
    return parts.joined(separator: " ").replacing(" \n", with: "\n")
}

func dump(_ tls: UpstreamTLS) -> String {
    "ca=\(tls.authorities.isEmpty ? "system" : tls.authorities.joined(separator: ",")) "
        + "name=\(tls.name ?? "server") verify=\(tls.isVerified)"
        + (tls.certificate.map { " \(dump($0))" } ?? "")
}

private func dump(_ files: CertificateFiles) -> String {
    let ocsp = files.ocsp.map { " ocsp=\($0)\(files.fetchesOCSP ? ",fetched" : "")" } ?? ""
    return "\(files.chain) \(files.key)\(ocsp)"
}
