import COpenSSL
import Synchronization

/// A context in use, which changed files replace.
public final class Slot<Context: Sendable>: Sendable {
    private let context: Mutex<Context>

    /// Starts with a context.
    public init(_ context: Context) { self.context = Mutex(context) }

    /// What handshakes use from now on; those under way keep what they started with.
    public var current: Context {
        get { context.withLock { $0 } }
        set { context.withLock { $0 = newValue } }
    }
}

/// The context of a site.
public typealias ContextSlot = Slot<ServerContext>

/// The TLS of one listener: its sites by name.
public final class TLSServer: Sendable {
    /// A site and the names it has.
    public struct Site: Sendable {
        /// The name of a site, in lower case.
        public enum Name: Sendable, Hashable {
            /// That name alone.
            case exact(String)
            /// Every name below that one, at any depth.
            case below(String)
            /// Every name.
            case any
        }
        /// Its names.
        public let names: [Name]
        /// Its context.
        public let slot: ContextSlot

        /// Puts names and context together.
        public init(names: [Name], slot: ContextSlot) {
            self.names = names
            self.slot = slot
        }
    }

    /// The keys of tickets.
    let tickets: TicketKeys
    /// Where secrets are written for debugging; nil: nowhere.
    let keyLog: KeyLog?
    private let isStrict: Bool
    /// Whether a site takes early data.
    private let takesEarlyData: Bool
    private let exact: [String: ContextSlot]
    private let below: [String: ContextSlot]
    private let any: ContextSlot?
    /// What is used where no name fits.
    private let fallback: ContextSlot

    /// Prepares a listener.
    /// - Parameters:
    ///   - sites: The first one's certificate is shown where no name fits; a site with the name
    ///     `any` comes before it.
    ///   - isStrict: Refuse handshakes for names that no site has, and those without a name.
    ///   - tickets: The keys of session tickets.
    ///   - keyLog: Where secrets are written for debugging.
    /// nil without a site.
    public init?(sites: [Site], isStrict: Bool, tickets: TicketKeys, keyLog: KeyLog?) {
        guard let first = sites.first else { return nil }
        var exact: [String: ContextSlot] = [:]
        var below: [String: ContextSlot] = [:]
        var any: ContextSlot?
        for site in sites {
            for name in site.names {
                switch name {
                case .exact(let text): exact[text] = site.slot
                case .below(let text): below[text] = site.slot
                case .any: any = site.slot
                }
            }
        }
        self.exact = exact
        self.below = below
        self.any = any
        self.isStrict = isStrict
        self.tickets = tickets
        self.keyLog = keyLog
        fallback = any ?? first.slot
        takesEarlyData = sites.contains { $0.slot.current.settings.earlyData }
    }

    /// Begins a session with a client.
    /// - Returns: nil when memory has run out.
    public func accept() -> TLSSession? {
        let context = fallback.current
        guard let ssl = unsafe SSL_new(context.pointer),
            let session = unsafe TLSSession(adopting: ssl, server: self, client: nil)
        else { return nil }
        session.context = context
        if takesEarlyData { session.early = .expected }
        unsafe SSL_set_accept_state(session.ssl)
        return session
    }

    /// The site of a name; nil: the handshake is refused.
    func slot(for name: String?) -> ContextSlot? {
        if let name {
            if let slot = exact[name] { return slot }
            if !below.isEmpty {
                var rest = name[...]
                while let dot = rest.firstIndex(of: ".") {
                    rest = rest[rest.index(after: dot)...]
                    if let slot = below[String(rest)] { return slot }
                }
            }
            if let any { return any }
        }
        return isStrict ? nil : fallback
    }

    /// Lets a session go on by the context of the name that its client asked for.
    /// - Returns: False when the handshake is refused.
    func choose(for session: TLSSession) -> Bool {
        guard let slot = slot(for: session.serverName) else { return false }
        let context = slot.current
        // Last of all, as another context brings along its own.
        defer {
            var identity = SessionIdentity.of(session.serverName, context.sessionPolicy)
            unsafe SSL_set_session_id_context(session.ssl, &identity, UInt32(identity.count))
        }
        guard let before = session.context as? ServerContext, before !== context else {
            return true
        }
        guard unsafe SSL_set_SSL_CTX(session.ssl, context.pointer) != nil else { return false }
        session.context = context
        // What a session copies from its first context, and this call does not change.
        let ssl = unsafe session.ssl
        unsafe SSL_set_verify(ssl, context.verifyMode, nil)
        unsafe SSL_set_verify_depth(ssl, TLSLimits.clientChain)
        let (old, new) = (before.settings, context.settings)
        if old.minimumVersion != new.minimumVersion {
            let minimum = new.minimumVersion == .tls13 ? TLS1_3_VERSION : TLS1_2_VERSION
            _ = unsafe gateway_ssl_set_minimum(ssl, minimum)
        }
        if old.earlyData != new.earlyData {
            unsafe SSL_set_max_early_data(ssl, new.earlyDataBytes)
        }
        if old.groups != new.groups { _ = unsafe gateway_ssl_set_groups(ssl, new.groups) }
        if old.tickets != new.tickets {
            unsafe SSL_set_num_tickets(ssl, new.tickets)
            if new.tickets == 0 {
                unsafe SSL_set_options(ssl, gateway_no_tickets)
            } else {
                unsafe SSL_clear_options(ssl, gateway_no_tickets)
            }
        }
        return true
    }
}

/// What OpenSSL calls when the ClientHello has come, before anything is decided.
let clientHelloCallback:
    @convention(c) (OpaquePointer?, UnsafeMutablePointer<CInt>?, UnsafeMutableRawPointer?) -> CInt =
        { ssl, alert, _ in
            guard let ssl = unsafe ssl, let session = unsafe TLSSession.of(ssl),
                let server = session.server
            else { return SSL_CLIENT_HELLO_ERROR }
            var bytes: UnsafePointer<UInt8>?
            var count = 0
            let type = UInt32(TLSEXT_TYPE_server_name)
            if unsafe SSL_client_hello_get0_ext(ssl, type, &bytes, &count) == 1 {
                // OpenSSL lends the extension during this callback; it is copied.
                let content = unsafe UnsafeBufferPointer(start: bytes, count: count)
                session.serverName = serverName(in: unsafe content.span)
            }
            if server.choose(for: session) { return SSL_CLIENT_HELLO_SUCCESS }
            session.refusal = .unknownName
            unsafe alert?.pointee = SSL_AD_UNRECOGNIZED_NAME
            return SSL_CLIENT_HELLO_ERROR
        }

/// The host name in a server_name extension, in lower case and without a final dot; nil if there
/// is none that is a name.
///
/// Source: RFC 6066 §3.
func serverName(in bytes: Span<UInt8>) -> String? {
    // The list's length, the name's type, the name's length.
    guard bytes.count > 5, bytes[2] == 0 else { return nil }
    let length = Int(bytes[3]) << 8 | Int(bytes[4])
    guard length > 0, length <= TLSLimits.nameBytes, 5 + length <= bytes.count else { return nil }
    var name: [UInt8] = []
    name.reserveCapacity(length)
    for index in 5..<(5 + length) {
        let byte = bytes[index]
        // Printable ASCII: whatever else comes fits no site.
        guard byte > 0x20, byte < 0x7F else { return nil }
        name.append(byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte)
    }
    if name.last == 0x2E { name.removeLast() }
    return name.isEmpty ? nil : String(decoding: name, as: UTF8.self)
}
