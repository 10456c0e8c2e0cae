/// What is done so that clients come by https and stay there; nil in a `Policy` that says nothing
/// about it.
///
/// A class, so that whoever serves a request holds it by one reference.
public final class HTTPSPolicy: Sendable {
    /// Where requests by http are sent; nil: they are served.
    public let redirection: HTTPSRedirection?
    /// The Strict-Transport-Security field of secure responses; nil: none.
    public let strictTransport: StrictTransport?
    /// The folder that answers ACME's HTTP challenges; nil: the routes do.
    public let acmeDirectory: String?
    /// What is added to the cookies of upstreams.
    public let cookies: CookieRules

    init(
        redirection: HTTPSRedirection?,
        strictTransport: StrictTransport?,
        acmeDirectory: String?,
        cookies: CookieRules
    ) {
        self.redirection = redirection
        self.strictTransport = strictTransport
        self.acmeDirectory = acmeDirectory
        self.cookies = cookies
    }
}

/// Where requests by http are sent: the same host, path and query by https.
public struct HTTPSRedirection: Sendable, Equatable {
    /// The port to name, nil for 443, which needs no name.
    public let port: UInt16?
    /// The host for a request that names none (HTTP/1.0); nil: such a request is refused.
    public let host: String?
}

/// The policy that a browser keeps for a host.
///
/// Source: RFC 6797 §6.1.
public struct StrictTransport: Sendable, Equatable {
    /// Seconds for which a browser keeps it; 0 makes it forget.
    public let maximumAge: Int64
    /// Whether it holds for every host below as well.
    public let coversSubdomains: Bool
    /// Whether browsers' makers may put the host on their lists.
    public let mayBePreloaded: Bool

    /// The value of the field.
    public var value: String {
        "max-age=\(maximumAge)" + (coversSubdomains ? "; includeSubDomains" : "")
            + (mayBePreloaded ? "; preload" : "")
    }
}

/// Attributes that are added to the cookies of upstreams that do not have them.
public struct CookieRules: Sendable, Equatable {
    /// What a browser sends when another site makes it send something.
    public enum SameSite: String, Sendable, CaseIterable { case lax, strict, none }
    /// Whether cookies of secure responses go back over secure connections only.
    public let isSecure: Bool
    /// Whether scripts do not see cookies.
    public let isHTTPOnly: Bool
    /// Which requests of other sites take cookies along; nil: what the browser does by itself.
    public let sameSite: SameSite?

    /// Nothing is added.
    public static let none = CookieRules(isSecure: false, isHTTPOnly: false, sameSite: nil)

    /// Whether nothing is added.
    public var isEmpty: Bool { self == .none }
}
