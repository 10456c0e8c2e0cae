import COpenSSL
import Glibc

/// Everything that the handshakes of one site share: certificates, versions, ciphers.
///
/// Immutable once it is made, and OpenSSL counts references to it, so any thread may use it. When
/// a file changes another one takes its place.
@safe public final class ServerContext: @unchecked Sendable {
    /// SSL_CTX*.
    let pointer: OpaquePointer
    /// What it was made from.
    public let settings: ServerSettings
    /// What was read from its files.
    private let parts: ServerParts
    /// For which handshakes its sessions are, whatever name is asked for.
    let sessionPolicy: [UInt8]

    /// Its certificates and keys, in the order of the settings.
    var pairs: [KeyPair] { parts.pairs }

    /// When each certificate ends, in Unix seconds, in the order of the settings.
    public var expirations: [Int64] { pairs.map(\.notAfter) }

    /// Why parts cannot be used; for these goes on what was there before.
    public var troubles: [FilePart: TLSSetupError] { parts.troubles }

    /// Why OCSP responses that were given are not stapled, in words.
    public var warnings: [String] {
        settings.parts.filter { $0.kind == .response }.compactMap { part in
            troubles[part].map { "'\(part.files[0])' is not stapled: \($0)" }
        }
    }

    /// Reads the files and makes a context of them.
    /// - Parameters:
    ///   - settings: Names the files.
    ///   - previous: The context before, of the same settings: what it was made from goes on for
    ///     files that cannot be used now. nil: all of them must be good, but OCSP responses.
    ///   - read: Reads a file.
    /// - Throws: What is wrong with them, in words.
    public init(_ settings: ServerSettings, previous: ServerContext? = nil, read: FileReader)
        throws(TLSSetupError)
    {
        let before = previous?.settings == settings ? previous?.parts : nil
        var parts = try ServerParts(settings, before: before, read: read)
        let context = try unsafe Library.makeContext(TLS_server_method())
        do throws(TLSSetupError) {
            try unsafe parts.install(in: context, settings, before: before)
        } catch {
            unsafe SSL_CTX_free(context)
            throw error
        }
        unsafe pointer = context
        self.settings = settings
        self.parts = parts
        sessionPolicy = SessionIdentity.policy(settings, parts.authorities)
        try ServerContext.checkKinds(pairs, settings.certificates)
        try setProtocol()
        askForCertificates()
        setCallbacks()
    }

    deinit { unsafe SSL_CTX_free(pointer) }

    private func setProtocol() throws(TLSSetupError) {
        let minimum = settings.minimumVersion == .tls13 ? TLS1_3_VERSION : TLS1_2_VERSION
        _ = unsafe gateway_ctx_set_minimum(pointer, minimum)
        try setCiphers()
        // Mozilla's order: half the key, a third less work, and no attack on either.
        unsafe SSL_CTX_set_ciphersuites(pointer, ServerSettings.suites)
        guard unsafe gateway_ctx_set_groups(pointer, settings.groups) == 1 else {
            _ = LibraryErrors.takeFirst()
            throw TLSSetupError(
                "OpenSSL does not know all groups of '\(settings.groups)'",
                part: .groups
            )
        }
        unsafe SSL_CTX_set_options(pointer, gateway_server_options)
        if settings.tickets == 0 { unsafe SSL_CTX_set_options(pointer, gateway_no_tickets) }
        unsafe SSL_CTX_set_num_tickets(pointer, settings.tickets)
        unsafe SSL_CTX_set_max_early_data(pointer, settings.earlyDataBytes)
        // What a client sends before it knows that none is taken is skipped, up to so much.
        unsafe SSL_CTX_set_recv_max_early_data(pointer, TLSLimits.earlyDataBytes)
        // Sessions travel in tickets only, so nothing is kept here.
        _ = unsafe gateway_ctx_set_session_cache(pointer, Int(SSL_SESS_CACHE_OFF))
        unsafe SSL_CTX_set_timeout(pointer, TLSLimits.ticketLifetime)
        // An idle connection holds no record buffer, and what is encrypted may move.
        unsafe gateway_ctx_set_mode(
            pointer,
            Int(
                SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                    // The file is the chain. Else OpenSSL would look for more of it among the
                    // clients' authorities, and in vain for every handshake of a lone certificate.
                    | SSL_MODE_NO_AUTO_CHAIN
            )
        )
    }

    private func askForCertificates() {
        // Each handshake adds the name: OpenSSL wants one from the start where it verifies.
        var identity = sessionPolicy
        unsafe SSL_CTX_set_session_id_context(pointer, &identity, UInt32(identity.count))
        if settings.clientCertificates == nil { return }
        for each in parts.authorities { unsafe each.install(in: pointer, areNamed: true) }
        unsafe SSL_CTX_set_verify_depth(pointer, TLSLimits.clientChain)
        unsafe SSL_CTX_set_verify(pointer, verifyMode, nil)
    }

