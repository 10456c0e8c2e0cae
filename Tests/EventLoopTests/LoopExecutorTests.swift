import Testing

@testable import EventLoop

extension TestLoop {
    /// Whether this runs on the loop's own thread.
    fileprivate func isAtHome() -> Bool { executor.isCurrent }

    fileprivate func jobsInTurn(_ executor: LoopExecutor) -> UInt64 { executor.jobsRun }
}

@Suite("LoopExecutor")
struct LoopExecutorTests {
    @Test("A job from another thread wakes the loop and runs on the loop's thread")
    func foreignJobs() async throws {
        let loop = try TestLoop(simulation: nil, seed: 1)
        let thread = try LoopThread {
            loop.executor.run { busy in
                _ = loop.assumeIsolated { $0.turn(busy: busy) }
            }
        }
        // Each of these finds the loop asleep, with no timer to wake it.
        for _ in 0..<100 { #expect(await loop.isAtHome()) }
        #expect(!loop.executor.isCurrent)
        #expect(loop.executor.isIsolatingCurrentContext() == false)
        let answers = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<200 { group.addTask { await loop.isAtHome() } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.count == 200 && answers.allSatisfy { $0 })
        loop.executor.stop()
        thread.join()
    }

    @Test("What a task of the loop waits for leaves it on the loop's thread")
    func stays() throws {
        try withSockets { reactor in
            #expect(reactor.executor.isCurrent)
            for _ in 0..<10 {
                await reactor.yield()
                #expect(reactor.executor.isCurrent)
                await sleepAtHome(reactor)
            }
        }
    }

    @Test("A chain of jobs that never ends does not keep the loop from its sockets")
    func starvation() throws {
        let stop = Shared(false)
        try withSockets(
            { reactor in while !stop.value { await reactor.yield() } },
            { reactor in
                await reactor.sleep(until: reactor.now + 20_000_000)
                stop.value = true
            }
        )
    }

    @Test("Tasks that compute for long let the sockets come between any two of their pieces")
    func longPieces() throws {
        let pieces = Shared(0)
        let longest = Shared(0)
        let compute: Script = { reactor in
            for _ in 0..<50 {
                pieces.value += 1
                longest.value = max(longest.value, pieces.value)
                await reactor.yieldLong()
            }
        }
        // What is not a long piece of work may be done several times in a turn; each turn begins
        // with a look at the clock.
        let watch: Script = { reactor in
            var last = reactor.now
            for _ in 0..<400 {
                if reactor.now != last { pieces.value = 0 }
                last = reactor.now
                await reactor.yield()
            }
        }
        try withSockets(watch, compute, compute)
        // One of each task in a turn; a second one where the watcher had its look before them.
        #expect(longest.value <= 4)
    }

    @Test("Entering the loop from a foreign thread traps")
    func isolation() async {
        await #expect(processExitsWith: .failure) {
            let executor = try LoopExecutor(simulated: true)
            executor.checkIsolated()
        }
        await #expect(processExitsWith: .success) {
            let executor = try LoopExecutor(simulated: true)
            executor.bind()
            executor.checkIsolated()
        }
    }
}

/// Called from a loop, this stays on it, though it says nothing of where it runs.
private func sleepAtHome(_ reactor: Reactor) async {
    await reactor.sleep(until: reactor.now + 1)
    #expect(reactor.executor.isCurrent)
}
