package import Bytes
import COpenSSL

/// What became of early data that a client sent; the raw value is the metric's label.
public enum EarlyDataOutcome: String, Sendable, CaseIterable {
    /// It was taken.
    case accepted = "accepted"
    /// The same handshake has been seen before.
    case replayed = "replayed"
    /// Too many handshakes have come with early data to remember another one.
    case full = "register_full"
    /// The ticket is too old or carries none, or the name, the protocol or the groups are others
    /// than those of its session.
    case unfit = "unfit"

    /// Where it stands among the results of the metric.
    public var metricIndex: Int { EarlyDataOutcome.allCases.firstIndex(of: self) ?? 0 }
}

/// How far a server's session is that may take early data.
enum EarlyPhase {
    /// None is taken, or the handshake is complete.
    case over
    /// Nobody knows yet whether there is any.
    case expected
    /// It has been accepted, and is being read.
    case reading
    /// All of it has been read; the client's last flight is due.
    case finishing
}

extension TLSSession {
    /// Whether what can be read came before the end of the handshake, so that it may be a replay.
    public var isEarly: Bool { early == .reading || early == .finishing }

    /// As `handshake`, of a server's session that takes early data.
    /// - Returns: nil when there is none: the handshake goes on like any other.
    func beginEarly() -> Progress? {
        var byte: UInt8 = 0
        var count = 0
        // OpenSSL writes one byte at most: it is kept for the first read.
        switch unsafe SSL_read_early_data(ssl, &byte, 1, &count) {
        case SSL_READ_EARLY_DATA_SUCCESS:
            firstEarlyByte = byte
            early = .reading
            earlyDataOutcome = .accepted
            // Such a session stays with OpenSSL.
            secrets = nil
            establish()
            return .early
        case SSL_READ_EARLY_DATA_FINISH:
            early = .over
            switch unsafe SSL_get_early_data_status(ssl) {
            case SSL_EARLY_DATA_REJECTED: earlyDataOutcome = earlyDataOutcome ?? .unfit
            case SSL_EARLY_DATA_ACCEPTED: earlyDataOutcome = .accepted
            default: break
            }
            return nil
        default:
            if unsafe SSL_get_error(ssl, 0) == SSL_ERROR_WANT_READ { return .wantsInput }
            return .failed(fail())
        }
    }

    /// As `decrypt`, until the handshake is complete.
    func decryptEarly(into buffer: Buffer, atMost limit: Int) -> Plaintext {
        if let byte = firstEarlyByte {
            firstEarlyByte = nil
            buffer.append(byte)
            return .bytes(1)
        }
        if early == .reading {
            var count = 0
            var state = SSL_READ_EARLY_DATA_ERROR
            _ = unsafe buffer.fill { space in
                let room = min(space.count, limit)
                // OpenSSL writes at most the space that the buffer lends.
                state = unsafe SSL_read_early_data(ssl, space.baseAddress, room, &count)
                return state == SSL_READ_EARLY_DATA_SUCCESS ? count : -1
            }
            switch state {
            case SSL_READ_EARLY_DATA_SUCCESS: return .bytes(count)
            case SSL_READ_EARLY_DATA_FINISH: early = .finishing
            default: return readEnd()
            }
        }
        let result = unsafe SSL_do_handshake(ssl)
        guard result == 1 else {
            if unsafe SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ { return .wantsInput }
            return .failed(fail())
        }
        early = .over
        return decrypt(into: buffer, atMost: limit)
    }

    /// Sends early data as a client: for tests, since the gateway sends none to servers.
    /// - Parameter buffer: Not empty; what was encrypted is consumed.
    /// - Returns: False when the session that is taken up allows none.
    package func sendEarly(from buffer: Buffer) -> Bool {
        var count = 0
        let result = unsafe buffer.drain { bytes in
            // OpenSSL reads at most the bytes that the buffer lends.
            let result = unsafe SSL_write_early_data(ssl, bytes.baseAddress, bytes.count, &count)
            return result == 1 ? count : -1
        }
        if result <= 0 { ERR_clear_error() }
        return result > 0
    }
}

/// What OpenSSL calls when early data fits in every other respect.
let earlyDataCallback: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> CInt = {
    ssl,
    _ in
    guard let ssl = unsafe ssl, let session = unsafe TLSSession.of(ssl),
        let keys = session.server?.tickets
    else { return 0 }
    var random = [UInt8](repeating: 0, count: 16)
    guard unsafe SSL_get_client_random(ssl, &random, 16) == 16 else { return 0 }
    func word(_ range: Range<Int>) -> UInt64 { random[range].reduce(0) { $0 << 8 | UInt64($1) } }
    let mark = StrikeRegister.Mark(high: word(0..<8), low: word(8..<16))
    switch keys.strikes.note(mark, now: session.unixSeconds) {
    case .new: return 1
    case .seen: session.earlyDataOutcome = .replayed
    case .full: session.earlyDataOutcome = .full
    }
    return 0
}
