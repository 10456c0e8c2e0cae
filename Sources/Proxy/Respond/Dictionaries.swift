import Bytes
import Caching
import Compression
import Configuration
import EventLoop
import HTTP
import TLS
import Telemetry

/// What became of the dictionary that a client named; the raw value is the metric's label.
enum DictionaryOutcome: String, CaseIterable {
    /// The response was coded with it.
    case used
    /// It is not there, or not any more.
    case unknown
    /// What the client sent is no hash.
    case malformed
    /// The page that asks may not read the response.
    case crossOrigin = "cross_origin"
    /// The response is somebody's own.
    case personal

    var index: Int { DictionaryOutcome.allCases.firstIndex(of: self) ?? 0 }
}

/// A content on its way to become a dictionary: a copy of what passes, as long as it is small
/// enough.
final class DictionaryCapture {
    /// All that has passed so far.
    let content: Buffer
    private let limit: Int
    /// Whether more has passed than may.
    private(set) var isTooLarge = false

    /// Makes an empty one.
    ///
    /// `limit`: Bytes that it may become; `length`: as many as are to come, if that is known.
    init(limit: Int, length: Int?) {
        self.limit = limit
        content = Buffer(capacity: max(Buffer.minimumCapacity, min(length ?? 0, limit)))
    }

    /// Copies the first bytes of a buffer, which stay.
    func take(_ count: Int, of source: Buffer) {
        guard !isTooLarge, count > 0 else { return }
        guard content.count + count <= limit else {
            isTooLarge = true
            content.removeAll()
            content.resize(to: Buffer.minimumCapacity)
            return
        }
        let bytes = source.readable
        content.reserve(count)
        content.append(bytes.extracting(first: count))
    }
}

/// Dictionaries: which one a response is coded with, and which responses become one.
///
/// Source: RFC 9842.
extension Exchange {
    /// Whether this exchange has to do with dictionaries: the route has, and nobody on the way can
    /// read or change what is sent.
    ///
    /// Source: RFC 9842 §8, only in secure contexts.
    var usesDictionaries: Bool {
        mutating get { route?.route.policy.dictionaries != nil && isSecure }
    }

    /// The dictionary that the client has for this response, if it is at hand and may be used.
    mutating func dictionary(_ coding: ResponseCoding) -> CompressionDictionary? {
        guard coding.available != .none, let store = snapshot.dictionaryStore else { return nil }
        guard case .hash(let hash) = coding.available else {
            count(.malformed)
            return nil
        }
        guard coding.accept.weight(of: .dictionaryZstd) > 0 else { return nil }
        guard coding.readability.allows(response.fields) else {
            count(.crossOrigin)
            return nil
        }
        guard
            DictionaryEligibility.isShared(
                response,
                belongsToSomebody: coding.belongsToSomebody
            )
        else {
            count(.personal)
            return nil
        }
        let found = store.find(hash, origin: dictionaryOrigin, now: context.reactor.now)
        if found == nil { count(.unknown) }
        return found
    }

    /// Counts what became of the dictionary that the client named.
    func count(_ outcome: DictionaryOutcome) {
        context.metrics.count(.dictionaries, reason: outcome.index)
    }

    /// Begins to keep the content of a response that is to become a dictionary, and says so in its
    /// fields.
    ///
    /// `length`: Bytes of its content, if that is known.
    ///
    /// Returns nil where it does not become one.
    mutating func capture(
        _ policy: CompressionPolicy,
        _ coding: ResponseCoding,
        length: Int?
    ) -> DictionaryCapture? {
        guard let dictionaries = route?.route.policy.dictionaries, snapshot.dictionaryStore != nil,
            request.method == .get || request.method == .head,
            length ?? 0 <= dictionaries.largest,
            length ?? policy.rules.minimumLength >= policy.rules.minimumLength,
            AppliedCoding(response.fields) == .none,
            let type = response.fields.first(.contentType),
            policy.rules.types.contains(response.fields.value(at: type)),
            DictionaryEligibility.lasts(response, now: context.reactor.wallNow / 1_000_000_000),
            DictionaryEligibility.isShared(
                response,
                belongsToSomebody: coding.belongsToSomebody
            )
        else { return nil }
        if response.fields.combined(named: "use-as-dictionary") == nil {
            guard let advice = dictionaries.advice else { return nil }
            let name: [UInt8] = Array("Use-As-Dictionary".utf8)
            response.fields.append(name: name.span, value: advice.span)
        } else if DictionaryAdvice(response.fields) == nil {
            // No client will use it.
            return nil
        }
        // A loop that is late has no time to make one; the next client's response will do.
        guard request.method == .get, context.load.load == .calm else { return nil }
        return DictionaryCapture(limit: dictionaries.largest, length: length)
    }

    /// Makes a content that has passed whole a dictionary, unless it is one already.
    mutating func keep(_ capture: DictionaryCapture) {
        guard let store = snapshot.dictionaryStore, !capture.isTooLarge,
            let hash = DictionaryHash(ContentDigest.sha256(capture.content))
        else { return }
        let origin = dictionaryOrigin
        let now = context.reactor.now
        guard store.find(hash, origin: origin, now: now) == nil,
            let made = CompressionDictionary(capture.content, hash: hash)
        else { return }
        if store.insert(made, origin: origin, now: now) {
            context.metrics.add(.dictionariesStored)
        }
    }

    /// Who may name the dictionaries of this exchange: host and port, as all are https.
    private var dictionaryOrigin: [UInt8] {
        mutating get {
            let authority = request.authority
            let isDefault = authority.count > 4 && authority.extracting(last: 4).equals(":443")
            return authority.extracting(first: authority.count - (isDefault ? 4 : 0)).bytes()
                .map(asciiLowercase)
        }
    }
}
