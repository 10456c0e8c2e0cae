import Glibc

/// The life of the writer's thread.
struct LogThread {
    private let queue: LogQueue
    private var files: [Int: LogFile] = [:]

    init(queue: LogQueue) {
        self.queue = queue
    }

    /// Writes until asked to stop.
    consuming func run() {
        blockSignals()
        nameThread()
        var removed: Set<Int> = []
        while true {
            let work = queue.take()
            let now = monotonicNanoseconds()
            for new in work.opened {
                files[new.index] = LogFile(
                    target: new.target,
                    descriptor: new.descriptor,
                    checkInterval: queue.limits.checkInterval,
                    now: now
                )
            }
            for batch in work.batches { files[batch.destination.index]?.enqueue(batch) }
            removed.formUnion(work.removed)
            for index in files.keys { writeOut(index, now: now) }
            if work.reopen { reopenAll() }
            let isLate = work.deadline.map { now >= $0 } ?? false
            for index in removed where isLate || files[index]?.stalledDescriptor == nil {
                closeFile(index)
                removed.remove(index)
            }
            let stalled = files.values.compactMap(\.stalledDescriptor)
            if work.deadline != nil && (isLate || stalled.isEmpty) { break }
            wait(stalled: stalled, deadline: work.deadline, now: now)
        }
        for index in Array(files.keys) { closeFile(index) }
        queue.announceEnd()
    }

    private mutating func writeOut(_ index: Int, now: Int64) {
        guard let outcome = files[index]?.write(now: now) else { return }
        if outcome.released > 0 || outcome.reopened > 0 {
            queue.settle(outcome, destination: index)
        }
    }

    private mutating func reopenAll() {
        for index in files.keys where files[index]?.reopen() == true {
            queue.settle(LogFile.Outcome(reopened: 1), destination: index)
        }
    }

    private mutating func closeFile(_ index: Int) {
        if let outcome = files[index]?.close() { queue.settle(outcome, destination: index) }
        files[index] = nil
        queue.forget(index)
    }

    /// Sleeps until there is work, room in a stalled destination, or the deadline.
    private func wait(stalled: [Int32], deadline: Int64?, now: Int64) {
        var entries = [pollfd(fd: queue.wakeRead, events: Int16(POLLIN), revents: 0)]
        for descriptor in stalled {
            entries.append(pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0))
        }
        let timeout = deadline.map { milliseconds(max(0, $0 - now)) } ?? -1
        // The return value does not matter: whatever woke the thread, it looks at everything.
        _ = unsafe poll(&entries, nfds_t(entries.count), timeout)
        var drain = [UInt8](repeating: 0, count: 64)
        _ = unsafe read(queue.wakeRead, &drain, drain.count)
    }

    /// Leaves the process's signals to the threads that expect them; a write to a pipe without a
    /// reader then also fails with EPIPE instead of ending the process.
    private func blockSignals() {
        var signals = sigset_t()
        _ = unsafe sigfillset(&signals)
        _ = unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// Names the thread for `top -H` and debuggers, through the file that needs no C macro.
    private func nameThread() {
        let descriptor = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        let name: StaticString = "gateway-log"
        _ = unsafe write(descriptor, name.utf8Start, name.utf8CodeUnitCount)
        _ = close(descriptor)
    }
}
