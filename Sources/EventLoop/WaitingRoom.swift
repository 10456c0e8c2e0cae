/// Where the tasks of one loop stand while they wait: the cheapest way to suspend that the language
/// has.
///
/// A task that calls an actor's method leaves its own executor for the actor's. The executor of the
/// waiting room's actor runs nothing: it hands the task's job to the wait point that the task came
/// for, and the point gives it to the loop's queue when the wait is over. A continuation does the
/// same by way of the runtime's look-up of a preferred executor, which costs six locks a request.
final class WaitingRoom: SerialExecutor {
    /// The room's actor, which the tasks enter.
    actor Door {
        private let room: WaitingRoom
        private var visits = 0

        init(room: WaitingRoom) { self.room = room }

        nonisolated var unownedExecutor: UnownedSerialExecutor {
            // The actor keeps its executor alive.
            unsafe UnownedSerialExecutor(ordinary: room)
        }

        /// Leaves the caller's executor, and returns when the wait that was prepared is over.
        ///
        /// Counting keeps the optimizer from finding that nothing here needs this actor.
        @inline(never)
        func enter() { visits &+= 1 }
    }

    private let loop: LoopExecutor
    /// Who comes in next: set by a wait point immediately before its task enters, or nil for a task
    /// that only gives the others their turn.
    // Only tasks of the loop enter, on the loop's thread, which `enqueue` checks.
    nonisolated(unsafe) var host: WaitPoint?

    init(loop: LoopExecutor) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        precondition(loop.isCurrent, "a wait of an event loop was begun on a foreign thread")
        let job = UnownedJob(job)
        guard let host = unsafe host else {
            loop.enqueue(job)
            return
        }
        unsafe self.host = nil
        host.hold(job)
    }

    func checkIsolated() { loop.checkIsolated() }
}
