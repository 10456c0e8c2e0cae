import COpenSSL

/// How the servers of an upstream are spoken to.
public struct ClientSettings: Sendable, Hashable {
    /// Paths of PEM files with the authorities that are believed; empty: the system's.
    public var authorities: [String]
    /// What is shown when a server asks for a certificate; nil: nothing.
    public var certificate: ServerSettings.Certificate?
    /// Whether servers' certificates are verified.
    public var isVerified: Bool
    /// Whether HTTP is spoken, which is said by ALPN.
    public let speaksHTTP: Bool

    /// Collects how servers are spoken to.
    public init(
        authorities: [String],
        certificate: ServerSettings.Certificate?,
        isVerified: Bool,
        speaksHTTP: Bool = true
    ) {
        self.authorities = authorities
        self.certificate = certificate
        self.isVerified = isVerified
        self.speaksHTTP = speaksHTTP
    }
}

/// Everything that the connections to one upstream share.
///
/// Immutable once it is made, and OpenSSL counts references to it, so any thread may use it.
@safe public final class ClientContext: @unchecked Sendable {
    /// SSL_CTX*.
    let pointer: OpaquePointer
    /// What it was made from.
    public let settings: ClientSettings

    private let pair: KeyPair?
    private let authorities: [AuthorityFile]
    /// Why parts cannot be used; for these goes on what was there before.
    public let troubles: [FilePart: TLSSetupError]
    /// What its sessions have verified and shown: others do not go on with them.
    let identity: [UInt8]

    /// When the certificate ends that it shows, in Unix seconds; nil without one.
    public var expiration: Int64? { pair?.notAfter }

    /// Reads the files and makes a context of them.
    /// - Parameters:
    ///   - settings: Names the files.
    ///   - previous: The context before, of the same settings: what it was made from goes on for
    ///     files that cannot be used now. nil: all of them must be good.
    ///   - read: Reads a file.
    /// - Throws: What is wrong with them, in words.
    public init(_ settings: ClientSettings, previous: ClientContext? = nil, read: FileReader)
        throws(TLSSetupError)
    {
        let before = previous?.settings == settings ? previous : nil
        var reader = PartReader()
        pair = try settings.certificate.map { files throws(TLSSetupError) in
            try reader.take(files.pair, before: before?.pair) { () throws(TLSSetupError) in
                try KeyPair(files, read: read)
            }
        }
        var authorities: [AuthorityFile] = []
        for (index, path) in (settings.isVerified ? settings.authorities : []).enumerated() {
            let part = FilePart(.authorities, [path])
            authorities.append(
                try reader.take(part, before: before?.authorities[index]) {
                    () throws(TLSSetupError) in try AuthorityFile(path, read: read)
                }
            )
        }
        self.authorities = authorities
        troubles = reader.troubles
        let shown = pair.flatMap { unsafe Certificates.der($0.certificate) } ?? []
        identity = Certificates.sha256(authorities.flatMap(\.digest) + shown)
        let context = try unsafe Library.makeContext(TLS_client_method())
        unsafe pointer = context
        self.settings = settings
        _ = unsafe gateway_ctx_set_minimum(context, TLS1_2_VERSION)
        _ = unsafe SSL_CTX_set_options(context, gateway_server_options)
        unsafe gateway_ctx_set_mode(
            context,
            Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER)
        )
        let mode = SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
        _ = unsafe gateway_ctx_set_session_cache(context, Int(mode))
        unsafe SSL_CTX_sess_set_new_cb(context, newSessionCallback)
        if settings.speaksHTTP {
            // HTTP/1.1 behind its length. Source: RFC 7301 §3.1.
            let protocols = [8] + Array("http/1.1".utf8)
            _ = unsafe SSL_CTX_set_alpn_protos(context, protocols, UInt32(protocols.count))
        }
        try believe()
        if let pair, let files = settings.certificate {
            guard unsafe pair.install(in: context) else {
                let reason = LibraryErrors.words(LibraryErrors.takeFirst())
                throw TLSSetupError("the certificate in '\(files.chain)' cannot be used: \(reason)")
            }
        }
    }

    deinit { unsafe SSL_CTX_free(pointer) }

    private func believe() throws(TLSSetupError) {
        guard settings.isVerified else {
            unsafe SSL_CTX_set_verify(pointer, SSL_VERIFY_NONE, nil)
            return
        }
        unsafe SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, nil)
        if settings.authorities.isEmpty {
            guard unsafe SSL_CTX_set_default_verify_paths(pointer) == 1 else {
                _ = LibraryErrors.takeFirst()
                throw TLSSetupError("the system's certificate authorities cannot be read")
            }
            return
        }
        for each in authorities { unsafe each.install(in: pointer, areNamed: false) }
    }

    /// What servers would refuse about its certificate, in words.
    /// - Parameter now: Unix seconds.
    /// - Returns: Sentences that begin behind the path of the chain.
    public func findings(now: Int64) -> [String] {
        pair.map {
            CertificateReading($0).findings(now: now, hosts: [], authorities: nil)
        } ?? []
    }

    /// Begins a session with a server.
    /// - Parameters:
    ///   - name: What must stand in its certificate: a host name, or an IP address as text.
    ///   - isAddress: Whether `name` is an IP address, which is no server name (RFC 6066 §3).
    ///   - sessions: Where sessions are kept for the next connection.
    /// - Returns: nil when memory has run out, or the name is none.
    public func connect(name: String, isAddress: Bool, sessions: ClientSessions) -> TLSSession? {
        guard let ssl = unsafe SSL_new(pointer),
            let session = unsafe TLSSession(adopting: ssl, server: nil, client: sessions)
        else { return nil }
        session.context = self
        session.serverName = name
        unsafe SSL_set_connect_state(session.ssl)
        if isAddress {
            let parameters = unsafe SSL_get0_param(session.ssl)
            guard unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1 else { return nil }
        } else {
            guard unsafe gateway_ssl_set_server_name(session.ssl, name) == 1,
                unsafe SSL_set1_host(session.ssl, name) == 1
            else { return nil }
            unsafe SSL_set_hostflags(
                session.ssl,
                UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)
            )
        }
        sessions.begin(identity)
        sessions.resume(session, name: name)
        return session
    }
}

