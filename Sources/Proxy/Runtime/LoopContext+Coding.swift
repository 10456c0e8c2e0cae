import Bytes
import Compression
import EventLoop
import HTTP
import Telemetry

/// What a loop's exchanges share of compressing.
extension LoopContext {
    /// Lets the loop's other connections go first when much is to be coded at once.
    ///
    /// `cost`: Bytes that are about to be coded.
    func takeCodingTurn(_ cost: Int) async {
        if cost == 0 || codingTurns.admits(cost) { return }
        let point = WaitPoint(reactor: reactor)
        codingTurns.wait(at: point, for: cost)
        // The next turns come without anybody's doing; when the loop ends, it goes on as well.
        _ = await point.wait(until: WaitPoint.never)
        point.retire()
    }

    /// Codes a content that is there whole, and counts that.
    ///
    /// Returns False when it failed: the content is to go out as it is.
    func encodeWhole(
        _ content: Buffer,
        to coded: Buffer,
        _ coding: ContentCoding,
        _ level: CompressionLevel,
        padding: Int
    ) -> Bool {
        let start = reactor.clock
        do throws(CodecError) {
            try codecs.encodeWhole(content, to: coded, coding, level, padding: padding)
        } catch {
            metrics.count(.compressionSkipped, reason: CodingObstacle.failed.index)
            return false
        }
        metrics.countCoding(
            coding,
            from: content.count,
            to: coded.count,
            nanoseconds: reactor.clock - start
        )
        return true
    }
}

extension LoopMetrics {
    /// Counts a content that was compressed.
    func countCoding(_ coding: ContentCoding, from: Int, to: Int, nanoseconds: Int64) {
        let index = Int(coding.rawValue)
        add(.responses, coding: index, 1)
        add(.bytesIn, coding: index, from)
        add(.bytesOut, coding: index, to)
        add(.nanoseconds, coding: index, Int(nanoseconds))
    }
}
