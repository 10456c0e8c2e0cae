public import Addressing
import CLinux

extension Reactor {
    /// Connects to an address.
    /// - Parameters:
    ///   - address: An IP address and port, or a unix path.
    ///   - deadline: When to give up, in nanoseconds of the loop's clock.
    /// - Returns: A connected stream.
    /// - Throws: `.timedOut`, or the reason why it was refused.
    public func connect(to address: SocketAddress, deadline: Int64)
        async throws(StreamError) -> Stream
    {
        if let simulation {
            guard let stream = simulation.connect(to: address.description, reactor: self) else {
                throw .system(SystemError(number: ECONNREFUSED))
            }
            // As with a socket: nothing can have come yet.
            stream.mayRead = false
            return stream
        }
        let descriptor: Int32
        let isConnected: Bool
        do {
            descriptor = try Sockets.open(for: address)
        } catch { throw .system(error) }
        do {
            isConnected = try Sockets.connect(descriptor, to: address)
        } catch {
            close(descriptor)
            throw .system(error)
        }
        let stream = Stream(reactor: self, socket: descriptor)
        stream.mayRead = false
        if isConnected { return stream }
        stream.mayWrite = false
        do {
            try await stream.waitUntilWritable(deadline: deadline)
        } catch {
            stream.close()
            throw error
        }
        let failure = Sockets.pendingError(of: descriptor)
        guard failure == 0 else {
            stream.close()
            throw .system(SystemError(number: failure))
        }
        return stream
    }
}
