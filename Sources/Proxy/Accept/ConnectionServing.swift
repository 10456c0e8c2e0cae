import Addressing
import Bytes
import Configuration
import EventLoop

extension Exchange {
    /// Requests answered in a row before the other connections of the loop get a turn: a client
    /// that sends without pause never makes this one wait.
    private static let requestsPerTurn = 32

    /// Serves one request after the other.
    /// - Returns: Why the connection ended, or nil when it has been parked.
    mutating func serveConnection() async -> ConnectionEnd? {
        if connection.needsProxyHeader {
            guard await readProxyHeader() else { return close(.invalidProxyHeader) }
        }
        if connection.needsHandshake {
            if let end = await beginSecurely() { return end }
        }
        var served = 0
        while true {
            connection.isIdle = true
            let reception = await receive()
            connection.isIdle = false
            switch reception {
            case .request:
                if await !run() { return await finish() }
                served += 1
                if served % Exchange.requestsPerTurn == 0 { await context.reactor.yield() }
            case .quiet:
                guard let isParked = park() else { return close(.failed) }
                if isParked { return nil }
            case .ended(let reason):
                if connection.stream.hasUnsent {
                    end = reason
                    return await finish()
                }
                return close(reason)
            case .failed(let failure):
                await reject(failure)
                return await finish()
            }
        }
    }

    /// Carries out the TLS handshake that is due.
    /// - Returns: Why the connection ended, or nil when it is secure.
    private mutating func beginSecurely() async -> ConnectionEnd? {
        connection.needsHandshake = false
        // A reload may have taken TLS from the listener since the connection was accepted.
        guard let server = context.tlsServer(of: connection.listener) else {
            return close(.handshakeFailed)
        }
        switch await secure(server) {
        case .done:
            releaseBuffers()
            return nil
        case .failed:
            releaseBuffers()
            return close(.handshakeFailed)
        case .plainHTTP:
            await rejectPlainHTTP()
            end = .handshakeFailed
            return await finish()
        }
    }

    /// Gives up the task until the client speaks.
    /// - Returns: False when it has spoken already, nil when the system cannot watch it.
    private mutating func park() -> Bool? {
        let settings = context.snapshot.configuration.connection
        let isFirst = connection.requestCount == 0
        let end = connection.idleSince + (isFirst ? settings.headerTimeout : settings.idleTimeout)
        connection.isIdle = true
        return try? connection.stream.park(until: end)
    }

    private mutating func close(_ reason: ConnectionEnd) -> ConnectionEnd {
        connection.stream.close()
        return reason
    }

    /// Closes the connection so that the last response arrives.
    private mutating func finish() async -> ConnectionEnd {
        let stream = connection.stream
        if connection.isSecure && stream.isOpen && !stream.isBroken {
            // Before its handshake's end a client cannot be told farewell. If it never comes to
            // that, the connection is closed below without one.
            if connection.isEarly { try? await awaitHandshake() }
            // The farewell has to arrive like the bytes before it. The end of this side comes by
            // itself, with the close.
            stream.sayFarewell()
            if stream.hasUnsent {
                // Whatever becomes of this, the connection is closed below.
                try? await stream.flush(deadline: context.reactor.now + timeouts.send)
            }
        }
        let mayHaveMore =
            stream.mayRead || !requestBody.isComplete || !(connection.input?.isEmpty ?? true)
        if stream.isOpen && mayHaveMore && !stream.isBroken {
            releaseBuffers()
            await stream.closeLingering(
                deadline: context.reactor.now + ProxyLimits.lingerTime,
                limit: ProxyLimits.lingerBytes
            )
        } else {
            stream.close()
        }
        return end
    }

    /// Reads the header that a proxy in front puts before everything else.
    private mutating func readProxyHeader() async -> Bool {
        let input = connection.input ?? context.reactor.buffers.take()
        connection.input = input
        let deadline =
            context.reactor.now + context.snapshot.configuration.connection.headerTimeout
        while true {
            switch ProxyHeader.read(input.readable) {
            case .complete(let count, let header):
                input.consume(count)
                connection.proxyHeader = header
                connection.needsProxyHeader = false
                return true
            case .invalid: return false
            case .incomplete:
                if input.count > ProxyLimits.proxyHeaderBytes { return false }
            }
            do throws(StreamError) {
                input.reserve(ProxyLimits.proxyHeaderBytes)
                if try await connection.stream.read(into: input, deadline: deadline) == 0 {
                    return false
                }
            } catch {
                return false
            }
        }
    }

    // MARK: Memory

    /// Takes memory that an earlier connection left.
    mutating func takeStorage() {
        let storage = context.takeStorage()
        request = storage.request
        response = storage.response
        normalizedPath = storage.normalizedPath
    }

    /// Leaves its memory to the next connection.
    mutating func giveStorage() {
        var storage = MessageStorage()
        swap(&storage.request, &request)
        swap(&storage.response, &response)
        swap(&storage.normalizedPath, &normalizedPath)
        context.giveStorage(storage)
    }
}
