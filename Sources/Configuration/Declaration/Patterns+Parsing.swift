import Addressing

extension HostPattern {
    /// Reads `shop.example.com`, `*.example.com`, `*`, `192.0.2.1` or `[::1]`.
    /// - Throws: What is wrong with it.
    init(parsing text: String) throws(ValueError) {
        if text == "*" {
            self = .any
            return
        }
        if text.utf8.contains(where: { $0 >= 0x80 }) {
            throw ValueError(
                "'\(text)' is not ASCII: clients send such a host in its xn-- form",
                hint: "write the A-label form, for example xn--bcher-kva.example"
            )
        }
        let isBelow = text.hasPrefix("*.")
        var name = (isBelow ? String(text.dropFirst(2)) : text).lowercased()
        if !isBelow, name.hasPrefix("["), name.hasSuffix("]") {
            guard let address = IPAddress(String(name.dropFirst().dropLast())), !address.isIPv4
            else { throw ValueError("'\(text)' is no IPv6 address in brackets") }
            self = .exact("[\(address)]")
            return
        }
        if name.hasSuffix("."), name.utf8.count > 1 { name.removeLast() }
        try Self.check(name, text)
        self = isBelow ? .below(name) : .exact(name)
    }

    private static func check(_ name: String, _ text: String) throws(ValueError) {
        if text.contains("://") {
            throw ValueError("'\(text)' is a URL: a host has no scheme and no path")
        }
        if text.contains(":") {
            throw ValueError(
                IPAddress(text) == nil
                    ? "'\(text)' has a port: the port belongs to 'listen'"
                    : "an IPv6 address as a host stands in brackets: [\(text)]"
            )
        }
        if name.contains("*") {
            throw ValueError(
                "'\(text)': a '*' stands alone or as the whole first label, as in *.example.com"
            )
        }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        let isName = labels.allSatisfy { label in
            !label.isEmpty && label.utf8.count <= 63 && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy {
                    $0 >= 0x61 && $0 <= 0x7A || $0 >= 0x30 && $0 <= 0x39 || $0 == 0x2D
                        || $0 == 0x5F
                }
        }
        guard isName, name.utf8.count <= 253 else {
            throw ValueError("'\(text)' is no host name")
        }
    }
}

extension PathPattern {
    /// Bytes of the longest pattern: a request target is bounded as well.
    static let maximumLength = 4096

    /// Reads `/a`, `/a/*` or `*`; `/*` is another way to write `*`.
    ///
    /// A pattern is kept in the form that requests are normalised to before they are compared:
    /// percent-decoded.
    /// - Throws: What is wrong with it.
    init(parsing text: String) throws(ValueError) {
        let wire = try PathPattern(wire: text)
        switch wire {
        case .any: self = .any
        case .exact(let path): self = .exact(try Self.decoded(path))
        case .prefix(let path): self = .prefix(try Self.decoded(path))
        }
    }

    /// Reads the same, and keeps it as it is sent: with percent-encoding.
    /// - Throws: What is wrong with it.
    init(wire text: String) throws(ValueError) {
        if text == "*" || text == "/*" {
            self = .any
            return
        }
        guard text.hasPrefix("/") else {
            throw ValueError(
                "expected a path that begins with '/', or '*', found '\(text)'",
                hint: text.contains("*") || text.isEmpty ? nil : "did you mean '/\(text)'?"
            )
        }
        let isPrefix = text.hasSuffix("/*")
        let path = isPrefix ? String(text.dropLast()) : text
        if path.contains("*") {
            throw ValueError(
                "'\(text)': a '*' stands alone or at the end, after a '/'",
                hint: text.hasSuffix("*") ? "did you mean '\(text.dropLast())/*'?" : nil
            )
        }
        try checkPath(path)
        self = isPrefix ? .prefix(path) : .exact(path)
    }

    private static func decoded(_ path: String) throws(ValueError) -> String {
        guard path.utf8.contains(0x25) else { return path }
        var bytes: [UInt8] = []
        var rest = path.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == 0x25 else {
                bytes.append(byte)
                continue
            }
            bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
            rest = rest.dropFirst(2)
        }
        guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            throw ValueError("'\(path)' is not UTF-8 once it is decoded")
        }
        try checkSegments(text)
        return text
    }
}

/// Whether a path is one that a normalised request can have; else it could never be met.
private func checkPath(_ path: String) throws(ValueError) {
    if path.utf8.count > PathPattern.maximumLength {
        throw ValueError("a path has at most \(PathPattern.maximumLength) bytes")
    }
    if let stray = path.utf8.first(where: { !isPathByte($0) }) {
        switch stray {
        case 0x3F: throw ValueError("a path has no query: leave out what follows the '?'")
        case 0x23: throw ValueError("a path has no fragment: leave out what follows the '#'")
        default:
            throw ValueError(
                "'\(path)' has a character that paths carry percent-encoded",
                hint: "write it as %XX, for example %20 for a space"
            )
        }
    }
    try checkSegments(path)
    var rest = path.utf8[...]
    while let percent = rest.firstIndex(of: 0x25) {
        let digits = rest[percent...].dropFirst().prefix(2)
        guard digits.count == 2, digits.allSatisfy(isHexadecimal) else {
            throw ValueError("'%' in a path is followed by two hexadecimal digits")
        }
        rest = rest[percent...].dropFirst(3)
    }
}

private func checkSegments(_ path: String) throws(ValueError) {
    for segment in path.split(separator: "/") where segment == "." || segment == ".." {
        throw ValueError("'\(segment)' in a path is resolved before routes are chosen")
    }
    if path.contains("//") { throw ValueError("'\(path)' has an empty segment") }
}

/// Source: RFC 3986 §3.3, pchar and the slash.
private func isPathByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x61...0x7A, 0x41...0x5A, 0x30...0x39: true
    default: "/-._~!$&'()*+,;=:@%".utf8.contains(byte)
    }
}

private func isHexadecimal(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
    default: false
    }
}
