import HTTP

/// Reads the line before the data of a chunk: its size and its extensions, which are checked and
/// thrown away.
///
///     chunk-size [ *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ) ] CRLF
///
/// Source: RFC 9112 §7.1 and §7.1.1.
struct ChunkHeader: Sendable {
    /// Digits of a size.
    ///
    /// 16 hold every Int, and more can only mean to confuse somebody.
    static let maximumDigits = 16

    enum Outcome {
        case needMore
        case complete(size: Int)
        case invalid(RejectReason)
    }

    private enum State {
        case size
        /// Whitespace after a size or a value: only `;` may follow.
        case gap
        case nameStart
        case name
        /// Whitespace after a name: `;` or `=` may follow.
        case nameGap
        case valueStart
        case token
        case quoted
        case quotedPair
        case quotedEnd
        case lineFeed
    }

    private var state = State.size
    private var size = 0
    private var digits = 0
    /// Bytes between the size and the CR.
    private(set) var extensionBytes = 0

    /// Reads on, and stops behind the line feed.
    mutating func read(
        _ input: Span<UInt8>,
        at position: inout Int,
        limits: MessageLimits
    ) -> Outcome {
        while position < input.count {
            let byte = input[position]
            if case .size = state {
                if let digit = Characters.hexadecimalValue(byte) {
                    digits += 1
                    guard digits <= Self.maximumDigits, size <= Int.max >> 4 else {
                        return .invalid(.chunkSizeTooLarge)
                    }
                    size = size << 4 | Int(digit)
                    position += 1
                    continue
                }
                guard digits > 0 else { return .invalid(reason(byte, .invalidChunkSize)) }
            } else if case .lineFeed = state {
                guard byte == 0x0A else { return .invalid(.bareCR) }
                position += 1
                return .complete(size: size)
            }
            position += 1
            if byte == 0x0D, mayEnd {
                state = .lineFeed
                continue
            }
            guard let following = follow(byte) else {
                return .invalid(
                    reason(byte, inSize ? .invalidChunkSize : .invalidChunkExtension)
                )
            }
            state = following
            extensionBytes += 1
            guard extensionBytes <= limits.chunkExtensionSize else {
                return .invalid(.chunkExtensionTooLarge)
            }
        }
        return .needMore
    }

    private var inSize: Bool { if case .size = state { true } else { false } }

    /// Whether the line may end here.
    private var mayEnd: Bool {
        switch state {
        case .size, .name, .token, .quotedEnd: true
        case .gap, .nameStart, .nameGap, .valueStart, .quoted, .quotedPair, .lineFeed: false
        }
    }

    /// The state after one more byte, or nil if it must not stand here.
    private func follow(_ byte: UInt8) -> State? {
        let blank = Characters.isBlank(byte)
        switch state {
        case .size, .gap, .quotedEnd:
            return byte == 0x3B ? .nameStart : blank ? .gap : nil
        case .nameStart:
            return blank ? .nameStart : Characters.isToken(byte) ? .name : nil
        case .name, .nameGap:
            if byte == 0x3B { return .nameStart }
            if byte == 0x3D { return .valueStart }
            if blank { return .nameGap }
            if case .name = state, Characters.isToken(byte) { return .name }
            return nil
        case .valueStart:
            if blank { return .valueStart }
            return byte == 0x22 ? .quoted : Characters.isToken(byte) ? .token : nil
        case .token:
            if byte == 0x3B { return .nameStart }
            return blank ? .gap : Characters.isToken(byte) ? .token : nil
        case .quoted:
            if byte == 0x22 { return .quotedEnd }
            if byte == 0x5C { return .quotedPair }
            return Characters.isQuotedText(byte) ? .quoted : nil
        case .quotedPair:
            return isControl(byte) ? nil : .quoted
        case .lineFeed:
            return nil
        }
    }

    private func reason(_ byte: UInt8, _ other: RejectReason) -> RejectReason {
        switch byte {
        case 0x0A: .bareLF
        case 0x00: .nul
        default: other
        }
    }
}
