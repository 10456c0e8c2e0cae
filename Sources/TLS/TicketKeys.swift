import COpenSSL
import Synchronization

/// The keys of session tickets: shared by all loops and sites of a process.
///
/// Tickets are stateless: a session is encrypted, handed to the client, and comes back with it.
public final class TicketKeys: Sendable {
    /// One key: its name, which stands in the ticket, and what encrypts and authenticates.
    struct Key: Sendable, Equatable {
        let name: [UInt8]
        let authentication: [UInt8]
        let encryption: [UInt8]
        /// Unix seconds; nil for keys from a file, which have no age.
        let made: Int64?

        /// A key of 80 bytes: name, authentication, encryption.
        init(_ bytes: ArraySlice<UInt8>, made: Int64?) {
            name = Array(bytes.prefix(16))
            authentication = Array(bytes.dropFirst(16).prefix(32))
            encryption = Array(bytes.dropFirst(48).prefix(32))
            self.made = made
        }

        static let byteCount = 80
    }

    private struct State {
        /// The first one encrypts, all of them decrypt.
        var keys: [Key] = []
        var isFixed = false
    }

    private let state = Mutex(State())
    /// What early data has come with tickets of these keys.
    let strikes = StrikeRegister()

    /// Makes keys of its own and renews them.
    public init() {}

    /// Takes over the keys of a file.
    /// - Parameter bytes: One or more keys of 80 bytes each.
    /// - Throws: What is wrong with them.
    public func replace(with bytes: [UInt8]) throws(TLSSetupError) {
        let count = bytes.count / Key.byteCount
        guard count > 0, bytes.count % Key.byteCount == 0 else {
            throw TLSSetupError("has \(bytes.count) bytes, no multiple of \(Key.byteCount)")
        }
        guard count <= TLSLimits.ticketKeys else {
            throw TLSSetupError("has more than \(TLSLimits.ticketKeys) keys")
        }
        let keys = (0..<count).map { index in
            Key(bytes[(index * Key.byteCount)..<((index + 1) * Key.byteCount)], made: nil)
        }
        state.withLock { $0 = State(keys: keys, isFixed: true) }
    }

    /// Whether the keys are those of a file.
    public var isFixed: Bool { state.withLock { $0.isFixed } }

    /// The key that encrypts now.
    /// - Parameter now: Unix seconds.
    /// - Returns: nil when no random bytes can be had.
    func current(now: Int64) -> Key? {
        state.withLock { state in
            if state.isFixed { return state.keys.first }
            let lifetime = Int64(TLSLimits.ticketLifetime) &+ TLSLimits.ticketKeyPeriod
            if let first = state.keys.first, let made = first.made,
                now &- made < TLSLimits.ticketKeyPeriod
            {
                return first
            }
            var bytes = [UInt8](repeating: 0, count: Key.byteCount)
            // The library's generator, seeded by the system.
            guard unsafe RAND_priv_bytes(&bytes, Int32(Key.byteCount)) == 1 else { return nil }
            let key = Key(bytes[...], made: now)
            state.keys.removeAll { now &- ($0.made ?? now) > lifetime }
            state.keys.insert(key, at: 0)
            return key
        }
    }

    /// The key of a name.
    /// - Returns: The key, and whether a newer one encrypts.
    func find(_ name: [UInt8], now: Int64) -> (key: Key, isOld: Bool)? {
        let lifetime = Int64(TLSLimits.ticketLifetime) &+ TLSLimits.ticketKeyPeriod
        return state.withLock { state in
            guard let index = state.keys.firstIndex(where: { $0.name == name }) else { return nil }
            let key = state.keys[index]
            if let made = key.made {
                if now &- made > lifetime { return nil }
                return (key, index > 0 || now &- made >= TLSLimits.ticketKeyPeriod)
            }
            return (key, index > 0)
        }
    }
}

/// AES-256-CBC, looked up once: OpenSSL would search for it for every ticket.
private let ticketCipher: SharedPointer? = unsafe EVP_CIPHER_fetch(nil, "AES-256-CBC", nil)
    .map { unsafe SharedPointer(pointer: $0) }

/// What OpenSSL calls to encrypt a ticket (`isNew` 1) or to decrypt one (0).
///
/// Returns 1 when the key is set, 2 when the ticket is to be replaced, 0 for an unknown key.
let ticketKeyCallback:
    @convention(c) (
        OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, OpaquePointer?,
        OpaquePointer?, CInt
    ) -> CInt = { ssl, name, vector, cipher, mac, isNew in
        guard let ssl = unsafe ssl, let name = unsafe name, let vector = unsafe vector,
            let session = unsafe TLSSession.of(ssl), let keys = session.server?.tickets,
            let algorithm = ticketCipher
        else { return -1 }
        let now = session.unixSeconds
        // OpenSSL lends 16 bytes for the name and 16 for the vector.
        let place = unsafe UnsafeMutableBufferPointer(start: name, count: 16)
        if isNew == 1 {
            guard let key = keys.current(now: now) else { return -1 }
            guard unsafe RAND_bytes(vector, 16) == 1 else { return -1 }
            _ = unsafe place.update(fromContentsOf: key.name)
            let encrypts = unsafe EVP_EncryptInit_ex2(
                cipher,
                algorithm.pointer,
                key.encryption,
                vector,
                nil
            )
            return unsafe encrypts == 1 && setKey(of: mac, key) ? 1 : -1
        }
        guard let found = unsafe keys.find(Array(place), now: now) else { return 0 }
        let decrypts = unsafe EVP_DecryptInit_ex2(
            cipher,
            algorithm.pointer,
            found.key.encryption,
            vector,
            nil
        )
        guard unsafe decrypts == 1 && setKey(of: mac, found.key) else { return -1 }
        // In TLS 1.3 a ticket is for one use, so each resumption gets another one.
        let renews = unsafe found.isOld || SSL_version(ssl) == TLS1_3_VERSION
        return renews ? 2 : 1
    }

private func setKey(of mac: OpaquePointer?, _ key: TicketKeys.Key) -> Bool {
    // Copied before the call returns.
    unsafe gateway_mac_set_key(mac, key.authentication, key.authentication.count) == 1
}

extension TLSSession {
    /// The session of an SSL object, inside a callback of OpenSSL.
    static func of(_ ssl: OpaquePointer) -> TLSSession? {
        guard let data = unsafe SSL_get_ex_data(ssl, 0) else { return nil }
        // Set by the initialiser; a session frees its SSL object before itself.
        return unsafe Unmanaged<TLSSession>.fromOpaque(data).takeUnretainedValue()
    }
}
