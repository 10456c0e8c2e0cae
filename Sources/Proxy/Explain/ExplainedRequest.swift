public import Addressing
import Bytes
import HTTP

/// Why there is nothing to explain: what was typed cannot be a request.
public struct ExplainedRequestError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong, and what was probably meant.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// A request as a person describes it who wants to know what would become of it.
///
/// Only what cannot be put into a request at all is refused here. What can be is judged by the
/// parser that judges every client's, so that its refusals are explained like any other.
public struct ExplainedRequest: Sendable {
    /// The method as it is sent.
    public let method: String
    /// The scheme, host and port of the URL, and what is sent of the rest.
    let url: ExplainedURL
    /// The peer of the connection.
    public let peer: Peer
    /// What a PROXY protocol header says the client is; nil for none.
    public let proxied: Peer?
    /// The listener that the request comes in by; nil to choose it by the URL's port.
    public let listener: SocketAddress?
    /// Header fields, `NAME: VALUE`.
    let fields: [String]
    /// The type of the response that is supposed; nil for any.
    let responseType: String?
    /// Bytes of the response that is supposed; nil for a length that is not known.
    let responseSize: Int?

    /// Describes a request.
    /// - Parameters:
    ///   - method: Such as `GET`.
    ///   - url: Such as `http://shop.example/api?q=1`.
    ///   - peer: Who connects: an address, with a port or without, or `unix`.
    ///   - proxied: The client that a PROXY protocol header names, written likewise; nil for none.
    ///   - listener: One of the configuration's listeners as it is written there; nil to choose it
    ///     by the URL's port.
    ///   - fields: Header fields, `NAME: VALUE`; a Host takes the place of the URL's.
    ///   - responseType: The Content-Type of the response to suppose, to know what becomes of it.
    ///   - responseSize: Its bytes; nil for a length that is not known.
    /// - Throws: What cannot be put into a request.
    public init(
        method: String,
        url: String,
        from peer: String,
        proxied: String? = nil,
        listener: String? = nil,
        fields: [String] = [],
        responseType: String? = nil,
        responseSize: Int? = nil
    ) throws(ExplainedRequestError) {
        self.method = try ExplainedRequest.checked(method: method)
        self.url = try ExplainedURL(url)
        self.peer = try ExplainedRequest.peer(peer)
        if let proxied {
            self.proxied = try ExplainedRequest.peer(proxied)
        } else {
            self.proxied = nil
        }
        if let listener {
            do throws(AddressError) {
                self.listener = try SocketAddress(listener)
            } catch { throw ExplainedRequestError("\(error)") }
        } else {
            self.listener = nil
        }
        for field in fields { try ExplainedRequest.check(field: field) }
        self.fields = fields
        if let responseType, hasControls(responseType) || responseType.isEmpty {
            throw ExplainedRequestError("'\(visible(responseType))' is no media type")
        }
        self.responseType = responseType
        self.responseSize = responseSize
    }

    /// The head as the client would send it.
    var head: [UInt8] {
        var text = "\(method) \(url.target) HTTP/1.1\r\n"
        if !fields.contains(where: isHost) { text += "Host: \(url.authority)\r\n" }
        for field in fields { text += "\(field)\r\n" }
        return Array((text + "\r\n").utf8)
    }

    /// The Host field that takes the place of the URL's host, if there is one.
    var hasOwnHost: Bool { fields.contains(where: isHost) }

    private func isHost(_ field: String) -> Bool {
        field.prefix { $0 != ":" }.lowercased() == "host"
    }

    // MARK: Checks

    private static func checked(method: String) throws(ExplainedRequestError) -> String {
        let bytes = Array(method.utf8)
        guard !bytes.isEmpty, Characters.isToken(bytes.span) else {
            throw ExplainedRequestError("'\(visible(method))' is no method; write GET or POST")
        }
        let upper = method.uppercased()
        if method != upper, Method.match(Array(upper.utf8).span) != .other {
            throw ExplainedRequestError(
                "'\(method)' is no method, as case counts in them; did you mean '\(upper)'?"
            )
        }
        return method
    }

