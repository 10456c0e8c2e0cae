import Bytes
import Compression
import EventLoop
import HTTP
import Telemetry

/// The content of one response on its way through codecs.
///
/// It takes content whose framing has been taken off and gives coded content, and waits for
/// nothing; `finish` gives back what it holds, whatever has become of the response.
final class ContentCoder {
    /// What has to happen before it can go on.
    enum Need {
        /// More of the content.
        case content
        /// Room: the client has to take some of what is there.
        case room
        /// Nothing but a turn for the loop's other connections.
        case turn
        /// Nothing: the content is complete.
        case nothing
    }

    /// What is done to the content.
    struct Plan {
        /// The coding that comes off.
        var source: ContentCoding?
        /// The coding that goes on.
        var target: ContentCoding?
        var level: CompressionLevel
        /// What the content is coded with, for the one target that needs one.
        var dictionary: CompressionDictionary?
        var padding = 0
        /// Bytes to come, if that is known and they come without a coding.
        var length: Int?
        /// Keeps what passes, without its coding; only where none comes off.
        var capture: DictionaryCapture?

        /// What the entity tag says of it.
        var mark: CodedEntityTag.Marked {
            if let dictionary, target == .dictionaryZstd {
                return .dictionary(dictionary.hash.prefix)
            }
            return target.map { .coded($0) } ?? .decoded
        }
    }

    private let context: LoopContext
    private(set) var plan: Plan
    /// Content as the upstream sent it, without its framing.
    let content: Buffer
    /// Coded content that the response has not taken.
    let coded: Buffer
    /// Content whose coding was taken off and that waits for another one.
    private var plain: Buffer?
    private var decoder: StreamDecoder?
    private var encoder: StreamEncoder?
    /// Until when the rest of a short content is waited for, to be coded in one go; nil once it is
    /// a stream.
    private(set) var collectsUntil: Int64?
    /// Nanoseconds that a pause lasts before what came so far is sent on.
    ///
    /// Content whose length was announced is not written piece by piece for somebody who waits.
    let patience: Int64
    /// Whether the client gets it in chunks.
    var isChunked = false
    private var bytesIn = 0
    private(set) var bytesOut = 0
    private var nanoseconds: Int64 = 0

    /// Takes what is needed.
    ///
    /// `mayCollect`: Whether a short content may be held back, to be coded in one go.
    /// Returns nil when the codecs' memory is used up.
    init?(context: LoopContext, _ plan: Plan, mayCollect: Bool = true) {
        self.context = context
        self.plan = plan
        patience = plan.length == nil ? 0 : CompressionLimits.collectTime
        content = context.reactor.buffers.take()
        coded = context.reactor.buffers.take()
        var isReady = true
        if let source = plan.source {
            decoder = context.codecs.takeDecoder(source)
            isReady = decoder != nil
            if isReady, plan.target != nil { plain = context.reactor.buffers.take() }
        }
        if isReady {
            if mayCollect, plan.source == nil, plan.length ?? 0 <= CompressionLimits.wholeBytes {
                // Also where the length is not known: it may be here already.
                let wait = plan.length == nil ? 0 : CompressionLimits.collectTime
                content.reserve(plan.length ?? 0)
                collectsUntil = context.reactor.now + wait
            } else {
                isReady = beginStream()
            }
        }
        if !isReady {
            finish()
            return nil
        }
    }

    /// Whether all that comes is still held back.
    var isCollecting: Bool { collectsUntil != nil }

    /// Bytes that go out, where they are those that come; nil otherwise.
    var passedLength: Int? { plan.source == nil && plan.target == nil ? plan.length : nil }

    /// Whether what is there of a content that has not ended is still held back.
    var waitsForMore: Bool {
        guard let collectsUntil else { return false }
        return content.count <= CompressionLimits.wholeBytes && context.reactor.now < collectsUntil
    }

    /// Bytes that it would code now of what is there.
    func work(contentHasEnded: Bool) -> Int {
        if plan.source == nil && plan.target == nil { return 0 }
        if isCollecting {
            if contentHasEnded { return content.count }
            if waitsForMore { return 0 }
        }
        return min(content.count, CompressionLimits.bytesPerTurn)
    }

    /// Turns to streaming: what comes from here on goes out as it comes.
    ///
    /// Where there is no memory for that, the content goes out as it came, unless it came coded.
    func stopCollecting() {
        guard collectsUntil != nil else { return }
        collectsUntil = nil
        if !beginStream() {
            plan.target = nil
            context.metrics.count(.compressionSkipped, reason: CodingObstacle.memory.index)
        }
    }

