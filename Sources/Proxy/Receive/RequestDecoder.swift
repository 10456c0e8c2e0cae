import Bytes
import Compression
import Configuration
import EventLoop
import HTTP
import Telemetry

/// Takes the coding off a request's content while it is read.
final class RequestDecoder {
    /// Content as it came, without its framing.
    let source: Buffer
    let coding: ContentCoding
    private let context: LoopContext
    private let decoder: StreamDecoder
    private let ratio: Int
    /// Bytes that the content may become; nil: no limit.
    private let limit: Int?

    /// Bytes below which no ratio counts: a short content of blanks says nothing.
    private static let ratioFrom = 64 << 10

    /// Takes what is needed.
    ///
    /// Returns nil when the codecs' memory is used up.
    init?(_ coding: ContentCoding, _ decoding: RequestDecoding, limit: Int?, context: LoopContext) {
        guard let decoder = context.codecs.takeDecoder(coding) else { return nil }
        self.coding = coding
        self.context = context
        self.decoder = decoder
        ratio = decoding.ratio
        self.limit = decoding.size ?? limit
        source = context.reactor.buffers.take()
    }

    /// Decodes some of what is there.
    ///
    /// `held`: Gets the content, at most so much at once that it can be put aside in between.
    ///
    /// `contentHasEnded`: Whether nothing will follow.
    ///
    /// Returns whether all that is there has been decoded.
    func decode(to held: Buffer, contentHasEnded: Bool) throws(Failure) -> Bool {
        // No content at all, which its framing has said to be complete, has no coding on it.
        if contentHasEnded && source.isEmpty && decoder.bytesTaken == 0 { return true }
        let isAll: Bool
        do throws(CodecError) {
            isAll = try decoder.decode(
                source,
                to: held,
                limit: held.count + CompressionLimits.bytesPerTurn,
                sourceHasEnded: contentHasEnded
            )
        } catch {
            throw .refused(.invalidContentCoding)
        }
        let made = decoder.bytesMade
        if let limit, made > limit { throw .refused(.bodyTooLarge) }
        // In bounds: a ratio is at most 100,000, and no more than 2^40 bytes were ever taken.
        if made > Self.ratioFrom, made / ratio > decoder.bytesTaken {
            throw .refused(.bodyTooLarge)
        }
        return isAll
    }

    /// Gives everything back, and counts what was done.
    func finish() {
        let index = Int(coding.rawValue)
        context.metrics.add(.decodedBytesIn, coding: index, decoder.bytesTaken)
        context.metrics.add(.decodedBytesOut, coding: index, decoder.bytesMade)
        context.codecs.giveDecoder(coding)
        context.reactor.buffers.give(source)
    }
}

extension Exchange {
    /// The coding that this route takes off the request's content, if it has one.
    var decodedCoding: ContentCoding? {
        guard let decoding = route?.route.policy.requestDecoding,
            request.fields.contains(.contentEncoding),
            case .known(let coding) = AppliedCoding(request.fields),
            decoding.codings.contains(coding)
        else { return nil }
        return coding
    }

    /// Makes the request's fields say that its content has no coding any more.
    mutating func forgetContentCoding() {
        request.fields.removeAll(.contentEncoding)
        request.fields.removeDigests()
    }
}
