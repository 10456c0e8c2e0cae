import CCares
import Glibc

/// A counter of the kernel (eventfd) that ends another thread's `poll`.
final class WakeEvent: Sendable {
    /// Open until `deinit`.
    let descriptor: Int32

    init() throws(ResolutionError) {
        descriptor = gateway_wake_open()
        guard descriptor >= 0 else {
            throw .system("no descriptor for the resolver: \(errorText(errno))")
        }
    }

    deinit { close(descriptor) }

    /// Ends the `poll` that waits for `descriptor`, or the next one.
    func signal() {
        var one: UInt64 = 1
        // A pointer to a local of eight bytes. It fails only if the counter is full: then `poll`
        // ends anyhow.
        _ = unsafe write(descriptor, &one, 8)
    }

    /// Forgets all signals so far.
    func clear() {
        var count: UInt64 = 0
        // A pointer to a local of eight bytes.
        _ = unsafe read(descriptor, &count, 8)
    }
}

/// The system's words for an error number.
func errorText(_ number: Int32) -> String {
    // A C string that stays until the thread asks for the next one; it is copied at once.
    guard let text = unsafe strerror(number) else { return "error \(number)" }
    return unsafe String(cString: text)
}
