public import Bytes
import CLinux
public import TLS

/// A stream whose bytes are encrypted: the same reads, writes and waits as any other.
extension Stream {
    /// Encrypts from now on.
    ///
    /// Call on a plain stream; `handshake` comes next.
    /// - Parameters:
    ///   - session: A new session.
    ///   - received: Ciphertext that has been received already; taken over.
    public func startTLS(_ session: TLSSession, received: Buffer?) {
        let carrier: TLSLayer.Carrier
        switch transport {
        case .socket(let descriptor): carrier = .socket(descriptor)
        case .memory(let end): carrier = .memory(end)
        case .tls, .nobody, .closed: return
        }
        session.input = received
        transport = .tls(TLSLayer(session: session, carrier: carrier, mayReceive: mayRead))
    }

    /// What the handshake has established; nil on a plain stream.
    public var tlsInformation: TLSInformation? {
        if case .tls(let layer) = transport { layer.session.information } else { nil }
    }

    /// What went wrong with TLS, in words for the operator; nil while nothing has.
    public var tlsProblem: String? {
        if case .tls(let layer) = transport { layer.session.problem } else { nil }
    }

    /// Why TLS failed on a connection that has come to nothing, in words; nil where it did not.
    ///
    /// Who breaks TLS off says why and closes, so a write may fail before that has been read: what
    /// the kernel still has is looked at.
    public func findTLSProblem() -> String? {
        guard case .tls(let layer) = transport else { return nil }
        if layer.session.problem == nil, layer.session.information != nil {
            layer.prepareOutput(reactor)
            _ = layer.receive(reactor, peerHasClosed: peerHasClosed)
            if layer.session.mayDecrypt { _ = layer.session.peek() }
            layer.giveBuffers(reactor)
        }
        return layer.session.problem
    }

    /// The name that a client has asked for so far; nil for none.
    public var requestedName: String? {
        if case .tls(let layer) = transport { layer.session.requestedName } else { nil }
    }

    /// Whether the handshake is not complete, and what comes is early data, which may be a replay.
    public var isEarly: Bool {
        if case .tls(let layer) = transport { layer.session.isEarly } else { false }
    }

    /// What became of the client's early data; nil where there was none.
    public var earlyDataOutcome: EarlyDataOutcome? {
        if case .tls(let layer) = transport { layer.session.earlyDataOutcome } else { nil }
    }

    /// Whether bytes that were written are still on their way to the kernel; it takes them while
    /// the stream waits for anything.
    public var hasUnsent: Bool {
        if case .tls(let layer) = transport { layer.hasOutput && !layer.isHolding } else { false }
    }

    /// Says that what is written from now on is the last.
    ///
    /// Its end goes out together with the farewell: `sayFarewell` or `close` has to follow at once.
    /// Changes nothing on a plain stream.
    public func announceEnd() {
        if case .tls(let layer) = transport { layer.farewellFollows = true }
    }

    /// Says farewell, as far as the kernel takes it now; this side is not ended.
    public func sayFarewell() {
        guard case .tls(let layer) = transport else { return }
        layer.prepareOutput(reactor)
        layer.session.sendFarewell()
        // If the connection is broken, whoever writes or reads next finds out.
        _ = flushTLS(layer)
        layer.giveBuffers(reactor)
    }

    /// Sends what was held back, before the stream waits.
    func releaseHeld() {
        guard case .tls(let layer) = transport, layer.isHolding else { return }
        _ = flushTLS(layer)
        layer.giveBuffers(reactor)
    }

    /// Gives back what only serves a stream in use, before it is parked.
    func restTLS() {
        if case .tls(let layer) = transport { layer.session.rest() }
    }

    /// Waits until the kernel has everything that was written: it sends the rest of a plain
    /// connection after its end, but nobody does so with ciphertext that it has not taken.
    /// - Parameter deadline: Nanoseconds of the loop's clock.
    /// - Throws: `timedOut`, or why the rest cannot be sent.
    public func flush(deadline: Int64) async throws(StreamError) {
        while case .tls(let layer) = transport, layer.hasOutput {
            guard flushTLS(layer) else { throw .closed }
            layer.giveBuffers(reactor)
            if layer.hasOutput { try await waitUntilWritable(deadline: deadline) }
        }
    }

