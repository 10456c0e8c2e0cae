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
    private(set) var coder: ContentCoder?
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
    init(fill: Fill, _ coder: ContentCoder) {
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

    /// Bytes that the next step compresses, up to so many in the output.
    func work(_ output: Buffer, limit: Int) -> Int {
        guard coder != nil, output.count < limit else { return 0 }
        return min(fill.count - position, CompressionLimits.bytesPerTurn)
    }

    /// Compresses one piece of what has come, so that the loop's other tasks get their turn.
    private mutating func step(_ coder: ContentCoder, to output: Buffer, limit: Int) -> Fill.Stage {
        if isDone { return .complete }
        if output.count >= limit {
            hasMore = true
            return .streaming
        }
        let most = CompressionLimits.bytesPerTurn
        let (count, stage) = fill.read(from: position, atMost: most, into: coder.content)
        position += count
        let isLast = stage == .complete && position >= fill.count
        do throws(CodecError) {
            isDone = try coder.code(contentHasEnded: isLast) == .nothing
        } catch {
            return .failed
        }
        writeCoded(coder, to: output)
        if isDone { output.writeLastChunk() }
        hasMore = count == most && !isDone
        return stage
    }

    /// Until when a pause is waited for before what the coder holds back is sent on: the client is
    /// to see what the upstream has sent so far.
    ///
    /// `end`: That time, once the pause has begun.
    func pauseEnd(_ coder: ContentCoder, _ end: inout Int64?, now: Int64) -> Int64 {
        guard coder.hasUnflushed else { return WaitPoint.never }
        let until = end ?? now + coder.patience
        end = until
        return until
    }

    /// Brings out what the coder holds back, because nothing more comes for now.
    ///
    /// Returns False when it cannot go on.
    func flush(_ coder: ContentCoder, to output: Buffer) -> Bool {
        do throws(CodecError) {
            try coder.flush()
        } catch {
            return false
        }
        writeCoded(coder, to: output)
        return true
    }

    private func writeCoded(_ coder: ContentCoder, to output: Buffer) {
        let count = coder.coded.count
        guard count > 0 else { return }
        writeChunk(count, of: coder.coded, to: output)
        coder.took(count)
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
