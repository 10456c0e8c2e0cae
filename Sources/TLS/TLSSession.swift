public import Bytes
import COpenSSL

/// One connection's TLS, either side: bytes in, bytes out, no system call.
///
/// OpenSSL shakes hands. What follows, it does as well, but for clients' connections of TLS 1.3:
/// their records are the gateway's own business (`RecordLayer`).
///
/// Who drives it puts ciphertext of the peer into `input`, calls a method, and sends what is in
/// `output` then. Both buffers are lent: while a session has nothing to say it holds neither.
@safe public final class TLSSession {
    /// What a step of the handshake came to; `output` may hold bytes in any case.
    public enum Progress: Sendable {
        /// The session is established.
        case complete
        /// The client's early data can be read and answered: `decrypt` completes the handshake.
        case early
        /// The peer has to say more first.
        case wantsInput
        /// It has failed; an alert may be in `output`.
        case failed(TLSFailure)
    }

    /// What decryption came to.
    public enum Plaintext: Sendable {
        /// So many bytes, at least 1.
        case bytes(Int)
        /// The peer has to say more first.
        case wantsInput
        /// The peer has said farewell: nothing will follow.
        case ended
        /// The peer broke the protocol.
        case failed(TLSFailure)
    }

    /// Ciphertext from the peer that has not been understood.
    public var input: Buffer?
    /// Ciphertext for the peer; present whenever a method is called.
    public var output: Buffer?
    /// What the handshake has established; nil before it is complete.
    public private(set) var information: TLSInformation?
    /// Unix time in seconds, for the age of tickets.
    var unixSeconds: Int64 = 0
    /// The name that the client asked for.
    var serverName: String?
    /// Why our own callback refused the handshake.
    var refusal: TLSFailure?
    /// What accepts the connection; nil on the client's side.
    let server: TLSServer?
    /// What keeps sessions for the next connection; nil on the server's side.
    let client: ClientSessions?
    /// The contexts in use, which OpenSSL counts as well: this keeps what its callbacks read.
    var context: AnyObject?
    var failure: TLSFailure?
    /// OpenSSL's code for the failure; 0 where there is none.
    private var failureCode: UInt = 0
    /// How far it is with early data.
    var early = EarlyPhase.over
    /// The first byte of early data, until it is read.
    var firstEarlyByte: UInt8?
    /// What became of early data; nil if the client sent none, or the server wants none.
    public internal(set) var earlyDataOutcome: EarlyDataOutcome?
    /// SSL*: made by the initialiser; nil once `records` does without it.
    private(set) var ssl: OpaquePointer?
    /// What protects records in OpenSSL's place once the handshake is complete; nil where OpenSSL
    /// does.
    var records: RecordLayer?
    /// The traffic secrets, until the handshake is complete.
    var secrets: TrafficSecrets?
    private(set) var saidFarewell = false

    /// Takes over a new SSL object.
    init?(adopting ssl: OpaquePointer, server: TLSServer?, client: ClientSessions?) {
        unsafe self.ssl = ssl
        self.server = server
        self.client = client
        guard let method = Library.sessionMethod, let bio = unsafe BIO_new(method.pointer) else {
            // `deinit` frees the SSL object: it runs once all properties are set.
            return nil
        }
        unsafe BIO_set_init(bio, 1)
        // Not retained: `deinit` frees the SSL object, and this BIO with it, first.
        let own = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe BIO_set_data(bio, own)
        unsafe SSL_set_bio(ssl, bio, bio)
        unsafe SSL_set_ex_data(ssl, 0, own)
    }

    deinit { freeLibraryObject() }

    /// Frees OpenSSL's object for this connection.
    func freeLibraryObject() {
        guard let ssl = unsafe ssl else { return }
        // A session that did not fail can be taken up again, whether or not there was time for a
        // farewell: without this OpenSSL would spoil it. Source: RFC 5246 §7.2.1.
        if failure == nil, information != nil {
            unsafe SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
        }
        unsafe SSL_free(ssl)
        unsafe self.ssl = nil
    }

    /// Whether there is something to decrypt: ciphertext, or bytes of a record that was read in
    /// part.
    ///
    /// Asked first, because a read that finds nothing costs OpenSSL a record's buffer.
    public var mayDecrypt: Bool {
        // To be told of, however much was decrypted before it.
        if failure != nil || firstEarlyByte != nil { return true }
        guard let input, !input.isEmpty else {
            return unsafe records == nil && SSL_pending(ssl) > 0
        }
        return records?.reader.mayRead(input) ?? true
    }

