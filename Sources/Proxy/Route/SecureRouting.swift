import Addressing
import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1

/// Requests that are answered because of how they came: challenges of a certificate authority, and
/// http where https is wanted.
extension Exchange {
    /// Where a certificate authority looks for what proves that a host is ours.
    ///
    /// Source: RFC 8555 §8.3.
    private static let challengePath: StaticString = "/.well-known/acme-challenge/"

    /// Whether the client came by https, here or at a proxy that is believed.
    var isSecure: Bool { mutating get { scheme == .https } }

    /// Answers a challenge or redirects, where the route's `https` says so.
    /// - Returns: False when the request is to be served like any other.
    mutating func answerForHTTPS() async throws(Failure) -> Bool {
        guard let policy = route?.https?.policy else { return false }
        if let token = challengeToken() {
            guard let directory = policy.acmeDirectory else { return false }
            try await answerChallenge(token, from: directory)
            return true
        }
        guard !isSecure, let redirection = policy.redirection else { return false }
        let target = context.reactor.buffers.take()
        let isComplete = writeSecureURL(redirection, to: target)
        let location = target.readable.bytes()
        context.reactor.buffers.give(target)
        guard isComplete else { throw .refused(.httpsRequired) }
        try await send(status: 308, contentType: [], body: [], location: location)
        return true
    }

    /// What follows the path of challenges; nil for any other path.
    mutating func challengeToken() -> [UInt8]? {
        pathIsNormal
            ? Exchange.token(of: request.path) : Exchange.token(of: normalizedPath.span)
    }

    private static func token(of path: Span<UInt8>) -> [UInt8]? {
        let count = challengePath.utf8CodeUnitCount
        guard path.count > count, path.extracting(0..<count).equals(challengePath) else {
            return nil
        }
        return path.extracting(droppingFirst: count).bytes()
    }

    /// Answers with the file of a token, or 404.
    private mutating func answerChallenge(_ token: [UInt8], from directory: String)
        async throws(Failure)
    {
        guard request.method == .get || request.method == .head,
            let content = ChallengeFile.read(token, from: directory)
        else { throw .refused(.noRoute) }
        try await send(status: 200, contentType: Array("text/plain".utf8), body: content)
    }

    /// Writes the URL of this request with https in it.
    /// - Returns: False when nobody says which host it is for.
    mutating func writeSecureURL(_ redirection: HTTPSRedirection, to out: Buffer) -> Bool {
        out.append("https://")
        if !request.host.isEmpty {
            out.append(request.host)
        } else if let host = redirection.host {
            out.append(Array(host.utf8))
        } else {
            return false
        }
        if let port = redirection.port {
            out.append(UInt8(ascii: ":"))
            out.append(decimal: Int(port))
        }
        // `OPTIONS *` asks about the server, whatever the path.
        if request.targetForm != .asterisk { out.append(request.path) }
        if request.hasQuery {
            out.append(UInt8(ascii: "?"))
            out.append(request.query)
        }
        return true
    }
}

/// The files that answer challenges.
enum ChallengeFile {
    /// Bytes of a token; RFC 8555 asks for at least 22, and authorities send 43.
    static let maximumToken = 128
    /// Bytes of a file: a token, a dot and a thumbprint are 87.
    static let maximumContent = 4096

    /// The content for a token.
    ///
    /// Only base64url can be a token (RFC 8555 §8.3), so that no path leads out of the folder.
    static func read(_ token: [UInt8], from directory: String) -> [UInt8]? {
        guard !token.isEmpty, token.count <= maximumToken,
            token.allSatisfy(isBase64URL)
        else { return nil }
        let name = String(decoding: token, as: UTF8.self)
        return SmallFile.content(of: directory + "/" + name, atMost: maximumContent)
            ?? SmallFile.content(
                of: directory + "/.well-known/acme-challenge/" + name,
                atMost: maximumContent
            )
    }

    private static func isBase64URL(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
