import Bytes
import HTTP
import HTTP1

@testable import Caching

/// The head of a response: a status line, then fields; lines end with `\n`.
func response(_ text: String) -> ResponseHead {
    var head = ResponseHead()
    var parser = ResponseParser()
    let bytes = Array((text.replacing("\n", with: "\r\n") + "\r\n\r\n").utf8)
    _ = parser.parse(bytes.span, limits: MessageLimits(), into: &head)
    return head
}

/// A section of request fields.
func fields(_ lines: (String, String)...) -> FieldSection {
    var section = FieldSection()
    for (name, value) in lines {
        section.append(name: Array(name.utf8).span, value: Array(value.utf8).span)
    }
    return section
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Sat, 20 Feb 2027 12:00:00 GMT.
let now: Int64 = 1_803_124_800

/// An object to be stored.
func object(
    _ key: String,
    hash: UInt64,
    size: Int = 100,
    vary: String = "",
    lifetime: Int64 = 60,
    head: String = "HTTP/1.1 200 OK\r\n"
) -> CachedResponse {
    var time = Lifetime()
    time.seconds = lifetime
    let draft = ResponseDraft(
        hash: hash,
        key: bytes(key),
        vary: bytes(vary),
        head: bytes(head),
        status: 200,
        timing: Timing(received: now * 1000, initialAge: 0, lifetime: time),
        part: nil,
        fetchTime: 1,
        traits: [],
        modified: now
    )
    var content: [[UInt8]] = []
    var left = size
    while left > 0 {
        let count = min(left, CachedResponse.chunkSize)
        content.append([UInt8](repeating: 0x61, count: count))
        left -= count
    }
    return CachedResponse(draft, content: content, contentCount: size)
}

/// A seeded generator, so that a failure can be played again.
struct Chance: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension CachedResponse {
    /// All of its content.
    var content: [UInt8] {
        let buffer = Buffer()
        _ = append(from: 0, atMost: contentCount, to: buffer)
        return buffer.readable.bytes()
    }
}
