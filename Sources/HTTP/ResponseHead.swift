/// The status line and header section of a response, and what they mean for the connection.
///
/// Filled by a parser and used again for the next response: emptied, it keeps its memory.
public struct ResponseHead: Sendable {
    /// The version the server speaks.
    public package(set) var version = Version.http11
    /// The status code, 100 to 599.
    public package(set) var status = 200
    /// The header section, to be changed but not to be replaced by another.
    ///
    /// What this head says of itself stands in the section's storage.
    public var fields = FieldSection()
    /// Whether the server lets the connection persist.
    ///
    /// A message that ends with the connection ends it whatever this says.
    public package(set) var keepAlive = true
    /// Whether Connection names `upgrade` and an Upgrade field is there.
    public package(set) var upgradeOffered = false
    /// How the content would be delimited if neither method nor status forbade content.
    package var declaredFraming = BodyFraming.untilClose
    package var reasonRange = ByteRange.empty

    /// An empty head.
    public init() {}

    /// The reason phrase as received; possibly empty.
    public var reason: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { fields.bytes(in: reasonRange) }
    }

    /// Whether this is an interim response, after which another head follows.
    ///
    /// Choice: 101 is not one here, because what follows it is no longer HTTP/1.
    public var isInterim: Bool { status < 200 && status != 101 }

    /// The length that Content-Length declares, whether content follows or not.
    public var declaredLength: Int? {
        if case .length(let length) = declaredFraming { length } else { nil }
    }

    /// How the content of this response is delimited.
    ///
    /// - Parameter method: The method of the request that is answered.
    /// - Returns: `none` for HEAD, 1xx, 204, 304 and 2xx to CONNECT, whatever the fields say.
    /// Source: RFC 9112 §6.3.
    public func framing(forRequest method: Method) -> BodyFraming {
        if method == .head || Status.forbidsContent(status) { return .none }
        if method == .connect && status / 100 == 2 { return .none }
        return declaredFraming
    }

    /// Gives a head that was put together here its status.
    package mutating func setStatus(_ status: Int) { self.status = status }

    /// Takes status and fields of a head that was put together here; what this one says of its
    /// connection and of the length of its content stays.
    package mutating func take(_ other: ResponseHead) {
        status = other.status
        fields = other.fields
        reasonRange = .empty
    }

    /// Empties the head and keeps its memory.
    public mutating func removeAll() {
        fields.reset()
        version = .http11
        status = 200
        keepAlive = true
        upgradeOffered = false
        declaredFraming = .untilClose
        reasonRange = .empty
    }
}
