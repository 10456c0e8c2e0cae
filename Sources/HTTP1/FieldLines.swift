import HTTP

/// What a line of a header or trailer section is, and where the next line starts.
enum FieldLine {
    /// A field; the ranges count from `origin`.
    case field(FieldName, name: ByteRange, value: ByteRange, next: Int)
    /// The empty line that ends the section.
    case end(next: Int)
}

/// Reads the lines of a header or trailer section.
///
/// Source: RFC 9112 §5.
enum FieldLines {
    /// Reads one field line, or the empty line that ends the section.
    ///
    /// The line starts at `start`; nothing at or behind `end` is looked at; ranges count from
    /// `origin`.
    @inline(__always)
    static func read(
        _ input: Span<UInt8>,
        from start: Int,
        to end: Int,
        origin: Int
    ) throws(Interruption) -> FieldLine {
        guard start < end else { throw .incomplete }
        if input[start] == 0x0D {
            return .end(next: try lineEnd(input, at: start, to: end))
        }
        let colon = input.firstIndex(of: 0x3A, from: start, to: end)
        let name = input.extracting(start..<colon)
        let known = colon < end ? FieldName.match(name) : .other
        if known == .other {
            let bad = Characters.firstNonToken(name)
            if bad < name.count || colon == start {
                throw reject(name: name, at: bad, whole: colon < end)
            }
            guard colon < end else { throw .incomplete }
        }
        var valueStart = colon &+ 1
        while valueStart < end, Characters.isBlank(input[valueStart]) { valueStart &+= 1 }
        let stop = input.firstControl(from: valueStart, to: end)
        let next = try lineEnd(input, at: stop, to: end)
        var valueEnd = stop
        while valueEnd > valueStart, Characters.isBlank(input[valueEnd &- 1]) { valueEnd &-= 1 }
        return .field(
            known,
            name: ByteRange(start &- origin, colon &- origin),
            value: ByteRange(valueStart &- origin, valueEnd &- origin),
            next: next
        )
    }

    /// Checks that a line ends with CR LF, and says where the next one starts.
    ///
    /// At `position` stands the first byte that cannot be part of the line.
    @inline(__always)
    static func lineEnd(
        _ input: Span<UInt8>,
        at position: Int,
        to end: Int
    ) throws(Interruption) -> Int {
        guard position &+ 1 < end, input[position] == 0x0D, input[position &+ 1] == 0x0A else {
            throw badLineEnd(input, at: position, to: end)
        }
        return position &+ 2
    }

    @inline(never)
    private static func badLineEnd(
        _ input: Span<UInt8>,
        at position: Int,
        to end: Int
    ) -> Interruption {
        guard position < end else { return .incomplete }
        if input[position] == 0x0D, position + 1 >= end { return .incomplete }
        return .invalid(reason(forControl: input[position]))
    }

    /// Why a control character is refused where it stands.
    static func reason(forControl byte: UInt8) -> RejectReason {
        switch byte {
        case 0x0D: .bareCR
        case 0x0A: .bareLF
        case 0x00: .nul
        default: .controlCharacter
        }
    }

    /// Says what is wrong with a field name.
    ///
    /// `index` is where the first byte stands that is no token character, or the count; `whole`
    /// says whether a colon has been seen behind the name.
    @inline(never)
    private static func reject(name: Span<UInt8>, at index: Int, whole: Bool) -> Interruption {
        guard index < name.count else { return .invalid(.emptyFieldName) }
        switch name[index] {
        case 0x20, 0x09:
            return .invalid(index == 0 ? .obsoleteFolding : .whitespaceBeforeColon)
        case 0x0D:
            guard index + 1 < name.count else {
                // With a colon, it is what stands right behind the CR.
                return whole ? .invalid(.bareCR) : .incomplete
            }
            return .invalid(name[index + 1] == 0x0A ? .missingColon : .bareCR)
        case let byte where isControl(byte):
            return .invalid(reason(forControl: byte))
        default:
            return .invalid(.invalidFieldName)
        }
    }
}
