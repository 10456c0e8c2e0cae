import Addressing
import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1

/// What waiting for a request came to.
enum Reception {
    /// A head has been received whole.
    case request
    /// Nothing came for a while: the connection may be parked.
    case quiet
    /// The connection is over.
    case ended(ConnectionEnd)
    /// What came is no request; the answer is due, and then the end.
    case failed(Failure)
}

extension Exchange {
    /// Waits for the next request and reads its head.
    @inline(__always)
    mutating func receive() async -> Reception {
        let settings = context.snapshot.configuration.connection
        parser.reset()
        if let ended = await awaitFirstByte(
            idleTimeout: settings.idleTimeout,
            headerTimeout: settings.headerTimeout
        ) {
            return ended
        }
        startClock()
        let deadline = times.started + settings.headerTimeout
        // The same for all of a head: the parser has counted by them when a reload brings others.
        let limits = context.snapshot.limits
        while let input = connection.input {
            switch parser.parse(
                input.readable,
                limits: limits,
                into: &request
            )
            {
            case .complete(let count):
                input.consume(count)
                bytesReceived = count
                connection.requestCount += 1
                return .request
            case .invalid(let reason):
                forgetRequest(input)
                return .failed(.rejected(reason))
            case .incomplete: break
            }
            do throws(StreamError) {
                input.reserve(LoopLimits.smallBuffer / 2)
                if try await connection.stream.read(into: input, deadline: deadline) == 0 {
                    return .ended(.clientClosed)
                }
            } catch .timedOut {
                forgetRequest(input)
                return .failed(.refused(.headerTimeout))
            } catch {
                return .ended(.reset)
            }
        }
        return .ended(.clientClosed)
    }

    /// Notes that a request begins now.
    @inline(__always)
    mutating func startClock() {
        times = Times()
        times.started = context.reactor.now
        times.startedUnixMilliseconds = context.reactor.wallNow / 1_000_000
    }

    /// Takes in the head of a request that is to be refused whatever it says, as far as it is here:
    /// for the log, and since HEAD wants no content.
    mutating func receiveRefused() {
        startClock()
        bytesReceived = 0
        request.removeAll()
        guard let input = connection.input else { return }
        parser.reset()
        let limits = context.snapshot.limits
        let result = parser.parse(input.readable, limits: limits, into: &request)
        guard case .complete(let count) = result else { return forgetRequest(input) }
        input.consume(count)
        bytesReceived = count
    }

    /// Forgets what was understood of a request that is none.
    ///
    /// But one that began as HEAD gets an answer without content. Source: RFC 9110 §9.3.2.
    private mutating func forgetRequest(_ input: Buffer) {
        bytesReceived = input.count
        request.removeAll()
        let bytes = input.readable
        if bytes.count >= 5 && bytes.extracting(0..<5).equals("HEAD ") { request.method = .head }
    }

    /// Waits until there is a byte of a request; the connection holds no buffer while it waits.
    /// - Returns: nil when there is one.
    @inline(__always)
    private mutating func awaitFirstByte(idleTimeout: Int64, headerTimeout: Int64)
        async -> Reception?
    {
        let stream = connection.stream
        let isFirst = connection.requestCount == 0
        while true {
            if let input = connection.input, !input.isEmpty { return nil }
            if stream.mayRead {
                let input = connection.input ?? context.reactor.buffers.take()
                connection.input = input
                do throws(StreamError) {
                    if let count = try stream.receive(into: input) {
                        return count > 0 ? nil : .ended(.clientClosed)
                    }
                } catch {
                    return .ended(.reset)
                }
            }
            releaseBuffers()
            let end = connection.idleSince + (isFirst ? headerTimeout : idleTimeout)
            let now = context.reactor.now
            if now >= end { return .ended(.idleTimeout) }
            if context.isDraining { return .ended(.draining) }
            if context.warmCount >= ProxyLimits.warmConnections { return .quiet }
            context.warmCount += 1
            defer { context.warmCount -= 1 }
            do throws(StreamError) {
                try await stream.waitUntilReadable(deadline: min(end, now + ProxyLimits.parkAfter))
            } catch .timedOut {
                return context.reactor.now >= end ? .ended(.idleTimeout) : .quiet
            } catch .cancelled {
                return .ended(.draining)
            } catch {
                return .ended(.reset)
            }
        }
    }

    /// Gives back the buffers of a connection that has nothing to say.
    mutating func releaseBuffers() {
        if let input = connection.input {
            connection.input = nil
            context.reactor.buffers.give(input)
        }
        if let output {
            self.output = nil
            context.reactor.buffers.give(output)
        }
    }
}
