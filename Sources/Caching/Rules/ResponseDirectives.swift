import Bytes
package import HTTP

/// The cache directives of a response: of its targeted field if it has one, else of Cache-Control.
///
/// Times are seconds, kept within `DeltaSeconds.maximum`. A directive that stands twice counts as
/// it stands first, and one whose number cannot be read makes the response stale at once.
/// Source: RFC 9111 §5.2.2, RFC 9213.
package struct ResponseDirectives: Sendable, Equatable {
    package var maxAge: Int64?
    package var sharedMaxAge: Int64?
    package var staleWhileRevalidate: Int64?
    package var staleIfError: Int64?
    package var noStore = false
    package var noCache = false
    package var isPrivate = false
    package var isPublic = false
    package var mustRevalidate = false
    package var proxyRevalidate = false
    package var mustUnderstand = false
    package var immutable = false
    package var noTransform = false
    /// Lower-case names of the fields that `no-cache` and `private` name: not to be stored.
    package var unstoredFields: [[UInt8]] = []
    /// Whether a targeted field decides, so that Expires counts for nothing.
    package var isTargeted = false

    package init() {}

    /// Reads the directives that count for this cache.
    ///
    /// `fields`: A response's header section.
    package init(_ fields: borrowing FieldSection) {
        if let targeted = TargetedField.directives(of: fields) {
            self = targeted
            return
        }
        var index = fields.first(.cacheControl)
        while let number = index {
            read(fields.value(at: number))
            index = fields.next(.cacheControl, from: number + 1)
        }
    }

    private mutating func read(_ value: Span<UInt8>) {
        var list = CommaList()
        while let place = list.next(in: value) {
            let member = value.extracting(place)
            let equals = member.firstIndex(of: UInt8(ascii: "=")) ?? member.count
            let name = member.extracting(first: equals)
            let hasArgument = equals < member.count
            let argument = member.extracting(droppingFirst: min(member.count, equals + 1))
            if DirectiveArgument.isOpen(argument) {
                readForbidding(in: argument)
            }
            set(name, hasArgument ? DirectiveArgument.unquoted(argument) : nil)
        }
    }

    /// Looks into a quoted string that never ends: what forbids counts there as well, as nobody
    /// knows where the string was meant to end.
    private mutating func readForbidding(in text: Span<UInt8>) {
        // Behind the quotation mark.
        var start = 1
        while start < text.count {
            let end = text.firstIndex(of: UInt8(ascii: ","), from: start, to: text.count)
            let equals = text.firstIndex(of: UInt8(ascii: "="), from: start, to: end)
            let name = trimmed(text.extracting(start..<equals))
            if name.equalsIgnoringCase("no-store") { noStore = true }
            if name.equalsIgnoringCase("private") { isPrivate = true }
            if name.equalsIgnoringCase("no-cache") { noCache = true }
            start = end + 1
        }
    }

    /// Takes in one directive; a name of another spelling than the registered ones has no meaning.
    private mutating func set(_ name: Span<UInt8>, _ argument: [UInt8]?) {
        if name.equalsIgnoringCase("max-age") {
            maxAge = maxAge ?? DeltaSeconds.read(argument)
        } else if name.equalsIgnoringCase("s-maxage") {
            sharedMaxAge = sharedMaxAge ?? DeltaSeconds.read(argument)
        } else if name.equalsIgnoringCase("stale-while-revalidate") {
            staleWhileRevalidate = staleWhileRevalidate ?? DeltaSeconds.read(argument)
        } else if name.equalsIgnoringCase("stale-if-error") {
            staleIfError = staleIfError ?? DeltaSeconds.read(argument)
        } else if name.equalsIgnoringCase("no-cache") {
            if !names(argument) { noCache = true }
        } else if name.equalsIgnoringCase("private") {
            if !names(argument) { isPrivate = true }
        } else {
            setFlag(name)
        }
    }

    /// The directives that are there or not.
    mutating func setFlag(_ name: Span<UInt8>) {
        if name.equalsIgnoringCase("no-store") { noStore = true }
        if name.equalsIgnoringCase("public") { isPublic = true }
        if name.equalsIgnoringCase("must-revalidate") { mustRevalidate = true }
        if name.equalsIgnoringCase("proxy-revalidate") { proxyRevalidate = true }
        if name.equalsIgnoringCase("must-understand") { mustUnderstand = true }
        if name.equalsIgnoringCase("immutable") { immutable = true }
        if name.equalsIgnoringCase("no-transform") { noTransform = true }
    }

    /// Notes the field names of a qualified `no-cache` or `private`.
    ///
    /// Source: RFC 9111 §5.2.2.4 and §5.2.2.7.
    ///
    /// Returns Whether there are any: if not, the directive concerns the whole response.
    mutating func names(_ argument: [UInt8]?) -> Bool {
        guard let argument else { return false }
        let value = argument.span
        var list = CommaList()
        var found = false
        while let place = list.next(in: value) {
            let name = value.extracting(place)
            // What is no name could hide one: then nothing of the response is reused.
            guard Characters.isToken(name) else { return false }
            unstoredFields.append(name.bytes().map(asciiLowercase))
            found = true
        }
        return found
    }
}

/// Numbers of seconds in directives and in Age.
package enum DeltaSeconds {
    /// What a larger number is taken as.
    ///
    /// Source: RFC 9111 §1.2.2.
    package static let maximum: Int64 = 1 << 31

    /// The number; 0, which is stale, for what is none.
    ///
    /// Source: RFC 9111 §4.2.1, invalid freshness information makes a response stale.
    static func read(_ argument: [UInt8]?) -> Int64 { argument.flatMap { parse($0.span) } ?? 0 }

    /// The number that digits alone make, or nil.
    package static func parse(_ digits: Span<UInt8>) -> Int64? {
        guard digits.count > 0 else { return nil }
        var value: Int64 = 0
        for index in digits.indices {
            let digit = digits[index] &- 0x30
            guard digit < 10 else { return nil }
            value = min(maximum, value &* 10 &+ Int64(digit))
        }
        return value
    }
}

/// The text of a directive's argument.
enum DirectiveArgument {
    /// Whether it is a quoted string without an end.
    static func isOpen(_ argument: Span<UInt8>) -> Bool {
        guard argument.count > 0, argument[0] == 0x22 else { return false }
        var index = 1
        while index < argument.count {
            if argument[index] == 0x22 { return false }
            index += argument[index] == 0x5C ? 2 : 1
        }
        return true
    }

    /// A token as it is, a quoted string without quotes and escapes.
    ///
    /// Source: RFC 9111 §5.2, both forms are to be accepted for every directive.
    static func unquoted(_ argument: Span<UInt8>) -> [UInt8] {
        let count = argument.count
        guard count >= 2, argument[0] == 0x22, argument[count - 1] == 0x22 else {
            return argument.bytes()
        }
        var result: [UInt8] = []
        var index = 1
        while index < count - 1 {
            if argument[index] == 0x5C, index + 1 < count - 1 { index += 1 }
            result.append(argument[index])
            index += 1
        }
        return result
    }
}
