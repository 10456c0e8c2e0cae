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
    /// When each certificate ends, in Unix seconds, in the order of the settings.
    public let expirations: [Int64]
    /// Why OCSP responses that were given are not stapled, in words.
    public let warnings: [String]
    /// The OCSP response to staple with each pair; nil for none.
    private let staples: [OCSPResponse?]
    let pairs: [KeyPair]

    /// Reads the files and makes a context of them.
    /// - Throws: What is wrong with them, in words.
    public convenience init(_ settings: ServerSettings, read: FileReader) throws(TLSSetupError) {
        var pairs: [KeyPair] = []
        var staples: [OCSPResponse?] = []
        var warnings: [String] = []
        for files in settings.certificates {
            let pair = try KeyPair(
                chain: files.chain,
                chainPEM: try read(files.chain),
                key: files.key,
                keyPEM: try read(files.key)
            )
            pairs.append(pair)
            var staple: OCSPResponse?
            // One that clients would take for a fault is worse than none; the file is empty until
            // the first one has been fetched.
            if let path = files.ocsp, case let der = try read(path), !der.isEmpty {
                do throws(TLSSetupError) {
                    staple = try pair.staple(der, now: Int64(time(nil)))
                } catch {
                    warnings.append("'\(path)' is not stapled: \(error)")
                }
            }
            staples.append(staple)
        }
        try self.init(settings, pairs: pairs, staples: staples, warnings: warnings, read: read)
    }

    private init(
        _ settings: ServerSettings,
        pairs: [KeyPair],
        staples: [OCSPResponse?],
        warnings: [String],
        read: FileReader
    ) throws(TLSSetupError) {
        guard Library.isReady,
            let context = unsafe SSL_CTX_new_ex(
                nil,
                KeyDerivationProvider.query,
                TLS_server_method()
            )
        else {
            let reason = LibraryErrors.words(LibraryErrors.takeFirst())
            throw TLSSetupError("OpenSSL cannot make a context: \(reason)")
        }
        unsafe pointer = context
        self.settings = settings
        self.pairs = pairs
        self.staples = staples
        self.warnings = warnings
        expirations = pairs.map(\.notAfter)
        try ServerContext.checkKinds(pairs, settings.certificates)
        for (pair, files) in zip(pairs, settings.certificates) {
            guard unsafe pair.install(in: context) else {
                let reason = LibraryErrors.words(LibraryErrors.takeFirst())
                throw TLSSetupError("the certificate in '\(files.chain)' cannot be used: \(reason)")
            }
        }
        try setProtocol()
        try askForCertificates(read: read)
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

    private func askForCertificates(read: FileReader) throws(TLSSetupError) {
        // A session may be taken up again only where the same certificates are asked for.
        var identity = Certificates.sha256(
            Array("\(settings.clientCertificates, default: "")".utf8)
        )
        guard let policy = settings.clientCertificates else {
            unsafe SSL_CTX_set_session_id_context(pointer, &identity, 32)
            return
        }
        let store = unsafe SSL_CTX_get_cert_store(pointer)
        // Who is named is believed, be it a root or an intermediate.
        _ = unsafe X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        for path in policy.authorities {
            let content = try read(path)
            identity = Certificates.sha256(identity + content)
            let authorities = try PEM.certificates(content, file: path)
            defer { for each in authorities { unsafe X509_free(each.pointer) } }
            if authorities.isEmpty {
                throw TLSSetupError("'\(path)' holds no certificate in PEM form")
            }
            for each in authorities {
                unsafe X509_STORE_add_cert(store, each.pointer)
                unsafe SSL_CTX_add_client_CA(pointer, each.pointer)
            }
        }
        unsafe SSL_CTX_set_session_id_context(pointer, &identity, 32)
        unsafe SSL_CTX_set_verify_depth(pointer, TLSLimits.clientChain)
        unsafe SSL_CTX_set_verify(pointer, verifyMode, nil)
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
        unsafe SSL_CTX_set_allow_early_data_cb(pointer, earlyDataCallback, nil)
        if settings.logsSecrets { unsafe SSL_CTX_set_keylog_callback(pointer, keyLogCallback) }
        if staples.contains(where: { $0 != nil }) {
            unsafe gateway_ctx_set_status(pointer, statusCallback)
        }
    }

    /// What is stapled to the certificate that a session shows, as long as it counts.
    fileprivate func staple(for ssl: OpaquePointer, now: Int64) -> [UInt8]? {
        let shown = unsafe SSL_get_certificate(ssl)
        for (pair, staple) in zip(pairs, staples) where unsafe pair.certificate == shown {
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
