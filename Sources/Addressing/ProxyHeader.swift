/// What a PROXY protocol header says of a connection.
/// Source: haproxy, doc/proxy-protocol.txt
public enum ProxyHeader: Hashable, Sendable {
    /// The connection was made by the proxy itself (a health check), or its origin is not known:
    /// the socket's own addresses count.
    case local
    /// The connection was made by `source` to `destination`.
    case proxied(source: Peer, destination: Peer)

    /// What a run of bytes at the start of a connection is.
    public enum Reading: Hashable, Sendable {
        /// The start of a header; more bytes are needed.
        case incomplete
        /// A header of so many bytes; what follows belongs to the connection.
        case complete(byteCount: Int, ProxyHeader)
        /// Not a header; the connection must be closed, as guessing would let anybody spoof.
        case invalid(Invalidity)
    }

    /// Why a run of bytes is not a header.
    public enum Invalidity: UInt8, Hashable, Sendable, CaseIterable {
        /// It starts with neither signature.
        case signature
        /// A version 1 line that does not follow the grammar.
        case line
        /// A version 1 line of more than `maximumV1Count` bytes.
        case lineTooLong
        /// An address that is none, or of another family than the line says.
        case address
        /// A port that is not a number from 0 to 65535.
        case port
        /// A version other than 1 and 2.
        case version
        /// A command other than LOCAL and PROXY.
        case command
        /// An address family or transport that the specification does not know.
        case family
        /// Datagrams cannot have become this stream.
        case datagram
        /// A version 2 header of more than `maximumV2Count` bytes.
        case headerTooLong
        /// Fewer bytes than the addresses of the family need.
        case addressesCutShort
        /// A TLV that reaches past the header.
        case malformedTLV
        /// A CRC32c that does not match.
        case checksum
    }

    /// The longest version 1 line, CRLF included, in bytes.
    public static let maximumV1Count = 107
    /// The longest version 2 header that is accepted, in bytes; room for the TLVs of a client
    /// certificate.
    public static let maximumV2Count = 4096

    /// Reads the header at the start of a connection.
    ///
    /// Which version it is shows in the first byte, and a byte that cannot belong to a header is
    /// reported at once, so a peer that speaks something else does not have to time out.
    /// - Parameter bytes: All bytes received so far; may hold more than the header.
    /// - Returns: `incomplete` for fewer than `maximumV2Count` bytes only.
    public static func read(_ bytes: Span<UInt8>) -> Reading {
        guard !bytes.isEmpty else { return .incomplete }
        return switch bytes[0] {
        case UInt8(ascii: "P"): readV1(bytes)
        case 0x0d: readV2(bytes)
        default: .invalid(.signature)
        }
    }
}
