import CCares
import Glibc
import Synchronization

/// Turns host names into addresses on a thread of its own, again and again by their TTL.
///
/// One for a process. No caller ever waits: a name is registered with `watch`, and what becomes
/// known of it is reported on the resolver's thread. A name that cannot be resolved any more keeps
/// its last good addresses.
public final class Resolver: Sendable {
    /// A registered interest in a name, to be given back with `unwatch`.
    public struct Watch: Hashable, Sendable {
        let id: UInt64
    }

    /// The longest wait in `poll`, in milliseconds, so that no wrong sum can stop the thread.
    static let maximumPollMilliseconds: Int64 = 60_000

    private let inbox: ResolverInbox
    /// Nil once it has been joined.
    private let thread: Mutex<pthread_t?>

    /// Starts the thread.
    /// - Parameters:
    ///   - servers: Name servers as `address:port,…` in place of those of /etc/resolv.conf; then
    ///     no search domains are used.
    ///   - limits: How long and how often to ask.
    /// - Throws: `system` if there is no thread or no descriptor to be had.
    public init(
        servers: String? = nil,
        limits: ResolverLimits = ResolverLimits()
    ) throws(ResolutionError) {
        inbox = ResolverInbox(wake: try WakeEvent(), servers: servers, limits: limits)
        thread = Mutex(try startResolverThread(inbox))
    }

    deinit { shutdown() }

    /// Registers interest in a name, which is asked for at once.
    ///
    /// The first report comes when the first attempt has ended, or at once if the name is known
    /// already; further ones when the addresses or the kind of state change.
    /// - Parameters:
    ///   - host: A host name; an address in text form is its own answer.
    ///   - onChange: Called on the resolver's thread; must not block. May be called once more
    ///     while `unwatch` returns.
    /// - Returns: What `unwatch` takes.
    public func watch(
        _ host: String,
        onChange: @escaping @Sendable (Resolution) -> Void
    ) -> Watch {
        Watch(id: inbox.watch(host, onChange))
    }

    /// Ends an interest; a name that nobody is interested in is forgotten.
    public func unwatch(_ watch: Watch) {
        inbox.post(.unwatch(watch.id))
    }

    /// Asks for all names at once, whatever their TTL; for tests, and after a change of network.
    public func refreshNow() {
        inbox.post(.refresh)
    }

    /// Ends the thread and waits until it has ended; no report comes after that.
    ///
    /// Called from a report, it does not wait.
    public func shutdown() {
        inbox.shutDown()
        guard let thread = thread.withLock({ $0.take() }) else { return }
        if pthread_equal(thread, pthread_self()) != 0 {
            pthread_detach(thread)
        } else {
            pthread_join(thread, nil)
        }
    }
}

/// What callers leave for the thread.
final class ResolverInbox: Sendable {
    enum Message: Sendable {
        case watch(UInt64, host: String, onChange: @Sendable (Resolution) -> Void)
        case unwatch(UInt64)
        case refresh
    }

    private struct State {
        var messages: [Message] = []
        var isShutDown = false
        var nextID: UInt64 = 0
    }

    let wake: WakeEvent
    let servers: String?
    let limits: ResolverLimits
    private let state = Mutex(State())

    init(wake: WakeEvent, servers: String?, limits: ResolverLimits) {
        self.wake = wake
        self.servers = servers
        self.limits = limits
    }

    func watch(_ host: String, _ onChange: @escaping @Sendable (Resolution) -> Void) -> UInt64 {
        let id = state.withLock { state in
            state.nextID += 1
            if !state.isShutDown {
                state.messages.append(.watch(state.nextID, host: host, onChange: onChange))
            }
            return state.nextID
        }
        wake.signal()
        return id
    }

    func post(_ message: Message) {
        state.withLock { if !$0.isShutDown { $0.messages.append(message) } }
        wake.signal()
    }

    func shutDown() {
        state.withLock { state in
            state.isShutDown = true
            state.messages.removeAll()
        }
        wake.signal()
    }

    /// Takes all messages in order; nil once shut down.
    func take() -> [Message]? {
        state.withLock { state in
            if state.isShutDown { return nil }
            defer { state.messages.removeAll() }
            return state.messages
        }
    }
}

/// Starts a thread that runs until the inbox is shut down, with all signals blocked: they are the
/// business of the process's own threads.
private func startResolverThread(_ inbox: ResolverInbox) throws(ResolutionError) -> pthread_t {
    var thread = pthread_t()
    var all = sigset_t()
    var before = sigset_t()
    // Pointers to locals, used during the calls only. The new thread inherits the mask and takes
    // over the reference that is passed; if there is no thread, it is given back here.
    unsafe sigfillset(&all)
    unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
    let argument = unsafe Unmanaged.passRetained(inbox)
    let status = unsafe pthread_create(
        &thread,
        nil,
        { argument in
            guard let argument = unsafe argument else { return nil }
            let inbox = unsafe Unmanaged<ResolverInbox>.fromOpaque(argument).takeRetainedValue()
            unsafe gateway_name_thread("resolver")
            ResolverLoop(inbox).run()
            return nil
        },
        argument.toOpaque()
    )
    unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
    guard status == 0 else {
        unsafe argument.release()
        throw .system("no thread for the resolver: \(errorText(status))")
    }
    return thread
}
