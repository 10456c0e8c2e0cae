public import HTTP

/// Reads the head of a request: request line, fields, and what they mean together.
///
/// Strict: whatever two recipients could read differently is refused, and nothing is repaired.
/// Source: RFC 9112 §2 to §6, RFC 9110 §7.
public struct RequestParser: Sendable {
    /// Empty lines that are passed over before a request line, as some old clients send one
    /// behind the content of a POST.
    ///
    /// Source: RFC 9112 §2.2.
    public static let leadingEmptyLines = 1

    private var progress = HeadProgress()

    /// A parser that expects the first byte of a request.
    public init() {}

    /// Forgets a head that has been begun.
    public mutating func reset() { progress = HeadProgress() }

    /// Reads a head, or as much of it as is there.
    ///
    /// The head copies what it needs: the input may be reused at once. After `complete` and
    /// `invalid` the parser expects another request.
    ///
    /// - Parameters:
    ///   - input: All bytes from the first of the request on, at each call, until it is complete.
    ///   - limits: The same at each call.
    ///   - head: Emptied at the first call; to be read only after `complete`.
    /// - Returns: How many bytes the head took, or that more are needed, or why it is refused.
    public mutating func parse(
        _ input: Span<UInt8>,
        limits: MessageLimits,
        into head: inout RequestHead
    ) -> HeadResult {
        if progress.stage == .start, progress.scanned == 0 { head.removeAll() }
        let headSize = min(limits.headSize, MessageLimits.maximumHeadSize)
        do throws(Interruption) {
            try skipEmptyLines(input)
            let limit = progress.leading &+ headSize
            let end = min(input.count, limit)
            // At the limit the last line is looked at in any case, so that the reason is the same
            // however the bytes arrived.
            guard end == limit || progress.mayDecide(input, to: end) else { return .incomplete }
            do throws(Interruption) {
                try readLines(input, to: end, limits: limits, into: &head)
            } catch .incomplete {
                guard end < limit else { throw .invalid(.headTooLarge) }
                progress.interrupted(input, at: end)
                throw .incomplete
            }
            let first = progress.leading
            let byteCount = progress.lineStart
            head.fields.storeHead(input.extracting(first..<byteCount))
            try RequestMeaning.establish(&head, limits: limits)
            return finish(.complete(byteCount: byteCount))
        } catch {
            switch error {
            case .incomplete: return .incomplete
            case .invalid(let reason): return finish(.invalid(reason))
            }
        }
    }

    private mutating func finish(_ result: HeadResult) -> HeadResult {
        progress = HeadProgress()
        return result
    }

    private mutating func skipEmptyLines(_ input: Span<UInt8>) throws(Interruption) {
        guard progress.stage == .start, progress.scanned == 0 else { return }
        var start = 0
        for _ in 0..<Self.leadingEmptyLines where start < input.count && input[start] == 0x0D {
            guard start + 1 < input.count else { throw .incomplete }
            guard input[start + 1] == 0x0A else { throw .invalid(.bareCR) }
            start += 2
        }
        guard start < input.count else { throw .incomplete }
        progress.leading = start
        progress.lineStart = start
    }

    /// Reads on from the line that comes next to the end of the head.
    private mutating func readLines(
        _ input: Span<UInt8>,
        to end: Int,
        limits: MessageLimits,
        into head: inout RequestHead
    ) throws(Interruption) {
        if progress.stage == .start {
            let position = try RequestLine.read(
                input,
                from: progress.lineStart,
                to: end,
                limits: limits,
                into: &head
            )
            progress.stage = .fields
            progress.lineStart = position
            progress.scanned = position
        }
        try progress.readFields(input, to: end, limit: limits.fieldCount, into: &head.fields)
    }
}
