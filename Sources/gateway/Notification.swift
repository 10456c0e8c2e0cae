import EventLoop
import Glibc

/// What the gateway tells, and is told by, the service manager that started it.
///
/// Source: sd_notify(3), sd_listen_fds(3).
enum ServiceManager {
    /// The first descriptor that systemd hands over.
    private static let firstDescriptor: Int32 = 3
    /// Sockets taken over at most.
    private static let descriptorLimit: Int32 = 64

    /// Says that start-up, or a reload, is complete.
    static func ready() { notify("READY=1\nSTATUS=Serving") }

    /// Says that a reload has begun.
    static func reloading() {
        notify("RELOADING=1\nMONOTONIC_USEC=\(SystemClock.monotonicNanoseconds() / 1000)")
    }

    /// Says that the gateway finishes what is in flight and ends.
    static func stopping() { notify("STOPPING=1\nSTATUS=Draining") }

    /// The descriptors of sockets that the process was started with.
    static func inheritedDescriptors() -> [Int32] {
        guard let process = variable("LISTEN_PID"), Int32(process) == getpid(),
            let text = variable("LISTEN_FDS"), let count = Int32(text), count > 0
        else { return [] }
        return (0..<min(count, descriptorLimit)).map { firstDescriptor + $0 }
    }

    private static func notify(_ message: String) {
        guard let path = variable("NOTIFY_SOCKET"), !path.isEmpty else { return }
        DatagramSender.send(message, toUnixSocket: path)
    }

    private static func variable(_ name: String) -> String? {
        // The environment is not changed while the process runs.
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }
}
