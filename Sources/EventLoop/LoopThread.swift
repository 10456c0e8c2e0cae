import CLinux
import Synchronization

/// A thread that runs one event loop to its end.
public struct LoopThread: Sendable {
    private let handle: pthread_t

    /// What the new thread is to run, held until it has started.
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Bytes of the thread's stack: a loop runs shallow code, and untouched pages cost nothing.
    private static let stackSize = 1 << 20

    /// Starts a thread; signals are left to the thread that waits for them.
    /// - Throws: The system's error.
    public init(_ run: @escaping @Sendable () -> Void) throws(SystemError) {
        var attributes = pthread_attr_t()
        var thread = pthread_t()
        // The attributes live through the calls; the body is retained here and released by the
        // new thread, or below if there is none.
        let result = { () -> Int32 in
            unsafe pthread_attr_init(&attributes)
            unsafe pthread_attr_setstacksize(&attributes, LoopThread.stackSize)
            let body = unsafe Unmanaged.passRetained(Body(run))
            let result = unsafe pthread_create(
                &thread,
                &attributes,
                { argument in
                    guard let argument = unsafe argument else { return nil }
                    let body = unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                    body.run()
                    return nil
                },
                body.toOpaque()
            )
            if result != 0 { unsafe body.release() }
            unsafe pthread_attr_destroy(&attributes)
            return result
        }()
        guard result == 0 else { throw SystemError(number: result) }
        handle = thread
    }

    /// Lets the thread end with nobody waiting for it: instead of `join`.
    public func detach() {
        _ = pthread_detach(handle)
    }

    /// Waits until the thread has ended.
    ///
    /// Call once.
    public func join() {
        _ = pthread_join(handle, nil)
    }
}