    /// Carries out the handshake, or so much of it that early data can be read and answered
    /// (`isEarly`).
    /// - Parameter deadline: When to give up, in nanoseconds of the loop's clock.
    /// - Throws: Why it failed; the stream is to be closed then.
    public func handshake(deadline: Int64) async throws(TLSFailure) {
        guard case .tls(let layer) = transport else { throw .closed }
        while true {
            layer.prepareOutput(reactor)
            let step = layer.session.handshake(unixSeconds: reactor.wallNow / 1_000_000_000)
            if case .complete = step, layer.session.mayHoldTicket, layer.hasOutput {
                // It goes with the first response if the request is here already, or in the kernel.
                layer.isHolding = true
                if !layer.session.mayDecrypt { layer.mayReceive = true }
            } else {
                guard flushTLS(layer) else { throw .closed }
            }
            switch step {
            case .complete, .early:
                layer.giveBuffers(reactor)
                mayRead = layer.session.mayDecrypt || layer.mayReceive
                return
            case .failed(let failure): throw failure
            case .wantsInput: try await receiveHandshake(layer, deadline: deadline)
            }
        }
    }

    /// Completes a handshake of which only the early part is done.
    /// - Parameters:
    ///   - buffer: Gets what can be read meanwhile, which OpenSSL bounds (`TLSLimits`).
    ///   - deadline: When to give up, in nanoseconds of the loop's clock.
    /// - Throws: Why it failed; the stream is to be closed then.
    public func completeHandshake(into buffer: Buffer, deadline: Int64) async throws(TLSFailure) {
        guard case .tls(let layer) = transport else { throw .closed }
        while layer.session.isEarly {
            layer.prepareOutput(reactor)
            buffer.reserve(LoopLimits.smallBuffer / 2)
            let step = layer.session.decrypt(into: buffer, atMost: buffer.writableCount)
            guard flushTLS(layer) else { throw .closed }
            switch step {
            case .bytes: continue
            case .ended: throw .closed
            case .failed(let failure): throw failure
            case .wantsInput where layer.session.isEarly:
                try await receiveHandshake(layer, deadline: deadline)
            case .wantsInput: break
            }
        }
        layer.giveBuffers(reactor)
        mayRead = true
    }

    /// Waits for the next ciphertext of a handshake.
    private func receiveHandshake(_ layer: TLSLayer, deadline: Int64) async throws(TLSFailure) {
        while true {
            if layer.mayReceive {
                let result = layer.receive(reactor, peerHasClosed: peerHasClosed)
                if result > 0 { return }
                if result != -Int(EAGAIN) { throw .closed }
            }
            layer.giveBuffers(reactor)
            mayRead = false
            do throws(StreamError) {
                try await waitUntilReadable(deadline: deadline)
            } catch .timedOut {
                throw .timedOut
            } catch {
                throw .closed
            }
        }
    }

    // MARK: Bytes

    /// As `receive`, of an encrypted stream.
    func receiveTLS(_ layer: TLSLayer, into buffer: Buffer, atMost space: Int)
        throws(StreamError) -> Int?
    {
        layer.prepareOutput(reactor)
        defer { layer.giveBuffers(reactor) }
        var taken = 0
        var received = 0
        while true {
            if layer.session.hasEnded { return taken }
            if layer.session.mayDecrypt {
                switch layer.session.decrypt(into: buffer, atMost: space - taken) {
                case .bytes(let count):
                    taken += count
                    // More may be inside, which no event would tell of.
                    if taken == space { return taken }
                    continue
                case .ended: return taken
                case .failed:
                    // The alert, now: later it would stand behind what nobody sends any more.
                    _ = flushTLS(layer)
                    if taken > 0 { return taken }
                    throw .reset
                case .wantsInput: break
                }
            }
            // A peer may ask for new keys as often as it likes, but it has to take the answers.
            if layer.hasOutput, !layer.isHolding, !flushTLS(layer) { throw .reset }
            if layer.session.output?.count ?? 0 > LoopLimits.tlsBacklog { throw .reset }
            if layer.hasEnded { return try endOfCarrier(taken) }
            guard layer.mayReceive else {
                mayRead = false
                if taken > 0 { return taken }
                if layer.isHolding, !flushTLS(layer) { throw .reset }
                return nil
            }
            // Records that bring nothing, such as new keys, cost more than they take to send.
            if received >= LoopLimits.tlsBytesPerRead {
                if taken > 0 { return taken }
                throw .reset
            }
            let result = layer.receive(reactor, peerHasClosed: peerHasClosed)
            if result == 0 { return try endOfCarrier(taken) }
            if result > 0 { received += result }
            if result < 0, result != -Int(EAGAIN) {
                if taken > 0 { return taken }
                throw StreamError(errno: Int32(truncatingIfNeeded: -result))
            }
        }
    }

