import Bytes
import HTTP

/// Reads a request line.
///
/// Source: RFC 9112 §3.
enum RequestLine {
    private static let http11: UInt64 = 0x312E_312F_5054_5448
    private static let http10: UInt64 = 0x302E_312F_5054_5448

    /// Methods of RTSP that HTTP does not have.
    ///
    /// Who sends one speaks RTSP to the wrong port, or
    /// wants two recipients to disagree about what it speaks.
    ///
    /// Source: RFC 2326 §10, RFC 7826 §13.
    private static let foreignMethods: [StaticString] = [
        "ANNOUNCE", "DESCRIBE", "FLUSH", "GET_PARAMETER", "PAUSE", "PLAY", "PLAY_NOTIFY", "RECORD",
        "REDIRECT", "SETUP", "SET_PARAMETER", "TEARDOWN",
    ]

    /// Reads the line and records method, target and version in the head.
    ///
    /// - Returns: Where the first field line starts.
    static func read(
        _ input: Span<UInt8>,
        from start: Int,
        to end: Int,
        limits: MessageLimits,
        into head: inout RequestHead
    ) throws(Interruption) -> Int {
        let methodEnd = try readMethod(input, from: start, to: end, limits: limits, into: &head)
        let targetStart = methodEnd &+ 1
        let targetEnd = try endOfTarget(input, from: targetStart, to: end, limits: limits)
        head.methodRange = ByteRange(0, methodEnd &- start)
        head.targetRange = ByteRange(targetStart &- start, targetEnd &- start)
        head.version = try readVersion(input, from: targetEnd &+ 1, to: end)
        let lineEnd = targetEnd &+ 9
        if lineEnd < end, !isControl(input[lineEnd]) { throw .invalid(.invalidVersion) }
        let next = try FieldLines.lineEnd(input, at: lineEnd, to: end)
        try RequestTarget.read(
            input.extracting(targetStart..<targetEnd),
            at: targetStart &- start,
            into: &head
        )
        return next
    }

    private static func readMethod(
        _ input: Span<UInt8>,
        from start: Int,
        to end: Int,
        limits: MessageLimits,
        into head: inout RequestHead
    ) throws(Interruption) -> Int {
        var position = start
        while position < end, Characters.isToken(input[position]) {
            position &+= 1
            guard position &- start <= limits.methodSize else { throw .invalid(.methodTooLong) }
        }
        guard position < end else { throw .incomplete }
        guard input[position] == 0x20 else {
            let byte = input[position]
            if byte == 0x0D, position + 1 == end { throw .incomplete }
            throw .invalid(
                byte == 0x0A || byte == 0x0D && input[position + 1] != 0x0A
                    ? FieldLines.reason(forControl: byte) : .invalidMethod
            )
        }
        guard position > start else { throw .invalid(.emptyMethod) }
        let method = input.extracting(start..<position)
        head.method = Method.match(method)
        if head.method == .other {
            try checkUnknown(method)
        } else if head.method == .connect {
            throw .invalid(.connectMethod)
        }
        return position
    }

    /// Refuses unknown methods that cannot be meant as such.
    private static func checkUnknown(_ method: Span<UInt8>) throws(Interruption) {
        if method.equals("PRI") { throw .invalid(.http2Preface) }
        for known in Method.allCases where known != .other {
            // Methods are case-sensitive, so `get` is not GET; an app that takes it for GET would
            // get past every rule for GET.
            if method.spells(known.name) { throw .invalid(.invalidMethod) }
        }
        for foreign in foreignMethods where method.equals(foreign) {
            throw .invalid(.foreignMethod)
        }
    }

    /// Where the target ends: at the one space behind it.
    private static func endOfTarget(
        _ input: Span<UInt8>,
        from start: Int,
        to end: Int,
        limits: MessageLimits
    ) throws(Interruption) -> Int {
        let limit = min(end, start &+ max(0, limits.targetSize) &+ 1)
        let stop = input.firstNonVisible(from: start, to: limit)
        guard stop &- start <= limits.targetSize else { throw .invalid(.targetTooLong) }
        guard stop < end else { throw .incomplete }
        guard input[stop] == 0x20, stop > start else {
            let byte = input[stop]
            if byte == 0x0D, stop + 1 == end { throw .incomplete }
            if byte == 0x0D, input[stop + 1] == 0x0A { throw .invalid(.invalidVersion) }
            throw .invalid(
                isControl(byte) ? FieldLines.reason(forControl: byte) : .invalidTarget
            )
        }
        return stop
    }

    /// Reads `HTTP/1.1` or `HTTP/1.0`.
    static func readVersion(
        _ input: Span<UInt8>,
        from start: Int,
        to end: Int
    ) throws(Interruption) -> Version {
        if start &+ 8 <= end {
            let word = input.word(at: start)
            if word == http11 { return .http11 }
            if word == http10 { return .http10 }
        }
        throw badVersion(input, from: start, to: end)
    }

    /// Says what is wrong with a version, byte by byte, so that it is the same however it arrives.
    @inline(never)
    private static func badVersion(
        _ input: Span<UInt8>,
        from start: Int,
        to end: Int
    ) -> Interruption {
        let pattern: StaticString = "HTTP/0.0"
        return pattern.withUTF8Buffer { expected in
            for offset in 0..<8 {
                guard start + offset < end else { return .incomplete }
                let byte = input[start + offset]
                // In bounds: the pattern has eight bytes.
                let wanted = unsafe expected[offset]
                if wanted == 0x30 ? byte &- 0x30 >= 10 : byte != wanted {
                    if byte == 0x0D, start + offset + 1 == end { return .incomplete }
                    let bareCR = byte == 0x0D && input[start + offset + 1] != 0x0A
                    if byte == 0x0A || byte == 0x00 || bareCR {
                        return .invalid(FieldLines.reason(forControl: byte))
                    }
                    return .invalid(.invalidVersion)
                }
            }
            return .invalid(.unsupportedVersion)
        }
    }
}
