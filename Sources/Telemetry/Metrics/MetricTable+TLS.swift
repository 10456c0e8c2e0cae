extension MetricTable {
    /// TLS with clients, and its certificates.
    static let tls: [MetricDescription] = [
        .init(
            "gateway_tls_handshakes",
            .counter,
            .loopCounter(.tlsHandshakes),
            "TLS handshakes with clients that succeeded."
        ),
        .init(
            "gateway_tls_resumptions",
            .counter,
            .loopCounter(.tlsResumptions),
            "TLS handshakes with clients that took up an earlier session."
        ),
        .init(
            "gateway_tls_handshakes_failed",
            .counter,
            labels: ["reason"],
            .reasons(.tlsHandshakesFailed),
            "TLS handshakes with clients that failed, by reason."
        ),
        .init(
            "gateway_tls_early_data",
            .counter,
            labels: ["result"],
            .reasons(.tlsEarlyData),
            "Handshakes with early data (0-RTT), by what became of it."
        ),
        .init(
            "gateway_early_requests",
            .counter,
            labels: ["result"],
            .reasons(.earlyRequests),
            "Requests that came as early data, by what became of them."
        ),
        .init(
            "gateway_tls_certificate_expiry_timestamp_seconds",
            .gauge,
            labels: ["certificate"],
            .certificateExpiry,
            "When each certificate in use ends, since 1970."
        ),
        .init(
            "gateway_tls_certificate_remaining_days",
            .gauge,
            labels: ["certificate"],
            .certificateDays,
            "Whole days until each certificate in use ends; negative once it has."
        ),
        .init(
            "gateway_tls_certificate_reloads",
            .counter,
            labels: ["result"],
            .certificateReloads,
            "Changed files of certificates, by result: failure when what was there is kept."
        ),
        .init(
            "gateway_tls_ticket_key_reloads",
            .counter,
            labels: ["result"],
            .ticketKeyReloads,
            "Changed files of ticket keys, by result: failure when the old keys are kept."
        ),
        .init(
            "gateway_tls_ocsp_fetches",
            .counter,
            labels: ["result"],
            .ocspFetches,
            "Requests to OCSP responders, by result."
        ),
    ]
}
