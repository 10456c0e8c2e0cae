public import Addressing

/// An address to listen on, and the sites behind it.
public struct SiteListener: Sendable {
    /// The address.
    public let address: SocketAddress
    /// Whether every connection starts with a PROXY protocol preamble; one without it is refused.
    public let proxyProtocol: Bool
    /// Whether connections are encrypted.
    public let isSecure: Bool
    /// Whether handshakes for names that no site has are refused.
    public let strictSNI: Bool
    /// The permissions of a unix socket, if the file names them.
    public let mode: UInt16?
    /// Those of a socket for which it names none: everybody may connect, as to a port.
    public static let defaultMode: UInt16 = 0o666
    /// Whether a connection over TCP is accepted only when its first bytes are there, or a second
    /// later without any.
    public let defers: Bool
    /// The sites reachable here, as indices into `Configuration.sites`.
    public let sites: [Int]
    /// Chooses among them by host.
    public let table: SiteTable
}
