import Bytes
import HTTP
import HTTP1

/// Bytes as text, one byte a character: what a test writes is what goes over the wire.
func latin1(_ text: String) -> [UInt8] {
    text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
}

/// Text of bytes, one character a byte.
func latin1(_ bytes: [UInt8]) -> String {
    String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
}

/// Parses a request that is there as a whole.
func parseRequest(
    _ text: String,
    limits: MessageLimits = MessageLimits()
) -> (HeadResult, RequestHead) {
    var head = RequestHead()
    var parser = RequestParser()
    let result = parser.parse(latin1(text).span, limits: limits, into: &head)
    return (result, head)
}

/// Parses a response that is there as a whole.
func parseResponse(
    _ text: String,
    limits: MessageLimits = MessageLimits()
) -> (HeadResult, ResponseHead) {
    var head = ResponseHead()
    var parser = ResponseParser()
    let result = parser.parse(latin1(text).span, limits: limits, into: &head)
    return (result, head)
}

/// The fields of a section, one a line, those marked hop-by-hop with a star.
func describe(_ section: FieldSection) -> [String] {
    section.indices.filter { section.isPresent(at: $0) }.map { index in
        let name = section.name(at: index).string()
        let value = latin1(section.value(at: index).bytes())
        return "\(section.isHopByHop(at: index) ? "*" : "")\(name): \(value)"
    }
}