    /// Whether what a complete handshake has left in `output` is no more than tickets for a client.
    ///
    /// Before TLS 1.3 the end of the handshake stands there too, which nobody may have to wait for.
    public var mayHoldTicket: Bool { server != nil && information?.version == .tls13 }

    /// Whether the peer has said farewell: nothing will follow.
    public internal(set) var hasEnded = false

    /// Goes on with the handshake.
    /// - Parameter unixSeconds: The time now.
    /// - Returns: How far it has come.
    public func handshake(unixSeconds: Int64) -> Progress {
        if let failure { return .failed(failure) }
        if information != nil { return isEarly ? .early : .complete }
        self.unixSeconds = unixSeconds
        let thread = server == nil ? nil : KeyDerivation.ofThread
        if let thread {
            thread.secrets = secrets ?? TrafficSecrets()
            secrets = thread.secrets
        }
        defer { thread?.secrets = nil }
        return shakeHands()
    }

    private func shakeHands() -> Progress {
        if early == .expected, let progress = beginEarly() { return progress }
        let sentBefore = output?.count ?? 0
        let result = unsafe SSL_do_handshake(ssl)
        if result == 1 {
            establish()
            partFromLibrary(outputBefore: sentBefore)
            return .complete
        }
        if unsafe SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ { return .wantsInput }
        return .failed(fail())
    }

    /// Decrypts into a buffer.
    /// - Parameters:
    ///   - buffer: Has free space: call `reserve` first.
    ///   - limit: Bytes at most, at least 1.
    /// - Returns: How many came, or why none did.
    public func decrypt(into buffer: Buffer, atMost limit: Int) -> Plaintext {
        if let failure { return .failed(failure) }
        if let records { return decrypt(records, into: buffer, atMost: limit) }
        if early != .over { return decryptEarly(into: buffer, atMost: limit) }
        var count = 0
        let result = unsafe buffer.fill { space in
            // OpenSSL writes at most the space that the buffer lends.
            let result = unsafe SSL_read_ex(ssl, space.baseAddress, min(space.count, limit), &count)
            return result == 1 ? count : -1
        }
        return result > 0 ? .bytes(result) : readEnd()
    }

    /// Looks whether decrypted bytes wait, and takes in what concerns TLS alone.
    /// - Returns: `bytes(1)` when there are some; they stay.
    public func peek() -> Plaintext {
        if let failure { return .failed(failure) }
        if let records { return peek(records) }
        if early != .over { return .bytes(1) }
        var count = 0
        var byte: UInt8 = 0
        let result = unsafe SSL_peek_ex(ssl, &byte, 1, &count)
        return result == 1 ? .bytes(1) : readEnd()
    }

    func readEnd() -> Plaintext {
        switch unsafe SSL_get_error(ssl, 0) {
        case SSL_ERROR_WANT_READ: return .wantsInput
        case SSL_ERROR_ZERO_RETURN:
            hasEnded = true
            return .ended
        default: return .failed(fail())
        }
    }

    /// Encrypts one record's worth of a buffer into `output`.
    /// - Parameter buffer: Not empty; what was encrypted is consumed.
    /// - Returns: Whether it went well; if not, the session is over.
    public func encrypt(from buffer: Buffer) -> Bool {
        if failure != nil { return false }
        if let records { return encrypt(records, from: buffer) }
        var count = 0
        let result = unsafe buffer.drain { bytes in
            let length = min(bytes.count, TLSLimits.recordBytes)
            // OpenSSL reads at most the bytes that the buffer lends.
            let result =
                early == .over
                ? unsafe SSL_write_ex(ssl, bytes.baseAddress, length, &count)
                : unsafe SSL_write_early_data(ssl, bytes.baseAddress, length, &count)
            return result == 1 ? count : -1
        }
        if result > 0 { return true }
        _ = fail()
        return false
    }

    /// Says farewell: the peer then knows that nothing was cut off.
    ///
    /// Source: RFC 8446 §6.1.
    public func sendFarewell() {
        guard information != nil, failure == nil, !saidFarewell, early == .over else { return }
        saidFarewell = true
        if let records {
            if let output { _ = records.writer.write(.closeNotify, to: output) }
            return
        }
        // -1 would stand for a fatal error, of which nothing is left to be told.
        if unsafe SSL_shutdown(ssl) < 0 { ERR_clear_error() }
    }

    func fail() -> TLSFailure {
        failureCode = LibraryErrors.takeFirst()
        ERR_clear_error()
        let found = refusal ?? LibraryErrors.failure(failureCode)
        failure = found
        return found
    }

