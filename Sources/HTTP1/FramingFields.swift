import Bytes
import HTTP

/// What Content-Length and Transfer-Encoding of a message say together.
///
/// Source: RFC 9112 §6.1 to §6.3. Choice: whatever two recipients could read differently is
/// refused, also where the RFC lets it be repaired: both fields at once, several lengths even if
/// equal, Transfer-Encoding in HTTP/1.0.
enum FramingFields {
    /// Reads both fields.
    ///
    /// - Returns: `length` or `chunked`, or nil if there is neither field.
    static func read(
        _ section: FieldSection,
        version: Version,
        isResponse: Bool = false
    ) throws(Interruption) -> BodyFraming? {
        if section.contains(.transferEncoding) {
            // Source: RFC 9112 §6.3, without a final `chunked` the connection's end ends the
            // content. A server that was asked for no coding has applied none.
            if isResponse, hasOnlyUnknownCoding(section) { return .untilClose }
            guard version == .http11 else { throw .invalid(.transferEncodingInHTTP10) }
            guard !section.contains(.contentLength) else {
                throw .invalid(.contentLengthWithTransferEncoding)
            }
            try checkTransferEncoding(section)
            return .chunked
        }
        guard let index = section.first(.contentLength) else { return nil }
        guard !section.isRepeated(.contentLength) else {
            throw .invalid(.repeatedContentLength)
        }
        guard let length = decimal(section.value(at: index)) else {
            throw .invalid(.invalidContentLength)
        }
        return .length(length)
    }

    /// Makes sure that all Transfer-Encoding fields together say `chunked`, once, and nothing else.
    private static func checkTransferEncoding(
        _ section: FieldSection
    ) throws(Interruption) {
        var chunked = false
        var registered = false
        var unknown = false
        var field = section.first(.transferEncoding)
        while let index = field {
            let value = section.value(at: index)
            var list = CommaList()
            while let member = list.next(in: value) {
                let coding = value.extracting(member)
                guard !chunked, Characters.isToken(coding) else {
                    throw .invalid(.invalidTransferEncoding)
                }
                if coding.equalsIgnoringCase("chunked") {
                    chunked = true
                } else if isRegistered(coding) {
                    registered = true
                } else {
                    unknown = true
                }
            }
            field = section.next(.transferEncoding, from: index + 1)
        }
        // Legal with a final `chunked`, but no client sends compressed transfer codings.
        if unknown || (registered && chunked) { throw .invalid(.unknownTransferCoding) }
        guard chunked else { throw .invalid(.invalidTransferEncoding) }
    }

    /// Whether all there is is one coding that nobody knows.
    private static func hasOnlyUnknownCoding(_ section: FieldSection) -> Bool {
        guard let index = section.first(.transferEncoding),
            section.next(.transferEncoding, from: index + 1) == nil
        else { return false }
        let value = section.value(at: index)
        return Characters.isToken(value) && !value.equalsIgnoringCase("chunked")
            && !isRegistered(value)
    }

    /// Source: RFC 9112 §7.2 and §12.3.
    private static func isRegistered(_ coding: Span<UInt8>) -> Bool {
        coding.equalsIgnoringCase("gzip") || coding.equalsIgnoringCase("x-gzip")
            || coding.equalsIgnoringCase("deflate") || coding.equalsIgnoringCase("compress")
            || coding.equalsIgnoringCase("x-compress") || coding.equalsIgnoringCase("identity")
    }

    /// A number of digits alone that fits an Int.
    private static func decimal(_ digits: Span<UInt8>) -> Int? {
        guard digits.count > 0 else { return nil }
        var value = 0
        for index in digits.indices {
            let digit = digits[index] &- 0x30
            guard digit < 10 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(digit))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }
}
