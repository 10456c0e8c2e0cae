import Bytes
import CLinux
import TLS

/// What carries a stream's ciphertext, and the session that it belongs to.
///
/// Reads ahead: one receive takes in a whole flight, and one send gives out several records. The
/// buffers are the loop's, and an idle connection holds neither.
final class TLSLayer {
    /// What is below.
    enum Carrier {
        case socket(Int32)
        case memory(MemoryEnd)
    }

    let session: TLSSession
    let carrier: Carrier
    /// A receive of ciphertext may find something.
    var mayReceive: Bool
    /// The peer has ended its side of the carrier.
    var hasEnded = false
    /// Bytes of records that go in one call: more as long as the kernel takes all of them, few
    /// for a slow peer, so that little waits which is encrypted already.
    var flight = LoopLimits.tlsFirstFlight
    /// What is in the output could go at once, and waits for bytes that are about to be written.
    ///
    /// One call takes both then: a ticket and the first response, the last response and the
    /// farewell. It goes before the stream waits for a request, or for more of one.
    var isHolding = false
    /// What is written from now on is the last before the farewell.
    var farewellFollows = false
    /// The carrier's own end is due once everything has been sent.
    var endsAfterOutput = false

    init(session: TLSSession, carrier: Carrier, mayReceive: Bool) {
        self.session = session
        self.carrier = carrier
        self.mayReceive = mayReceive
    }

    /// Ciphertext that the kernel has not taken yet.
    var hasOutput: Bool { !(session.output?.isEmpty ?? true) }

    /// Bytes that the next flight of so many has with its records' overhead.
    func flightBytes(of count: Int) -> Int {
        let wanted = min(count, flight)
        return wanted + (wanted / TLSLimits.recordBytes + 1) * TLSLimits.recordOverhead
    }

    /// Lends a buffer for what the session may have to say.
    ///
    /// `count`: Bytes that it will have to hold, where that is known.
    func prepareOutput(_ reactor: Reactor, for count: Int = 0) {
        if session.output == nil { session.output = reactor.buffers.take(for: count) }
    }

    /// Gives back the buffers that hold nothing.
    func giveBuffers(_ reactor: Reactor) {
        if let input = session.input, input.isEmpty {
            session.input = nil
            reactor.buffers.give(input)
        }
        if let output = session.output, output.isEmpty {
            session.output = nil
            reactor.buffers.giveGrown(output)
        }
    }

    /// Gives back both buffers, whatever they hold.
    func dropBuffers(_ reactor: Reactor) {
        session.input?.removeAll()
        session.output?.removeAll()
        giveBuffers(reactor)
    }

    /// Receives ciphertext: a count, 0 at the end, or a negated error number.
    func receive(_ reactor: Reactor, peerHasClosed: Bool) -> Int {
        let input = session.input ?? reactor.buffers.take()
        session.input = input
        input.reserve(LoopLimits.smallBuffer / 2)
        let space = input.writableCount
        let result: Int
        switch carrier {
        case .memory(let end): result = end.receive(into: input, atMost: space)
        case .socket(let descriptor):
            result = Sockets.receive(descriptor, into: input, atMost: space)
        }
        if result == -Int(EAGAIN) || (result > 0 && result < space && !peerHasClosed) {
            mayReceive = false
        }
        if result == 0 { hasEnded = true }
        return result
    }

    /// Sends ciphertext: 0 when all of it has been taken, or a negated error number.
    func send() -> Int {
        isHolding = false
        while let output = session.output, !output.isEmpty {
            let result: Int
            switch carrier {
            case .memory(let end): result = end.send(output)
            case .socket(let descriptor): result = Sockets.send(descriptor, from: output)
            }
            if result < 0 { return result }
        }
        if endsAfterOutput { end() }
        return 0
    }

    private func end() {
        endsAfterOutput = false
        switch carrier {
        case .memory(let end): end.shutdownWrite()
        case .socket(let descriptor): _ = shutdown(descriptor, Int32(SHUT_WR))
        }
    }

    func close(abruptly: Bool) {
        switch carrier {
        case .memory(let end): end.close(abruptly: abruptly)
        case .socket(let descriptor):
            if abruptly { Sockets.resetOnClose(descriptor) }
            CLinux.close(descriptor)
        }
    }
}