    /// What went wrong, in words for the operator; nil while nothing has.
    public var problem: String? {
        guard let failure else { return nil }
        if failure == .invalidCertificate, let problem = verificationProblem { return problem }
        if refusal != nil || failureCode == 0 { return failure.words }
        return "\(failure.words) (\(LibraryErrors.words(failureCode)))"
    }

    /// The name that the client has asked for so far; nil for none, and on the client's side.
    public var requestedName: String? { server == nil ? nil : serverName }

    /// Notes what the handshake has established.
    func establish() { information = collectInformation() }

    private func collectInformation() -> TLSInformation {
        TLSInformation(
            version: unsafe SSL_version(ssl) == TLS1_3_VERSION ? .tls13 : .tls12,
            cipher: cipherName,
            serverName: serverName,
            applicationProtocol: applicationProtocol,
            isResumed: unsafe SSL_session_reused(ssl) == 1,
            peerCertificate: server == nil
                ? nil : unsafe ssl.flatMap { unsafe PeerCertificate(of: $0) }
        )
    }

    private var cipherName: String {
        guard let cipher = unsafe SSL_get_current_cipher(ssl) else { return "" }
        if let suite = CipherSuite(rawValue: unsafe SSL_CIPHER_get_protocol_id(cipher)) {
            return suite.name
        }
        return unsafe SSL_CIPHER_get_name(cipher).map { unsafe String(cString: $0) } ?? ""
    }

    private var applicationProtocol: String? {
        var bytes: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        unsafe SSL_get0_alpn_selected(ssl, &bytes, &count)
        guard let bytes = unsafe bytes, count > 0 else { return nil }
        // OpenSSL lends the name as long as the session lives; it is copied at once.
        let name = unsafe UnsafeBufferPointer(start: bytes, count: Int(count))
        return unsafe String(decoding: name, as: UTF8.self)
    }
}

/// Every bound of TLS that the configuration does not set, with its unit and its reason.
public enum TLSLimits {
    /// Bytes of content in one record at most.
    ///
    /// Source: RFC 8446 §5.1.
    public static let recordBytes = 16384
    /// Bytes that a record adds to its content at most.
    ///
    /// Source: RFC 8446 §5.2.
    public static let recordOverhead = headerBytes + ciphertextBytes - recordBytes
    /// Bytes before the ciphertext of a record.
    ///
    /// Source: RFC 8446 §5.1.
    public static let headerBytes = 5
    /// Bytes of ciphertext in one record of TLS 1.3 at most.
    ///
    /// Source: RFC 8446 §5.2.
    static let ciphertextBytes = recordBytes + 256
    /// Bytes that our own records add to their content: header, type and tag.
    static let sealedOverhead = headerBytes + 1 + CipherSuite.tagBytes
    /// Records protected by one key at most: AES-GCM bears 2^24.5 of the largest.
    ///
    /// Source: RFC 8446 §5.5.
    public static let recordsPerKey: UInt64 = 1 << 24
    /// Records in a row that bring the receiver nothing, such as empty ones, of which OpenSSL
    /// allows as many, and new keys.
    public static let fruitlessRecords = 32
    /// Bytes of content that a peer has to send for each renewal of its keys, past so many of them:
    /// one takes as long as some hundred bytes take on their way.
    static let bytesPerRenewal = 1024
    /// Certificates that a client's chain may have.
    static let clientChain: Int32 = 8
    /// Bytes of a PEM file at most.
    static let fileBytes = 4 << 20
    /// Bytes of a server's name.
    ///
    /// Source: RFC 1035 §2.3.4.
    static let nameBytes = 255
    /// Sessions kept for each upstream, for each loop.
    static let keptSessions = 64
    /// Bytes of early data from one client at most: a request's head, and some more in a row.
    static let earlyDataBytes: UInt32 = 16384
    /// Seconds that handshakes with early data are remembered at least: longer than OpenSSL lets
    /// the age of a ticket be wrong, 10 s and 2 s by rounding.
    static let strikePeriod: Int64 = 16
    /// Handshakes with early data remembered for each period: 16 bytes each, two periods.
    static let strikes = 65_536
    /// Seconds that a ticket can be used.
    static let ticketLifetime = 86_400
    /// Seconds after which a new ticket key encrypts; older ones decrypt for as long as their
    /// tickets live.
    static let ticketKeyPeriod: Int64 = 12 * 3600
    /// Ticket keys that decrypt.
    static let ticketKeys = 16
}
