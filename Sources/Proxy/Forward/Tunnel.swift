import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

extension Exchange {
    /// Turns both connections into a tunnel, as a WebSocket wants it, until both sides have ended
    /// or nothing moves for the route's `tunnel` time.
    ///
    /// Source: RFC 9110 §7.8.
    mutating func openTunnel(_ upstream: UpstreamLoop, _ connection: UpstreamConnection)
        async throws(Failure)
    {
        guard let output, let fromUpstream = connection.input else { return }
        keepsConnection = false
        status = 101
        writeUpgradeHead(to: output)
        // Before the tunnel: the content that stood at the front of the input has been sent.
        releaseContent()
        // What either side sent ahead belongs to the tunnel.
        output.move(fromUpstream.count, from: fromUpstream)
        progress = .tunnelled
        end = .tunnelEnded
        context.metrics.add(.tunnelsOpened)
        context.metrics.adjust(.tunnelsOpen, by: 1)
        context.openTunnels += 1
        let toUpstream = context.reactor.buffers.take()
        if let input = self.connection.input { toUpstream.move(input.count, from: input) }
        gather(connection.stream)
        var state = TunnelState()
        var rounds = 0
        while await carry(connection, toClient: output, toUpstream: toUpstream, &state) {
            rounds &+= 1
            if rounds % ProxyLimits.roundsPerTurn == 0 { await context.reactor.yield() }
        }
        scatter(connection.stream)
        context.reactor.buffers.give(toUpstream)
        context.metrics.adjust(.tunnelsOpen, by: -1)
        context.openTunnels -= 1
        times.upstreamEnded = context.reactor.now
        dropUpstream(upstream)
    }

    /// Which directions have ended.
    private struct TunnelState {
        var clientEnded = false
        var upstreamEnded = false
        var toldClient = false
        var toldUpstream = false
    }

    private mutating func writeUpgradeHead(to output: Buffer) {
        output.append("HTTP/1.1 101 Switching Protocols\r\n")
        let rules = route?.route.policy.responseHeaders ?? []
        if !rules.isEmpty { response.fields.remove(by: rules) }
        output.writeEndToEndFields(of: response.fields, skipping: [.contentLength, .xRequestID])
        output.append("X-Request-ID: ")
        requestID.write(to: output)
        output.append("\r\n")
        if !rules.isEmpty { write(rules, to: output) }
        output.append("Connection: upgrade\r\n")
        if let index = response.fields.first(.upgrade) {
            output.writeField("Upgrade", value: response.fields.value(at: index))
        }
        output.writeEndOfHead()
    }

    /// Moves what can be moved in both directions, and waits for more.
    /// - Returns: Whether the tunnel goes on.
    private mutating func carry(
        _ connection: UpstreamConnection,
        toClient: Buffer,
        toUpstream: Buffer,
        _ state: inout TunnelState
    ) async -> Bool {
        let client = self.connection.stream
        let upstream = connection.stream
        do throws(StreamError) {
            state.clientEnded = try pull(from: client, into: toUpstream) || state.clientEnded
            state.upstreamEnded = try pull(from: upstream, into: toClient) || state.upstreamEnded
            let before = toClient.count
            try client.send(toClient)
            noteSent(before - toClient.count)
            context.metrics.add(.bytesReceived, server: connection.series, before - toClient.count)
            try upstream.send(toUpstream)
            if state.clientEnded && toUpstream.isEmpty && !state.toldUpstream {
                upstream.shutdownWrite()
                state.toldUpstream = true
            }
            if state.upstreamEnded && toClient.isEmpty && !state.toldClient {
                client.shutdownWrite()
                state.toldClient = true
            }
            if state.toldClient && state.toldUpstream && !upstream.hasUnsent { return false }
            // Reset: what the other end still says can reach nobody.
            if client.isBroken && state.clientEnded && toUpstream.isEmpty { return false }
            if upstream.isBroken && state.upstreamEnded && toClient.isEmpty { return false }
            if canMove(client, toUpstream, ended: state.clientEnded)
                || canMove(upstream, toClient, ended: state.upstreamEnded)
            {
                return true
            }
            try client.watch()
            try upstream.watch()
            if !toClient.isEmpty { try client.watchWrites() }
            if !toUpstream.isEmpty { try upstream.watchWrites() }
        } catch {
            return false
        }
        let timeout = timeouts.tunnel
        return await gathering.wait(until: context.reactor.now + timeout) == .ready
    }

    /// - Returns: Whether the stream has ended.
    private mutating func pull(from stream: EventLoop.Stream, into buffer: Buffer)
        throws(StreamError) -> Bool
    {
        guard stream.mayRead && buffer.count < ProxyLimits.tunnelBuffer else { return false }
        buffer.reserve(LoopLimits.smallBuffer / 2)
        guard let count = try stream.receive(into: buffer) else { return false }
        return count == 0
    }

    private mutating func canMove(_ stream: EventLoop.Stream, _ buffer: Buffer, ended: Bool) -> Bool
    {
        stream.mayRead && !ended && buffer.count < ProxyLimits.tunnelBuffer
    }
}
