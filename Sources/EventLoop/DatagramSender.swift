import Addressing
import CLinux

/// Sends single messages over a unix datagram socket: what service managers listen to.
public enum DatagramSender {
    /// Sends a message; who does not listen, misses it.
    /// - Parameters:
    ///   - message: Its bytes are one datagram.
    ///   - path: A path, or `@name` for an abstract socket.
    public static func send(_ message: String, toUnixSocket path: String) {
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        // The pointer is lent for the call only.
        let result = try? unsafe Sockets.withAddress(.unix(path: path)) {
            unsafe gateway_connect(descriptor, $0, $1)
        }
        guard result == 0 else { return }
        let bytes = Array(message.utf8)
        // The kernel reads the array's own bytes.
        _ = unsafe bytes.withUnsafeBytes {
            unsafe CLinux.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
    }
}
