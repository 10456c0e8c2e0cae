public import HTTP

/// Some request methods.
public struct MethodSet: OptionSet, Sendable, Hashable {
    /// Bit `n` stands for the method whose raw value is `n`.
    public let rawValue: UInt16
    /// Makes a set of its bits.
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    /// Makes a set of one method; `other` is every method without a case of its own.
    public init(_ method: Method) { rawValue = 1 << UInt16(method.rawValue) }
    /// Every method.
    public static let all = MethodSet(Method.allCases.map { MethodSet($0) })

    /// The methods that a route may name.
    ///
    /// CONNECT is refused before any route is chosen.
    static let nameable = Method.allCases.filter { $0 != .connect && $0 != .other }

    /// The names in it, empty for all methods.
    public var names: [String] {
        if self == .all { return [] }
        return Method.allCases.filter { contains(MethodSet($0)) }.map { "\($0.name)" }
    }

    /// Reads `GET,POST`.
    ///
    /// A route that takes GET takes HEAD, which is GET without the content.
    /// - Throws: What is wrong with it.
    init(parsing text: String) throws(ValueError) {
        var named: [Substring] = []
        var set: MethodSet = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let method = Self.nameable.first(where: { "\($0.name)" == name }) else {
                throw Self.unknown(name)
            }
            if named.contains(name) { throw ValueError("the method '\(name)' stands twice") }
            named.append(name)
            set.insert(MethodSet(method))
        }
        if set.contains(MethodSet(.get)) { set.insert(MethodSet(.head)) }
        self = set
    }

    private static func unknown(_ name: Substring) -> ValueError {
        if name == "CONNECT" {
            return ValueError("CONNECT is refused before any route is chosen")
        }
        let known = nameable.map { "\($0.name)" }
        return ValueError(
            "unknown method '\(name)'",
            hint: suggestion(for: String(name), among: known)
                ?? "known are \(known.joined(separator: " "))"
        )
    }
}