    private static func peer(_ text: String) throws(ExplainedRequestError) -> Peer {
        if text == "unix" { return .unix }
        if let address = IPAddress(text), !address.isUnspecified {
            return .ip(address, port: 0)
        }
        do throws(AddressError) {
            switch try SocketAddress(text, defaultPort: 0) {
            case .unix: return .unix
            case .ip(let address, let port):
                if !text.hasPrefix(":"), !address.isUnspecified { return .ip(address, port: port) }
            }
        } catch {
            throw ExplainedRequestError("\(error); write 203.0.113.9, 2001:db8::9 or unix")
        }
        throw ExplainedRequestError("nobody connects from '\(visible(text))'")
    }

    private static func check(field: String) throws(ExplainedRequestError) {
        guard let colon = field.firstIndex(of: ":"), colon != field.startIndex else {
            throw ExplainedRequestError(
                "'\(visible(field))' is no header; write 'NAME: VALUE'"
            )
        }
        guard !hasControls(field, except: "\t") else {
            throw ExplainedRequestError(
                "the header '\(visible(field))' holds a control character, which is refused"
            )
        }
    }
}

/// What an http or https URL says.
struct ExplainedURL: Sendable, Equatable {
    /// The scheme.
    let scheme: ForwardedScheme
    /// Host and port as written.
    let authority: String
    /// The host as written, without the port.
    let host: String
    /// The port, the scheme's own where none is written.
    let port: UInt16
    /// What a request line would hold.
    let target: String
    /// What never leaves the client.
    let fragment: String?

    /// Reads a URL.
    ///
    /// Source: RFC 3986 §3.
    /// - Throws: What is missing, or does not belong there.
    init(_ text: String) throws(ExplainedRequestError) {
        let shown = visible(text)
        guard !hasControls(text) else {
            throw ExplainedRequestError("'\(shown)' holds a control character")
        }
        guard let separator = text.firstRange(of: "://") else {
            let path = text.drop { $0 == "/" }
            throw ExplainedRequestError("'\(shown)' is no URL; write http://\(visible(path))")
        }
        switch text[..<separator.lowerBound].lowercased() {
        case "http", "ws": scheme = .http
        case "https", "wss": scheme = .https
        default: throw ExplainedRequestError("'\(shown)' is no http or https URL")
        }
        let rest = text[separator.upperBound...]
        let authority = rest.prefix { !"/?#".contains($0) }
        guard !authority.contains("@") else {
            throw ExplainedRequestError(
                "'\(shown)' names a user; a client sends that in an Authorization field"
            )
        }
        let (host, port) = ExplainedURL.split(authority)
        guard !host.isEmpty else { throw ExplainedRequestError("'\(shown)' names no host") }
        self.authority = String(authority)
        self.host = String(host)
        guard let number = port.isEmpty ? (scheme == .https ? 443 : 80) : UInt16(port), number > 0
        else { throw ExplainedRequestError("'\(visible(port))' in '\(shown)' is no port") }
        self.port = number
        let path = rest[authority.endIndex...].prefix { $0 != "#" }
        target = path.hasPrefix("/") ? String(path) : "/\(path)"
        let after = rest[path.endIndex...].dropFirst()
        fragment = after.isEmpty ? nil : String(after)
    }

    private static func split(_ authority: Substring) -> (host: Substring, port: Substring) {
        let bracket = authority.lastIndex(of: "]") ?? authority.startIndex
        guard let colon = authority[bracket...].lastIndex(of: ":") else {
            return (authority, "")
        }
        return (authority[..<colon], authority[authority.index(after: colon)...])
    }
}

private func hasControls(_ text: String, except allowed: Unicode.Scalar? = nil) -> Bool {
    text.unicodeScalars.contains { ($0.value < 0x20 || $0.value == 0x7F) && $0 != allowed }
}

/// A text without what a terminal would obey.
func visible(_ text: some StringProtocol) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        let isControl = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
        result.append(isControl ? "\u{FFFD}" : scalar)
    }
    return String(result)
}
