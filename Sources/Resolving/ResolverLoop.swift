import Glibc

/// What the resolver's thread does: takes messages, asks for what is due, reports what changed.
final class ResolverLoop {
    private struct Name {
        let host: String
        var schedule: ResolutionSchedule
        var watchers: [(id: UInt64, onChange: @Sendable (Resolution) -> Void)]
    }

    private let inbox: ResolverInbox
    /// By number; a number is never used again, so a late answer cannot meet another name.
    private var names: [Int: Name] = [:]
    private var numbers: [String: Int] = [:]
    private var nextNumber = 0
    /// Open while queries run; a new one reads /etc/resolv.conf again.
    private var channel: LookupChannel?
    private var queryCount = 0

    init(_ inbox: ResolverInbox) {
        self.inbox = inbox
    }

    /// Runs until the inbox is shut down.
    func run() {
        while let messages = inbox.take() {
            messages.forEach(handle)
            startDue(now: monotonicNow())
            reportFinished()
            wait()
        }
        channel?.close()
    }

    private func handle(_ message: ResolverInbox.Message) {
        switch message {
        case .watch(let id, let host, let onChange):
            let number = self.number(of: host)
            names[number]?.watchers.append((id, onChange))
            if let known = names[number]?.schedule.resolution { onChange(known) }
        case .unwatch(let id):
            guard let number = names.first(where: { $1.watchers.contains { $0.id == id } })?.key
            else { return }
            names[number]?.watchers.removeAll { $0.id == id }
            if names[number]?.watchers.isEmpty == true, let name = names.removeValue(forKey: number)
            {
                numbers[name.host] = nil
            }
        case .refresh:
            let now = monotonicNow()
            for number in names.keys { names[number]?.schedule.refresh(now: now) }
        }
    }

    /// The number of a name, a new one if nobody has been interested in it.
    private func number(of host: String) -> Int {
        if let number = numbers[host] { return number }
        nextNumber += 1
        numbers[host] = nextNumber
        names[nextNumber] = Name(
            host: host,
            schedule: ResolutionSchedule(limits: inbox.limits, now: monotonicNow()),
            watchers: []
        )
        return nextNumber
    }

    private func startDue(now: Int64) {
        for (number, name) in names where name.schedule.isDue(now: now) {
            guard queryCount < inbox.limits.maximumQueryCount else { return }
            names[number]?.schedule.begin()
            do throws(ResolutionError) {
                try openChannel().ask(name.host, id: number)
                queryCount += 1
            } catch {
                end(number, .failure(error))
            }
        }
    }

    private func openChannel() throws(ResolutionError) -> LookupChannel {
        if let channel { return channel }
        let fresh = try LookupChannel(servers: inbox.servers, limits: inbox.limits)
        channel = fresh
        return fresh
    }

    private func reportFinished() {
        for (number, outcome) in channel?.takeFinished() ?? [] {
            queryCount -= 1
            end(number, outcome)
        }
        if queryCount == 0 {
            channel?.close()
            channel = nil
        }
    }

    private func end(_ number: Int, _ outcome: Result<ResolvedAnswer, ResolutionError>) {
        // Nobody may be interested any more.
        guard let news = names[number]?.schedule.end(outcome, now: monotonicNow()) else { return }
        for watcher in names[number]?.watchers ?? [] { watcher.onChange(news) }
    }

    /// Waits for a message, a socket, or the next time something is due.
    private func wait() {
        var descriptors = [pollfd(fd: inbox.wake.descriptor, events: Int16(POLLIN), revents: 0)]
        descriptors += channel?.descriptors() ?? []
        let timeout = pollMilliseconds(now: monotonicNow())
        // The array has the count that is passed. A failure is like nothing having happened.
        let count = unsafe poll(&descriptors, nfds_t(descriptors.count), timeout)
        if count > 0, descriptors[0].revents != 0 { inbox.wake.clear() }
        channel?.process(count > 0 ? descriptors[1...] : [])
        reportFinished()
    }

    private func pollMilliseconds(now: Int64) -> Int32 {
        var wait = Resolver.maximumPollMilliseconds
        if queryCount < inbox.limits.maximumQueryCount {
            for name in names.values {
                guard let next = name.schedule.nextAttempt else { continue }
                // Rounded up, so that the thread does not wake just before the time.
                wait = min(wait, max(0, next &- now &+ 999_999) / 1_000_000)
            }
        }
        if let timeout = channel?.timeoutMilliseconds() { wait = min(wait, Int64(timeout)) }
        return Int32(clamping: wait)
    }
}
