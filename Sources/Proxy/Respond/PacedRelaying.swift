import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// How far one response may be ahead of its `bandwidth_limit`.
struct Pace {
    let limit: BandwidthLimit
    /// When its first byte could go, nanoseconds.
    let start: Int64

    /// Bytes that go in one piece at most: a tenth of a second's worth, but never tiny packets.
    var piece: Int { min(max(limit.rate / 10, 1024), LoopLimits.smallBuffer) }

    /// Bytes that go as fast as they can.
    ///
    /// One piece always does: small responses are not held up.
    private var ahead: Int { max(limit.after, piece) }

    /// How many bytes may go now, after so many.
    func allowance(sent: Int, now: Int64) -> Int {
        max(0, earned(now) - sent)
    }

    /// How many bytes an output may have, after so many that have gone: none until a whole piece
    /// may go.
    func room(sent: Int, now: Int64) -> Int {
        let allowed = allowance(sent: sent, now: now)
        return allowed < piece ? 0 : min(allowed, ProxyLimits.pendingBytes)
    }

    /// When a whole piece may go.
    func next(sent: Int, now: Int64) -> Int64 {
        let missing = Double(max(0, sent + piece - ahead))
        // A year is as good as never, and fits.
        let wait = min(missing / Double(limit.rate) * 1e9, 3e16)
        return max(now + 1_000_000, start + Int64(wait))
    }

    private func earned(_ now: Int64) -> Int {
        let seconds = Double(max(0, now - start)) / 1e9
        return ahead + Int(min(seconds * Double(limit.rate), 1e17))
    }
}

/// A response that goes out no faster than it may.
extension Exchange {
    /// How fast the response may go; nil for as fast as it can.
    ///
    /// To be asked once before a stretch of sending: as long as nothing has gone out, its time
    /// begins when it is asked.
    var pace: Pace? {
        mutating get {
            guard let limit = route?.limits?.bandwidth else { return nil }
            let start = times.firstByte == 0 ? context.reactor.now : times.firstByte
            return Pace(limit: limit, start: start)
        }
    }

    /// Sends everything in the output, no faster than the route allows.
    mutating func deliver(_ output: Buffer) async throws(Failure) {
        guard let pace, bytesSent + output.count > pace.piece else {
            if !keepsConnection { connection.stream.announceEnd() }
            return try await flush(output)
        }
        do throws(AttemptError) {
            try await send(output, at: pace)
        } catch {
            switch error {
            case .final(let failure): throw failure
            case .upstream: throw .clientGone
            }
        }
    }

    /// Bytes that an output may have now.
    mutating func room(_ pace: Pace?) -> Int {
        pace?.room(sent: bytesSent, now: context.reactor.now) ?? ProxyLimits.pendingBytes
    }

    /// Waits until a piece may go.
    mutating func holdBack(_ pace: Pace) async throws(Failure) {
        do throws(AttemptError) { try await waitForPace(pace) } catch { throw .clientGone }
    }

    /// Passes the content on at its pace, until it is complete.
    mutating func relay(
        from connection: UpstreamConnection,
        output: Buffer,
        at pace: Pace
    ) async throws(AttemptError) {
        guard let input = connection.input else { return }
        // What goes next: a stream sends all of a buffer that it can.
        let piece = context.reactor.buffers.take()
        defer { context.reactor.buffers.give(piece) }
        while true {
            try moveResponse(connection, from: input, to: output)
            if responseBody.isComplete && output.isEmpty && piece.isEmpty { return }
            if piece.isEmpty && !output.isEmpty {
                let allowed = pace.allowance(sent: bytesSent, now: context.reactor.now)
                let most = min(output.count, pace.piece)
                if allowed >= most { piece.move(most, from: output) }
            }
            if !piece.isEmpty {
                try sendOutput(piece)
                if piece.isEmpty { continue }
                try await waitForResponse(connection, output: piece)
                continue
            }
            if output.count < LoopLimits.smallBuffer && !responseBody.isComplete {
                if connection.stream.mayRead {
                    try receiveResponse(connection, input: input, output: output)
                    continue
                }
                if try stepUpload(to: connection) == .turn {
                    await context.reactor.yield()
                    continue
                }
                if output.isEmpty && !connection.stream.mayRead {
                    try await waitForResponse(connection, output: output)
                    continue
                }
            }
            try await waitForPace(pace)
        }
    }

    /// Sends all that is there at its pace.
    mutating func send(_ output: Buffer, at pace: Pace) async throws(AttemptError) {
        let piece = context.reactor.buffers.take()
        defer { context.reactor.buffers.give(piece) }
        while !output.isEmpty || !piece.isEmpty {
            if piece.isEmpty {
                let most = min(output.count, pace.piece)
                guard pace.allowance(sent: bytesSent, now: context.reactor.now) >= most else {
                    try await waitForPace(pace)
                    continue
                }
                piece.move(most, from: output)
            }
            try sendOutput(piece)
            if piece.isEmpty { continue }
            do throws(StreamError) {
                try await connection.stream.waitUntilWritable(
                    deadline: context.reactor.now + timeouts.send
                )
            } catch { throw .final(.clientGone) }
        }
    }

    /// Waits until more may go, or the client leaves.
    private mutating func waitForPace(_ pace: Pace) async throws(AttemptError) {
        let stream = connection.stream
        let end = pace.next(sent: bytesSent, now: context.reactor.now)
        stream.gather(at: gathering)
        defer { stream.gather(at: nil) }
        while context.reactor.now < end {
            if stream.isBroken { throw .final(.clientGone) }
            guard (try? stream.watch()) != nil else { throw .final(.clientGone) }
            if await gathering.wait(until: end) == .cancelled { throw .final(.clientGone) }
        }
    }
}