    /// What clients would refuse about its certificates, in words.
    /// - Parameters:
    ///   - now: Unix seconds.
    ///   - hosts: What each certificate stands for, by the path of its chain.
    /// - Returns: By the path of its chain, what is said of each certificate.
    public func findings(now: Int64, hosts: [String: [String]]) -> [String: [String]] {
        var findings: [String: [String]] = [:]
        for (files, pair) in zip(settings.certificates, parts.pairs) {
            let names = hosts[files.chain] ?? []
            findings[files.chain] = CertificateReading(pair)
                .findings(now: now, hosts: names, authorities: nil)
        }
        return findings
    }

    /// How clients are asked for certificates, in OpenSSL's terms.
    var verifyMode: Int32 {
        guard let policy = settings.clientCertificates else { return SSL_VERIFY_NONE }
        return SSL_VERIFY_PEER | (policy.isRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0)
    }

    private func setCallbacks() {
        unsafe SSL_CTX_set_client_hello_cb(pointer, clientHelloCallback, nil)
        unsafe SSL_CTX_set_alpn_select_cb(pointer, protocolCallback, nil)
        unsafe gateway_ctx_set_ticket_keys(pointer, ticketKeyCallback)
        unsafe SSL_CTX_set_session_ticket_cb(
            pointer,
            ticketMakingCallback,
            ticketReadingCallback,
            nil
        )
        unsafe SSL_CTX_set_allow_early_data_cb(pointer, earlyDataCallback, nil)
        if settings.logsSecrets { unsafe SSL_CTX_set_keylog_callback(pointer, keyLogCallback) }
        if parts.staples.contains(where: { $0 != nil }) {
            unsafe gateway_ctx_set_status(pointer, statusCallback)
        }
    }

    /// What is stapled to the certificate that a session shows, as long as it counts.
    fileprivate func staple(for ssl: OpaquePointer, now: Int64) -> [UInt8]? {
        let shown = unsafe SSL_get_certificate(ssl)
        for (pair, staple) in zip(parts.pairs, parts.staples)
        where unsafe pair.certificate == shown {
            guard let staple, staple.isCurrent(now: now) else { return nil }
            return staple.der
        }
        return nil
    }
}

/// What OpenSSL calls to staple an OCSP response.
private let statusCallback: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> CInt = {
    ssl,
    _ in
    guard let ssl = unsafe ssl, let session = unsafe TLSSession.of(ssl),
        let context = session.context as? ServerContext,
        let response = unsafe context.staple(for: ssl, now: Int64(time(nil))),
        let copy = unsafe gateway_allocate(response.count)
    else { return SSL_TLSEXT_ERR_NOACK }
    // The copy has as many bytes, and OpenSSL frees it.
    unsafe copy.copyMemory(from: response, byteCount: response.count)
    let bytes = unsafe copy.assumingMemoryBound(to: UInt8.self)
    _ = unsafe gateway_ssl_set_ocsp_response(ssl, bytes, response.count)
    return SSL_TLSEXT_ERR_OK
}

/// What OpenSSL calls to choose an application protocol.
private let protocolCallback:
    @convention(c) (
        OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
        UnsafeMutablePointer<UInt8>?, UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
    ) -> CInt = { ssl, chosen, chosenCount, offered, offeredCount, _ in
        guard let offered = unsafe offered else { return SSL_TLSEXT_ERR_NOACK }
        // OpenSSL lends so many bytes: names, each behind its length, which it has checked.
        let names = unsafe UnsafeBufferPointer(start: offered, count: Int(offeredCount))
        let wanted = Array("http/1.1".utf8)
        var position = 0
        while position < names.count {
            let length = Int(unsafe names[position])
            let start = position + 1
            guard start + length <= names.count else { break }
            if length == wanted.count, unsafe names[start..<(start + length)].elementsEqual(wanted)
            {
                unsafe chosen?.pointee = offered + start
                unsafe chosenCount?.pointee = UInt8(truncatingIfNeeded: length)
                return SSL_TLSEXT_ERR_OK
            }
            position = start + length
        }
        // Source: RFC 7301 §3.2.
        if let ssl = unsafe ssl { unsafe TLSSession.of(ssl)?.refusal = .noApplicationProtocol }
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }

/// What OpenSSL calls with each secret of a session, in the form of a key log's line.
private let keyLogCallback: @convention(c) (OpaquePointer?, UnsafePointer<CChar>?) -> Void = {
    ssl,
    line in
    guard let ssl = unsafe ssl, let line = unsafe line, let session = unsafe TLSSession.of(ssl)
    else { return }
    // OpenSSL lends a string that ends with NUL.
    session.server?.keyLog?.write(unsafe String(cString: line))
}
