import Bytes
import HTTP

/// Takes a request target apart.
///
/// Source: RFC 9112 §3.2.
enum RequestTarget {
    /// Records form, path, query and authority of a target.
    ///
    /// Choice: all visible ASCII may stand in a path or query, as clients send `|`, `^` and others
    /// unencoded, except `#` in a path: whether a recipient cuts the path there or not decides
    /// which resource is meant. In a query it is passed on, for it changes neither framing nor
    /// routing.
    ///
    /// `target` is visible ASCII, at least one byte, and stands at `offset` in the head.
    static func read(
        _ target: Span<UInt8>,
        at offset: Int,
        into head: inout RequestHead
    ) throws(Interruption) {
        if target[0] == 0x2F {
            head.targetForm = .origin
            return try readPath(target, from: 0, at: offset, into: &head)
        }
        if target.count == 1, target[0] == 0x2A {
            guard head.method == .options else { throw .invalid(.invalidTarget) }
            head.targetForm = .asterisk
            head.pathRange = head.targetRange
            return
        }
        let authorityStart: Int
        if target.count > 7, target.extracting(first: 7).equalsIgnoringCase("http://") {
            authorityStart = 7
        } else if target.count > 8, target.extracting(first: 8).equalsIgnoringCase("https://") {
            authorityStart = 8
        } else {
            throw .invalid(.invalidTarget)
        }
        head.targetForm = .absolute
        var end = authorityStart
        while end < target.count, target[end] != 0x2F, target[end] != 0x3F, target[end] != 0x23 {
            end += 1
        }
        guard let authority = Authority(target.extracting(authorityStart..<end)) else {
            throw .invalid(.invalidTarget)
        }
        head.authorityRange = ByteRange(offset + authorityStart, offset + end)
        head.hostRange = ByteRange(
            offset + authorityStart,
            offset + authorityStart + authority.hostCount
        )
        head.port = authority.port
        try readPath(target, from: end, at: offset, into: &head)
    }

    private static func readPath(
        _ target: Span<UInt8>,
        from start: Int,
        at offset: Int,
        into head: inout RequestHead
    ) throws(Interruption) {
        let mark = target.firstIndex(of: 0x3F, from: start, to: target.count)
        let fragment = target.firstIndex(of: 0x23, from: start, to: mark)
        guard fragment == mark else { throw .invalid(.invalidTarget) }
        head.pathRange = ByteRange(offset &+ start, offset &+ mark)
        if mark < target.count {
            head.hasQuery = true
            head.queryRange = ByteRange(offset &+ mark &+ 1, offset &+ target.count)
        }
    }
}
