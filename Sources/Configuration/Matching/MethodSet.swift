/// Some request methods.
public struct MethodSet: OptionSet, Sendable, Hashable {
    /// Bit `n` stands for method number `n` of `names`, the last bit for every other method.
    public let rawValue: UInt16
    /// Makes a set of its bits.
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    /// Every method.
    public static let all = MethodSet(rawValue: .max)

    /// The methods that a route may name, in the order of `HTTP.Method`; CONNECT is never routed.
    static let names = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY",
    ]

    /// The names in it, empty for all methods.
    public var names: [String] {
        if self == .all { return [] }
        return Self.names.enumerated().filter { rawValue & 1 << $0.offset != 0 }.map(\.element)
    }

    /// Reads `GET,POST`. A route that takes GET takes HEAD, which is GET without the content.
    /// - Throws: What is wrong with it.
    init(parsing text: String) throws(ValueError) {
        var set: MethodSet = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let number = Self.names.firstIndex(of: String(name)), name != "CONNECT" else {
                let known = Self.names.filter { $0 != "CONNECT" }
                throw ValueError(
                    name == "CONNECT"
                        ? "CONNECT is refused before any route is chosen"
                        : "unknown method '\(name)'",
                    hint: suggestion(for: String(name), among: known)
                        ?? "known are \(known.joined(separator: " "))")
            }
            let bit = MethodSet(rawValue: 1 << UInt16(number))
            if set.contains(bit) { throw ValueError("the method '\(name)' stands twice") }
            set.insert(bit)
        }
        if set.contains(MethodSet(rawValue: 1)) { set.insert(MethodSet(rawValue: 2)) }
        self = set
    }
}
