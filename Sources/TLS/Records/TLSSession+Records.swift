import Bytes
import COpenSSL

/// What protects records in OpenSSL's place.
final class RecordLayer {
    var reader: RecordReader
    var writer: RecordWriter

    init(reader: RecordReader, writer: RecordWriter) {
        self.reader = reader
        self.writer = writer
    }
}

/// The records of an established connection from a client, without OpenSSL's object for it, which
/// takes 13 KB that nobody needs once the handshake is complete.
extension TLSSession {
    /// Frees OpenSSL's object, if everything that is left to do can be done without it.
    ///
    /// Where anything is not as it always is, the session stays with OpenSSL.
    /// - Parameter mark: Bytes that were in `output` before the step that completed the handshake.
    func partFromLibrary(outputBefore mark: Int) {
        // Wiped in any case.
        defer { secrets = nil }
        guard let ssl = unsafe ssl, let secrets, failure == nil, early == .over,
            earlyDataOutcome == nil, unsafe SSL_version(ssl) == TLS1_3_VERSION,
            let cipher = unsafe SSL_get_current_cipher(ssl),
            let suite = CipherSuite(rawValue: unsafe SSL_CIPHER_get_protocol_id(cipher)),
            // A client that has room for short records only: OpenSSL cuts them.
            unsafe SSL_SESSION_get_max_fragment_length(SSL_get_session(ssl)) == 0,
            // Nothing of what has been received may be inside: it is all in `input`.
            unsafe SSL_has_pending(ssl) == 0,
            let sent = Self.protectedRecords(in: output, from: mark),
            let keys = secrets.keys(suite, sent: sent)
        else { return }
        records = RecordLayer(
            reader: RecordReader(keys.client),
            writer: RecordWriter(keys.server)
        )
        freeLibraryObject()
        // What its callbacks read.
        context = nil
        serverName = nil
    }

    /// How many records OpenSSL has written under the keys that go on: tickets.
    /// - Returns: nil when there is anything else.
    static func protectedRecords(in output: Buffer?, from mark: Int) -> UInt64? {
        guard let output else { return nil }
        let bytes = output.readable
        var position = mark
        var count: UInt64 = 0
        while position < bytes.count {
            guard case .record(let length) = RecordHeader(bytes.extracting(position...)) else {
                return nil
            }
            position += TLSLimits.headerBytes + length
            count += 1
        }
        return position == bytes.count ? count : nil
    }

    /// As `decrypt`.
    func decrypt(_ records: RecordLayer, into buffer: Buffer, atMost limit: Int) -> Plaintext {
        guard !hasEnded else { return .ended }
        guard let input else { return .wantsInput }
        return plaintext(records.reader.read(input, into: buffer, atMost: limit), records)
    }

    /// As `peek`.
    func peek(_ records: RecordLayer) -> Plaintext {
        guard !hasEnded else { return .ended }
        guard let input else { return .wantsInput }
        let reading = records.reader.peek(input)
        if case .bytes = reading { return .bytes(1) }
        return plaintext(reading, records)
    }

    private func plaintext(_ reading: RecordReader.Reading, _ records: RecordLayer) -> Plaintext {
        switch reading {
        case .bytes(let count): return .bytes(count)
        case .wantsInput: return .wantsInput
        case .ended:
            hasEnded = true
            return .ended
        case .refused: failure = .refusedByPeer
        case .failed(let alert):
            failure = .protocolError
            // Nothing may follow a farewell, an alert included.
            if !saidFarewell, let output { _ = records.writer.write(alert, to: output) }
        }
        return .failed(failure ?? .protocolError)
    }

    /// As `encrypt`.
    func encrypt(_ records: RecordLayer, from buffer: Buffer) -> Bool {
        guard !saidFarewell, let output else { return false }
        let isDone = records.writer.write(
            buffer,
            owing: &records.reader.owesKeyUpdate,
            to: output
        )
        if !isDone { failure = .protocolError }
        return isDone
    }

    /// Gives back what only serves a connection that is in use.
    ///
    /// May be called at any time.
    public func rest() {
        records?.reader.rest()
        records?.writer.rest()
    }
}

/// What clients of other makes do, and the gateway's own does not: for tests.
extension TLSSession {
    /// Offers one suite of TLS 1.3 only.
    /// - Returns: Whether OpenSSL has it.
    package func offer(_ suite: CipherSuite) -> Bool {
        unsafe SSL_set_ciphersuites(ssl, suite.name) == 1
    }

    /// Speaks no TLS 1.3.
    package func speakAtMost12() { _ = unsafe gateway_ssl_set_maximum(ssl, TLS1_2_VERSION) }

    /// Goes on with new keys, announced before the next content; asks the peer for the same.
    /// - Returns: Whether OpenSSL will do so.
    package func updateKeys(asking: Bool) -> Bool {
        let kind = asking ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED
        return unsafe SSL_key_update(ssl, kind) == 1
    }
}
