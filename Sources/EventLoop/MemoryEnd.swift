import Bytes
import CLinux

/// One end of an in-memory connection: what a socket is to the kernel, with faults on request.
final class MemoryEnd {
    private let simulation: Simulation
    /// Bytes sent by the peer and not yet received here.
    private let inbound = Buffer()
    private var peer: MemoryEnd?
    /// Who learns of news on this end; the stream's own reference keeps it alive.
    weak var stream: Stream?
    /// The peer has sent everything it will send.
    private var inboundEnded = false
    /// The peer is gone without a farewell.
    private var wasReset = false
    private var isOpen = true

    private init(simulation: Simulation) { self.simulation = simulation }

    /// Two ends that lead to each other.
    static func pair(simulation: Simulation) -> (MemoryEnd, MemoryEnd) {
        let near = MemoryEnd(simulation: simulation)
        let far = MemoryEnd(simulation: simulation)
        near.peer = far
        far.peer = near
        return (near, far)
    }

    /// As `recv(2)`: a count, 0 at the end, or a negated error number.
    func receive(into buffer: Buffer, atMost limit: Int) -> Int {
        if inbound.isEmpty {
            // Linux hands out what had arrived before a reset, and the reset after it.
            if wasReset { return -Int(ECONNRESET) }
            return inboundEnded ? 0 : -Int(EAGAIN)
        }
        let wanted = min(inbound.count, limit)
        let count = simulation.portion(of: wanted, longest: simulation.faults.longestReceive)
        let wasFull = inbound.count >= LoopLimits.memoryStreamCapacity
        buffer.move(count, from: inbound)
        if wasFull, let peer { peer.notify(gateway_out) }
        // Not all was taken: as level-triggered news, since an edge would not come again.
        if !inbound.isEmpty { notify(gateway_in) }
        return count
    }

    /// Whether nothing waits to be received, not even an end.
    var isQuiet: Bool { inbound.isEmpty && !inboundEnded && !wasReset }

    /// As `send(2)`: a count or a negated error number.
    func send(_ buffer: Buffer) -> Int {
        if wasReset { return -Int(ECONNRESET) }
        guard let peer, peer.isOpen else { return -Int(EPIPE) }
        let space = LoopLimits.memoryStreamCapacity - peer.inbound.count
        if space <= 0 { return -Int(EAGAIN) }
        let count = simulation.portion(
            of: min(space, buffer.count),
            longest: simulation.faults.longestSend
        )
        peer.inbound.move(count, from: buffer)
        peer.notify(gateway_in)
        return count
    }

    /// Says that nothing more will be sent.
    func shutdownWrite() {
        guard let peer, !peer.inboundEnded else { return }
        peer.inboundEnded = true
        peer.notify(gateway_in | gateway_rdhup)
    }

    /// Lets go of this end.
    /// - Parameter abruptly: With a reset, as a socket does that is closed with bytes unread.
    func close(abruptly: Bool) {
        isOpen = false
        guard let peer else { return }
        if abruptly || !inbound.isEmpty {
            peer.wasReset = true
            peer.notify(gateway_in | gateway_err | gateway_hup)
        } else {
            peer.inboundEnded = true
            peer.notify(gateway_in | gateway_rdhup)
        }
        peer.peer = nil
        self.peer = nil
    }

    private func notify(_ flags: UInt32) {
        if isOpen, let stream { simulation.schedule(flags, for: stream) }
    }
}
