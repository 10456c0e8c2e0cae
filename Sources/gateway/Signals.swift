import Glibc

/// The signals that the gateway understands, taken by one thread that does nothing else.
enum Signals {
    /// What a signal asks for.
    enum Request {
        case stop
        case reload
        case reopenLogs
        /// All loops have ended: sent by the process to itself.
        case ended
    }

    /// Blocks the signals in this thread and in all that it starts, so that only `next` takes them.
    static func block() {
        var set = self.set
        // The set is initialised below and lives through the call.
        _ = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        // A peer that is gone is an error of the write, not the end of the process.
        _ = signal(SIGPIPE, SIG_IGN)
    }

    /// Waits for the next signal.
    static func next() -> Request {
        var set = self.set
        while true {
            var number: Int32 = 0
            // Both live through the call.
            guard unsafe sigwait(&set, &number) == 0 else { continue }
            switch number {
            case SIGTERM, SIGINT: return .stop
            case SIGHUP: return .reload
            case SIGUSR1: return .reopenLogs
            case SIGUSR2: return .ended
            default: continue
            }
        }
    }

    /// Tells the waiting thread that all loops have ended.
    static func announceEnd() { kill(getpid(), SIGUSR2) }

    private static var set: sigset_t {
        var set = sigset_t()
        // The set lives through the calls.
        unsafe sigemptyset(&set)
        for number in [SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2] {
            _ = unsafe sigaddset(&set, number)
        }
        return set
    }
}
