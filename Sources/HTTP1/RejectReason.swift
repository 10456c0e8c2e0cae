/// Why a message is refused.
///
/// The raw value is stable: metrics use it as a label.
public enum RejectReason: String, Error, Sendable, CaseIterable {
    // The start line.
    case emptyMethod = "empty_method"
    case invalidMethod = "invalid_method"
    case methodTooLong = "method_too_long"
    case foreignMethod = "foreign_method"
    case connectMethod = "connect_method"
    case http2Preface = "http2_preface"
    case invalidTarget = "invalid_target"
    case targetTooLong = "target_too_long"
    case invalidVersion = "invalid_version"
    case unsupportedVersion = "unsupported_version"
    case invalidStatus = "invalid_status"

    // Lines and fields.
    case bareCR = "bare_cr"
    case bareLF = "bare_lf"
    case nul = "nul"
    case controlCharacter = "control_character"
    case obsoleteFolding = "obsolete_folding"
    case whitespaceBeforeColon = "whitespace_before_colon"
    case emptyFieldName = "empty_field_name"
    case invalidFieldName = "invalid_field_name"
    case missingColon = "missing_colon"
    case headTooLarge = "head_too_large"
    case tooManyFields = "too_many_fields"

    // What the fields mean.
    case missingHost = "missing_host"
    case repeatedHost = "repeated_host"
    case invalidHost = "invalid_host"
    case invalidContentLength = "invalid_content_length"
    case repeatedContentLength = "repeated_content_length"
    case contentLengthWithTransferEncoding = "content_length_with_transfer_encoding"
    case invalidTransferEncoding = "invalid_transfer_encoding"
    case unknownTransferCoding = "unknown_transfer_coding"
    case transferEncodingInHTTP10 = "transfer_encoding_in_http10"
    case invalidConnection = "invalid_connection"
    case tooManyConnectionOptions = "too_many_connection_options"

    // Chunked content.
    case invalidChunkSize = "invalid_chunk_size"
    case chunkSizeTooLarge = "chunk_size_too_large"
    case invalidChunkExtension = "invalid_chunk_extension"
    case chunkExtensionTooLarge = "chunk_extension_too_large"
    case invalidChunkEnd = "invalid_chunk_end"
    case trailerTooLarge = "trailer_too_large"
    case tooManyTrailers = "too_many_trailers"

    /// The label under which metrics count the reason.
    public var name: String { rawValue }

    /// The status that answers a request refused for this reason.
    ///
    /// A response refused for any reason is answered with 502.
    ///
    /// CONNECT gets 501, not 405: a 405 would have to list in Allow what the target resource
    /// allows, and CONNECT has none; what is missing is the function as such (RFC 9110 §15.6.2).
    public var status: Int {
        switch self {
        case .targetTooLong: 414
        case .headTooLarge, .tooManyFields, .tooManyConnectionOptions, .trailerTooLarge,
            .tooManyTrailers:
            431
        case .chunkSizeTooLarge: 413
        case .methodTooLong, .foreignMethod, .connectMethod, .unknownTransferCoding: 501
        case .unsupportedVersion, .http2Preface: 505
        default: 400
        }
    }
}

/// What parsing a head came to.
public enum HeadResult: Equatable, Sendable {
    /// The head is whole and took this many bytes of the input; content starts behind them.
    case complete(byteCount: Int)
    /// More bytes are needed; call again with the same bytes and more.
    case incomplete
    /// The message must be refused and the connection closed.
    case invalid(RejectReason)
}

/// Why reading stopped before the end of a head.
enum Interruption: Error {
    case incomplete
    case invalid(RejectReason)
}
