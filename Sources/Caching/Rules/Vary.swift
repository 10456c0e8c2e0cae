import Bytes
package import HTTP

/// Which request fields a response was chosen by, and what they said: what a later request must
/// agree with.
///
/// Kept as lines `name:value\n`, names in lower case and values normalised, so that two requests
/// that mean the same are the same.
/// Source: RFC 9111 §4.1.
package enum Vary {
    /// Names that a response may vary by; with more of them it is not worth storing.
    package static let maximumNames = 32

    /// Writes what a request says in the fields that a response names.
    ///
    /// `response`: The response's header section, whose Vary fields have no `*`.
    ///
    /// `extra`: Lower-case names besides, from the configuration.
    ///
    /// `request`: The request's header section.
    ///
    /// `lines`: Gets the lines.
    ///
    /// Returns False when there are too many names.
    package static func write(
        _ response: borrowing FieldSection,
        extra: [[UInt8]],
        request: borrowing FieldSection,
        to lines: inout [UInt8]
    ) -> Bool {
        var names: [[UInt8]] = extra
        var index = response.first(.vary)
        while let number = index {
            let value = response.value(at: number)
            var list = CommaList()
            while let member = list.next(in: value) {
                let name = value.extracting(member).bytes().map(asciiLowercase)
                if !names.contains(name) { names.append(name) }
            }
            index = response.next(.vary, from: number + 1)
        }
        guard names.count <= maximumNames else { return false }
        write(names, request: request, to: &lines)
        return true
    }

    /// Writes what a request says in fields of some lower-case names.
    package static func write(
        _ names: [[UInt8]],
        request: borrowing FieldSection,
        to lines: inout [UInt8]
    ) {
        for name in names {
            lines += name
            lines.append(UInt8(ascii: ":"))
            appendValue(of: name.span, in: request, to: &lines)
            lines.append(UInt8(ascii: "\n"))
        }
    }

    /// The names in lines that `write` wrote.
    package static func names(in lines: Span<UInt8>) -> [[UInt8]] {
        var names: [[UInt8]] = []
        var start = 0
        while start < lines.count {
            let end = lines.firstIndex(of: 0x0A, from: start, to: lines.count)
            let colon = lines.firstIndex(of: 0x3A, from: start, to: end)
            names.append(lines.extracting(start..<colon).bytes())
            start = end + 1
        }
        return names
    }

    /// Whether a request agrees with what was written for another one.
    ///
    /// `lines`: What `write` wrote.
    ///
    /// `language`: The Content-Language of the stored response, or empty.
    ///
    /// `request`: The request's header section.
    ///
    /// `scratch`: Memory to work in.
    package static func matches(
        _ lines: Span<UInt8>,
        language: Span<UInt8>,
        request: borrowing FieldSection,
        scratch: inout [UInt8]
    ) -> Bool {
        var start = 0
        while start < lines.count {
            let end = lines.firstIndex(of: 0x0A, from: start, to: lines.count)
            let colon = lines.firstIndex(of: 0x3A, from: start, to: end)
            let name = lines.extracting(start..<colon)
            let value = lines.extracting(min(colon + 1, end)..<end)
            scratch.removeAll(keepingCapacity: true)
            appendValue(of: name, in: request, to: &scratch)
            if !scratch.span.equals(value) {
                guard name.equals("accept-language"), language.count > 0,
                    PreferredLanguage.of(request, is: language)
                else { return false }
            }
            start = end + 1
        }
        return true
    }

    /// The value that all lines of a field make together, normalised.
    ///
    /// A field that is not there is told apart from an empty one.
    private static func appendValue(
        of name: Span<UInt8>,
        in request: borrowing FieldSection,
        to out: inout [UInt8]
    ) {
        let known = FieldName.match(name)
        let isNegotiation =
            known == .accept || known == .acceptLanguage || known == .acceptEncoding
            || known == .acceptCharset
        var isFirst = true
        var members: [[UInt8]] = []
        for index in request.indices {
            guard request.isPresent(at: index), request.known(at: index) == known,
                known != .other || request.name(at: index).equalsIgnoringCase(name)
            else { continue }
            if isFirst { out.append(UInt8(ascii: "=")) }
            let value = request.value(at: index)
            var list = CommaList()
            while let member = list.next(in: value) {
                if isNegotiation {
                    members.append(compact(value.extracting(member)))
                } else {
                    if !isFirst { out.append(UInt8(ascii: ",")) }
                    append(value.extracting(member), to: &out)
                }
                isFirst = false
            }
            isFirst = false
        }
        guard !members.isEmpty else { return }
        // Source: RFC 9110 §12.4.2, the order of members means nothing, and all of it is
        // case-insensitive.
        members.sort { $0.lexicographicallyPrecedes($1) }
        for (number, member) in members.enumerated() {
            if number > 0 { out.append(UInt8(ascii: ",")) }
            out += member
        }
    }

    private static func append(_ bytes: Span<UInt8>, to out: inout [UInt8]) {
        for index in bytes.indices { out.append(bytes[index]) }
    }

    private static func compact(_ member: Span<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        for index in member.indices where !Characters.isBlank(member[index]) {
            result.append(asciiLowercase(member[index]))
        }
        return result
    }
}

/// The one language that a request wants most.
enum PreferredLanguage {
    /// Whether that is a certain language: what is stored in it answers the request whatever else
    /// the client would take.
    ///
    /// Source: RFC 9110 §12.5.4.
    static func of(_ request: borrowing FieldSection, is language: Span<UInt8>) -> Bool {
        var best = 0
        var isUnique = false
        var isMatch = false
        var index = request.first(.acceptLanguage)
        while let number = index {
            let value = request.value(at: number)
            var list = CommaList()
            while let place = list.next(in: value) {
                let member = value.extracting(place)
                var end = member.firstIndex(of: 0x3B) ?? member.count
                let weight = QualityValue.read(inParameters: member.extracting(end...)) ?? 0
                while end > 0, Characters.isBlank(member[end - 1]) { end -= 1 }
                if weight > best {
                    best = weight
                    isUnique = true
                    isMatch = member.extracting(first: end).equalsIgnoringCase(language)
                } else if weight == best {
                    isUnique = false
                }
            }
            index = request.next(.acceptLanguage, from: number + 1)
        }
        return isUnique && isMatch
    }
}
