public import HTTP

/// Reads the head of a response: status line, fields, and what they mean together.
///
/// As strict as the reading of requests: what cannot be read in one way only is refused, and the
/// gateway answers 502.
/// Source: RFC 9112 §4 to §6.
public struct ResponseParser: Sendable {
    private var progress = HeadProgress()

    /// A parser that expects the first byte of a response.
    public init() {}

    /// Forgets a head that has been begun.
    public mutating func reset() { progress = HeadProgress() }

    /// Reads a head, or as much of it as is there.
    ///
    /// The head copies what it needs: the input may be reused at once. After `complete` and
    /// `invalid` the parser expects another response.
    ///
    /// - Parameters:
    ///   - input: All bytes from the first of the response on, at each call, until it is complete.
    ///   - limits: The same at each call.
    ///   - head: Emptied at the first call; to be read only after `complete`.
    /// - Returns: How many bytes the head took, or that more are needed, or why it is refused.
    public mutating func parse(
        _ input: Span<UInt8>,
        limits: MessageLimits,
        into head: inout ResponseHead
    ) -> HeadResult {
        if progress.stage == .start, progress.scanned == 0 { head.removeAll() }
        guard input.count > 0 else { return .incomplete }
        let limit = min(limits.headSize, MessageLimits.maximumHeadSize)
        let end = min(input.count, limit)
        do throws(Interruption) {
            // As in requests: the same reason however the bytes arrived.
            guard end == limit || progress.mayDecide(input, to: end) else { return .incomplete }
            do throws(Interruption) {
                if progress.stage == .start {
                    let next = try StatusLine.read(input, to: end, into: &head)
                    progress.stage = .fields
                    progress.lineStart = next
                    progress.scanned = next
                }
                try progress.readFields(
                    input,
                    to: end,
                    limit: limits.fieldCount,
                    into: &head.fields
                )
            } catch .incomplete {
                guard end < limit else { throw .invalid(.headTooLarge) }
                progress.interrupted(input, at: end)
                throw .incomplete
            }
            let byteCount = progress.lineStart
            head.fields.storeHead(input.extracting(first: byteCount))
            try establish(&head, limits: limits)
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

    /// Fills in everything of a head that depends on its fields.
    private func establish(
        _ head: inout ResponseHead,
        limits: MessageLimits
    ) throws(Interruption) {
        var options: ConnectionOptions?
        if head.fields.contains(.connection) {
            options = try ConnectionOptions(
                &head.fields,
                limit: limits.connectionOptionCount
            )
        }
        head.keepAlive = options?.persistent(head.version) ?? (head.version == .http11)
        head.upgradeOffered = options?.upgrade == true && head.fields.contains(.upgrade)
        let framing = try FramingFields.read(
            head.fields,
            version: head.version,
            isResponse: true
        )
        head.declaredFraming = framing ?? .untilClose
    }
}
