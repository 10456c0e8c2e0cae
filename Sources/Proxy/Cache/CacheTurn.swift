import Addressing
import Caching
import HTTP

/// Why a request went on to the upstream; the raw value is what Cache-Status says.
///
/// Source: RFC 9211 §2.2.
enum CacheForward: String {
    case bypass = "bypass"
    case method = "method"
    case uriMiss = "uri-miss"
    case varyMiss = "vary-miss"
    case request = "request"
    case stale = "stale"
    case partial = "partial"
}

/// What the cache has to do with an exchange that goes on to the upstream.
final class CacheTurn {
    /// What the response is to be looked at for.
    enum Purpose {
        /// To be stored, if it may be.
        case store
        /// To find out what a successful unsafe request made invalid.
        case unsafe
        /// To bring what is stored for GET up to date.
        case head
        /// Nothing.
        case none
    }

    let runtime: CacheRuntime
    let key: [UInt8]
    let hash: UInt64
    var purpose: Purpose
    let reason: CacheForward
    /// What others may wait for; nil where the response is for nobody else.
    var fill: Fill?
    /// What is stored and validated by this request.
    var stale: CachedResponse?
    /// The first bytes of the content, whose rest this request asks for.
    var start: CachedResponse?
    /// Whether what is stale may answer if the upstream fails.
    var mayServeStale = false
    /// The request's fields as the client sent them.
    var clientFields: FieldSection
    var traits = RequestTraits()
    /// Unix milliseconds at which the upstream was asked.
    var requested: Int64
    var isStored = false
    /// Whether the upstream was asked a second time, without a condition.
    var isRepeated = false
    /// Nobody waits for the response but the store.
    var isRefresh = false
    /// Why the response was not stored, for `detail`.
    var refusal: NotStored?

    init(
        _ runtime: CacheRuntime,
        key: [UInt8],
        hash: UInt64,
        purpose: Purpose,
        reason: CacheForward,
        fields: FieldSection,
        now: Int64
    ) {
        self.runtime = runtime
        self.key = key
        self.hash = hash
        self.purpose = purpose
        self.reason = reason
        clientFields = fields
        requested = now
    }
}

/// A request that is to be made once more with nobody waiting.
struct Refresh {
    var request: RequestHead
    var route: RouteRuntime
    var scheme: ForwardedScheme
    var client: ClientAddress
    var normalizedPath: [UInt8]
    var pathIsNormal: Bool
    var snapshot: ServingSnapshot
    /// Whose request it repeats.
    var listener: ClientConnection
    var cache: CacheRuntime
    var stale: CachedResponse
    var fill: Fill
}
