import Bytes
import Caching
import Compression
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// Takes content out of a fetch and frames it for a client.
struct FillReader {
    let fill: Fill
    let isChunked: Bool
    private(set) var position = 0
    /// Whether the last byte, and what frames it, has been written.
    private(set) var isDone = false
    /// Whether more had come than was taken.
    private(set) var hasMore = false
    /// Codes what is taken, for this client alone; nil for what goes out as it stands.
    private(set) var coder: FillCoder?
    /// Bytes of padding to put in front of a content that stands coded; 0 once it is there.
    private var padding = 0
    private var coding = ContentCoding.gzip
    private let piece = Buffer()

    /// Reads what stands there.
    init(fill: Fill, isChunked: Bool) {
        self.fill = fill
        self.isChunked = isChunked
    }

    /// Reads what stands there and compresses it, in chunks.
    init(fill: Fill, _ coder: FillCoder) {
        self.init(fill: fill, isChunked: true)
        self.coder = coder
    }

    /// Reads a coded content, in chunks, with padding of its own in front.
    init(fill: Fill, of coding: ContentCoding, padding: Int) {
        self.init(fill: fill, isChunked: true)
        self.coding = coding
        self.padding = padding
    }

    /// Writes what has come, up to so many bytes in the output.
    mutating func step(to output: Buffer, limit: Int) -> Fill.Stage {
        if let coder { return step(coder, to: output, limit: limit) }
        var stage = Fill.Stage.streaming
        if padding > 0 {
            stage = pad(output)
            if padding > 0 { return stage }
        }
        while output.count < limit {
            let room = limit - output.count
            let count: Int
            if isChunked {
                (count, stage) = fill.read(from: position, atMost: room, into: piece)
                if count > 0 { writeChunk(count, of: piece, to: output) }
            } else {
                (count, stage) = fill.read(from: position, atMost: room, into: output)
            }
            position += count
            if count < room {
                hasMore = false
                if stage == .complete, !isDone, position >= fill.count {
                    if isChunked { output.writeLastChunk() }
                    isDone = true
                }
                return stage
            }
        }
        hasMore = true
        return stage
    }

    /// Compresses one piece of what has come, so that the loop's other tasks get their turn.
    private mutating func step(_ coder: FillCoder, to output: Buffer, limit: Int) -> Fill.Stage {
        if isDone { return .complete }
        if output.count >= limit {
            hasMore = true
            return .streaming
        }
        let most = CompressionLimits.bytesPerTurn
        let (count, stage) = fill.read(from: position, atMost: most, into: coder.plain)
        position += count
        let isLast = stage == .complete && position >= fill.count
        guard coder.code(isLast ? .finish : .process) else { return .failed }
        writeCoded(coder, to: output)
        if isLast {
            output.writeLastChunk()
            isDone = true
        }
        hasMore = count == most && !isLast
        return stage
    }

    /// Until when a pause is waited for before what the coder holds back is sent on: the client is
    /// to see what the upstream has sent so far.
    ///
    /// `end`: That time, once the pause has begun.
    func pauseEnd(_ coder: FillCoder, _ end: inout Int64?, now: Int64) -> Int64 {
        guard coder.hasUnflushed else { return WaitPoint.never }
        let until = end ?? now + coder.patience
        end = until
        return until
    }

    /// Brings out what the coder holds back, because nothing more comes for now.
    ///
    /// Returns False when it cannot go on.
    func flush(_ coder: FillCoder, to output: Buffer) -> Bool {
        guard coder.code(.flush) else { return false }
        writeCoded(coder, to: output)
        return true
    }

    private func writeCoded(_ coder: FillCoder, to output: Buffer) {
        let count = coder.coded.count
        if count > 0 { writeChunk(count, of: coder.coded, to: output) }
    }

    private func writeChunk(_ count: Int, of source: Buffer, to output: Buffer) {
        output.writeChunkHeader(size: count)
        output.move(count, from: source)
        output.writeChunkEnd()
    }

    /// Writes the front of the content with padding, as soon as there is a front.
    private mutating func pad(_ output: Buffer) -> Fill.Stage {
        let needed = PaddedStart.neededBytes
        piece.removeAll()
        let (count, stage) = fill.read(from: 0, atMost: needed, into: piece)
        defer { piece.removeAll() }
        if count < needed, stage == .streaming { return stage }
        let front = Buffer()
        let coded = piece
        guard
            let replaced = PaddedStart.write(
                padding,
                inPlaceOf: coded.readable,
                coding,
                to: front
            )
        else { return .failed }
        padding = 0
        position = replaced
        writeChunk(front.count, of: front, to: output)
        return stage
    }
}

/// Compresses what one client takes out of a fetch, as it takes it.
final class FillCoder {
    private let context: LoopContext
    let plan: ContentCoder.Plan
    /// What was taken and is not coded.
    let plain: Buffer
    /// What is coded and not framed.
    let coded: Buffer
    /// Nanoseconds that a pause lasts before what came so far is sent on.
    let patience: Int64
    private var encoder: StreamEncoder?
    private var bytesIn = 0
    private(set) var bytesOut = 0
    private var nanoseconds: Int64 = 0

    /// Takes what is needed; nil when the codecs' memory is used up.
    init?(context: LoopContext, _ plan: ContentCoder.Plan) {
        guard let target = plan.target else { return nil }
        self.context = context
        self.plan = plan
        patience = plan.length == nil ? 0 : CompressionLimits.collectTime
        plain = context.reactor.buffers.take()
        coded = context.reactor.buffers.take()
        encoder = context.codecs.takeEncoder(target, plan.level, padding: plan.padding, to: coded)
        bytesOut = coded.count
        if encoder == nil {
            finish()
            return nil
        }
    }

    /// Whether something would come out by flushing.
    var hasUnflushed: Bool { encoder?.hasUnflushed ?? false }

    /// Codes all of `plain`.
    ///
    /// Returns False when the library failed.
    func code(_ operation: CodecOperation) -> Bool {
        guard let encoder else { return false }
        let start = context.reactor.clock
        let before = coded.count
        bytesIn += plain.count
        do throws(CodecError) {
            _ = try encoder.encode(plain, to: coded, operation)
        } catch {
            context.metrics.count(.compressionSkipped, reason: CodingObstacle.failed.index)
            return false
        }
        bytesOut += coded.count - before
        nanoseconds += context.reactor.clock - start
        return true
    }

    /// Gives the encoder away, to one that goes on with the content.
    func takeEncoder() -> StreamEncoder? {
        defer { encoder = nil }
        return encoder
    }

    /// Gives everything back, and counts what was done.
    func finish() {
        context.reactor.buffers.give(plain)
        context.reactor.buffers.give(coded)
        if let encoder { context.codecs.give(encoder) }
        encoder = nil
        guard let target = plan.target, bytesIn > 0 else { return }
        context.metrics.countCoding(
            target,
            from: bytesIn,
            to: bytesOut,
            nanoseconds: nanoseconds
        )
    }
}