    private func beginStream() -> Bool {
        guard let target = plan.target else { return true }
        encoder = context.codecs.takeEncoder(
            target,
            plan.level,
            dictionary: plan.dictionary,
            length: plan.length,
            padding: plan.padding,
            to: coded
        )
        // The header is the client's like the rest.
        return encoder != nil
    }

    /// Codes a content that is there whole.
    func codeWhole() {
        collectsUntil = nil
        plan.capture?.take(content.count, of: content)
        guard let target = plan.target else {
            coded.move(content.count, from: content)
            return
        }
        let start = context.reactor.clock
        bytesIn += content.count
        do throws(CodecError) {
            try context.codecs.encodeWhole(
                content,
                to: coded,
                target,
                plan.level,
                dictionary: plan.dictionary,
                padding: plan.padding
            )
            bytesOut += coded.count
            nanoseconds += context.reactor.clock - start
            content.removeAll()
        } catch {
            // It goes out as it came, which nothing has contradicted yet.
            plan.target = nil
            coded.removeAll()
            coded.move(content.count, from: content)
            context.metrics.count(.compressionSkipped, reason: CodingObstacle.failed.index)
        }
    }

    /// Codes some of what is there.
    ///
    /// `contentHasEnded`: Whether nothing will follow.
    func code(contentHasEnded: Bool) throws(CodecError) -> Need {
        let start = context.reactor.clock
        defer { nanoseconds += context.reactor.clock - start }
        var isLast = contentHasEnded
        var isDecoded = true
        var from = content
        if let decoder {
            let to = plain ?? coded
            // No content at all, which its framing has said to be complete, has no coding on it.
            let isNothing = contentHasEnded && content.isEmpty && decoder.bytesTaken == 0
            if !isNothing {
                isDecoded = try decoder.decode(
                    content,
                    to: to,
                    limit: CompressionLimits.bytesPerTurn,
                    sourceHasEnded: contentHasEnded
                )
            }
            isLast = isLast && isDecoded
            from = to
            if plain == nil {
                // No encoder behind it: what is decoded is what goes out.
                if isLast { return .nothing }
                return isDecoded ? .content : .turn
            }
        }
        guard let encoder else {
            plan.capture?.take(from.count, of: from)
            coded.move(from.count, from: from)
            return isLast ? .nothing : .content
        }
        let before = from.count
        // Exactly what the encoder is about to take.
        plan.capture?.take(min(before, CompressionLimits.bytesPerTurn), of: from)
        let isAll = try encoder.encode(
            from,
            to: coded,
            isLast ? .finish : .process,
            limit: CompressionLimits.bytesPerTurn
        )
        bytesIn += before - from.count
        if isLast && isAll { return .nothing }
        // A decoder may leave a byte that says nothing without the next one: no turn's work.
        return isAll && isDecoded ? .content : .turn
    }

    /// Brings out what the encoder holds back, because nothing more comes for now.
    func flush() throws(CodecError) {
        guard let encoder, encoder.hasUnflushed else { return }
        let start = context.reactor.clock
        let empty = plain ?? content
        _ = try encoder.encode(empty, to: coded, .flush)
        nanoseconds += context.reactor.clock - start
    }

    /// Whether something would come out by flushing.
    var hasUnflushed: Bool { encoder?.hasUnflushed ?? false }

    /// Takes note of coded bytes that the response has taken.
    func took(_ count: Int) { if encoder != nil { bytesOut += count } }

    /// Gives everything back, and counts what was done.
    func finish() {
        context.reactor.buffers.give(content)
        context.reactor.buffers.give(coded)
        if let plain { context.reactor.buffers.give(plain) }
        plain = nil
        if let encoder { context.codecs.give(encoder) }
        encoder = nil
        if let decoder, let source = plan.source {
            let index = Int(source.rawValue)
            context.metrics.add(.decodedBytesIn, coding: index, decoder.bytesTaken)
            context.metrics.add(.decodedBytesOut, coding: index, decoder.bytesMade)
            context.codecs.giveDecoder(source)
        }
        decoder = nil
        guard let target = plan.target, bytesIn > 0 || bytesOut > 0 else { return }
        context.metrics.countCoding(
            target,
            from: bytesIn,
            to: bytesOut,
            nanoseconds: nanoseconds
        )
    }
}