/// Sessions that servers gave, for the next connection: one loop's, for one upstream.
@safe public final class ClientSessions {
    /// By the server's name; SSL_SESSION*, each one reference.
    private var kept: [String: SharedPointer] = [:]
    /// Of the context whose sessions these are.
    private var identity: [UInt8] = []

    /// Starts with none.
    public init() {}

    deinit { for each in kept.values { unsafe SSL_SESSION_free(each.pointer) } }

    /// How many are kept.
    public var count: Int { kept.count }

    /// Drops what is kept for a context that has verified or shown other certificates: it would
    /// bring that along.
    func begin(_ identity: [UInt8]) {
        if identity == self.identity { return }
        self.identity = identity
        for each in kept.values { unsafe SSL_SESSION_free(each.pointer) }
        kept.removeAll()
    }

    /// Whether these are the sessions of a context.
    func belong(to context: AnyObject?) -> Bool {
        (context as? ClientContext)?.identity == identity
    }

    /// Lets a new connection take up an earlier session.
    func resume(_ session: TLSSession, name: String) {
        guard let earlier = kept.removeValue(forKey: name) else { return }
        // In TLS 1.3 a ticket is for one use, so that two connections cannot be linked by it.
        unsafe SSL_set_session(session.ssl, earlier.pointer)
        unsafe SSL_SESSION_free(earlier.pointer)
    }

    /// Keeps a session; the newest of a name counts.
    /// - Returns: Whether it was taken over.
    func keep(_ fresh: OpaquePointer, name: String) -> Bool {
        if let before = kept.updateValue(unsafe SharedPointer(pointer: fresh), forKey: name) {
            unsafe SSL_SESSION_free(before.pointer)
        } else if kept.count > TLSLimits.keptSessions,
            let victim = kept.keys.first(where: { $0 != name }),
            let old = kept.removeValue(forKey: victim)
        {
            unsafe SSL_SESSION_free(old.pointer)
        }
        return true
    }
}

/// What OpenSSL calls when a server has given a session: 1 when it was taken over.
private let newSessionCallback: @convention(c) (OpaquePointer?, OpaquePointer?) -> CInt = {
    ssl,
    fresh in
    guard let ssl = unsafe ssl, let fresh = unsafe fresh, let session = unsafe TLSSession.of(ssl),
        let name = session.serverName, let sessions = session.client,
        sessions.belong(to: session.context)
    else { return 0 }
    return unsafe sessions.keep(fresh, name: name) ? 1 : 0
}

extension TLSSession {
    /// Why the peer's certificate could not be verified, in words; nil if it could.
    public var verificationProblem: String? {
        guard let ssl = unsafe ssl else { return nil }
        let result = unsafe SSL_get_verify_result(ssl)
        guard result != Int(X509_V_OK),
            let words = unsafe X509_verify_cert_error_string(result)
        else { return nil }
        return unsafe String(cString: words)
    }
}