    /// The connection ended without a farewell, so whatever came may have been cut short.
    ///
    /// Source: RFC 8446 §6.1.
    private func endOfCarrier(_ taken: Int) throws(StreamError) -> Int {
        if taken > 0 { return taken }
        throw .truncated
    }

    /// Whether what came concerns nobody: over an encrypted stream TLS alone, as tickets do, over a
    /// simulated one what was taken while the news was on its way.
    public var isQuietAfterNews: Bool {
        switch transport {
        case .tls(let layer): isQuietTLS(layer)
        case .memory(let end): end.isQuiet
        case .socket, .nobody, .closed: false
        }
    }

    /// As `isQuiet`, of an encrypted stream: tickets may have come, which are no one's request.
    func isQuietTLS(_ layer: TLSLayer) -> Bool {
        if layer.session.hasEnded { return false }
        guard mayRead else { return isOpen && !layer.session.mayDecrypt }
        layer.prepareOutput(reactor)
        defer { layer.giveBuffers(reactor) }
        for _ in 0..<LoopLimits.tlsReceivesPerLook {
            if layer.session.mayDecrypt {
                guard case .wantsInput = layer.session.peek() else { return false }
            }
            if layer.hasOutput, !flushTLS(layer) { return false }
            guard layer.mayReceive else {
                mayRead = false
                return true
            }
            let result = layer.receive(reactor, peerHasClosed: peerHasClosed)
            if result <= 0, result != -Int(EAGAIN) { return false }
        }
        return false
    }

    /// As `send`, of an encrypted stream.
    func sendTLS(_ layer: TLSLayer, _ buffer: Buffer) throws(StreamError) {
        if buffer.isEmpty { return }
        layer.prepareOutput(reactor, for: layer.flightBytes(of: buffer.count))
        defer { layer.giveBuffers(reactor) }
        while mayWrite && !buffer.isEmpty {
            guard let output = layer.session.output else { return }
            output.reserve(layer.flightBytes(of: buffer.count))
            while !buffer.isEmpty && output.count < layer.flight {
                guard layer.session.encrypt(from: buffer) else {
                    mayRead = true
                    throw .closed
                }
            }
            if layer.farewellFollows, buffer.isEmpty {
                layer.isHolding = true
                return
            }
            guard flushTLS(layer) else {
                mayRead = true
                throw .closed
            }
            layer.flight =
                mayWrite ? min(layer.flight * 2, LoopLimits.tlsFlight) : LoopLimits.tlsFirstFlight
        }
    }

    /// Sends ciphertext as far as the kernel takes it now; the rest goes when it takes more.
    /// - Returns: False when the connection is broken.
    func flushTLS(_ layer: TLSLayer) -> Bool {
        guard layer.hasOutput else { return true }
        let result = layer.send()
        if result == 0 { return true }
        guard result == -Int(EAGAIN) else { return false }
        mayWrite = false
        return (try? watchWrites()) != nil
    }

    /// Takes in what the kernel reports for an encrypted stream.
    /// - Returns: The flags that are news to who reads and writes.
    func handleTLS(_ layer: TLSLayer, _ flags: UInt32) -> UInt32 {
        if flags & (gateway_in | gateway_rdhup | gateway_hup | gateway_err) != 0 {
            layer.mayReceive = true
        }
        guard flags & gateway_out != 0, layer.hasOutput else { return flags }
        let result = layer.send()
        layer.giveBuffers(reactor)
        if result == -Int(EAGAIN) { return flags & ~gateway_out }
        return result == 0 ? flags : flags | gateway_err
    }

    /// Says farewell, and ends this side once everything has been sent.
    func shutdownTLS(_ layer: TLSLayer) {
        layer.prepareOutput(reactor)
        layer.session.sendFarewell()
        layer.endsAfterOutput = true
        if layer.hasOutput {
            _ = flushTLS(layer)
        } else {
            _ = layer.send()
        }
        layer.giveBuffers(reactor)
    }

    /// Ends this side below TLS, as a broken peer does: for tests.
    public func endWithoutFarewell() {
        guard case .tls(let layer) = transport else { return }
        layer.endsAfterOutput = true
        _ = layer.send()
    }

    /// As `close`, of an encrypted stream.
    func closeTLS(_ layer: TLSLayer, abruptly: Bool) {
        // A farewell that had to wait behind other bytes would come out of place.
        if !abruptly && !isBroken && (layer.isHolding || !layer.hasOutput) {
            layer.prepareOutput(reactor)
            layer.session.sendFarewell()
            _ = layer.send()
        }
        layer.dropBuffers(reactor)
        layer.close(abruptly: abruptly)
    }
}
