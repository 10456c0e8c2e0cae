import Bytes
import Caching
import EventLoop
import Foundation
import HTTP
import Synchronization

@testable import Proxy

/// A directory for stored responses, with a clock and faults that a test decides on.
///
/// No thread runs: the test does each piece of work when it wants to, so a seed decides the order
/// of everything.
final class DiskFolder: Sendable {
    let path: String
    let now = Atomic<Int64>(1_000_000_000)
    /// Calls out of 256 that fail; not those for the journal.
    let faults = Atomic<Int>(0)
    /// Whether nothing can be read without waiting, as over NFS.
    let refusesNow = Atomic<Bool>(false)
    private let chance: Mutex<SeededGenerator>
    private let pending = Mutex<(call: StoredFiles.Call, action: @Sendable () -> Void)?>(nil)

    init(seed: UInt64 = 1) throws {
        path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        chance = Mutex(SeededGenerator(seed: seed))
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// What a process that starts makes of it.
    func open(budget: Int = 1 << 30) throws -> DiskTier {
        let files = try StoredFiles(path: path) { [weak self] call, path in
            self?.fault(call, path)
        }
        return try DiskTier(
            files,
            budget: budget,
            objectLimit: budget / 4,
            patience: 200_000_000,
            seed: 5,
            clock: { [weak self] in self?.now.load(ordering: .relaxed) ?? 0 }
        )
    }

    /// Lets something happen in the midst of the next call of a kind, as if another thread did it.
    func meanwhile(_ call: StoredFiles.Call, _ action: @escaping @Sendable () -> Void) {
        pending.withLock { $0 = (call, action) }
    }

    private func fault(_ call: StoredFiles.Call, _ path: String) -> SystemError? {
        if call == .readNow {
            let isRefused = refusesNow.load(ordering: .relaxed)
            return isRefused ? SystemError(number: EOPNOTSUPP) : nil
        }
        let action = pending.withLock { pending -> (@Sendable () -> Void)? in
            guard let (kind, action) = pending, kind == call, path != "journal" else { return nil }
            pending = nil
            return action
        }
        action?()
        let share = faults.load(ordering: .relaxed)
        guard share > 0, path != "journal" else { return nil }
        return chance.withLock { chance in
            guard Int.random(in: 0..<256, using: &chance) < share else { return nil }
            return SystemError(number: call == .write ? ENOSPC : EIO)
        }
    }

    func pass(seconds: Int64) { now.wrappingAdd(seconds * 1_000_000_000, ordering: .relaxed) }

    /// Names of the files that there are.
    var names: [String] {
        let all = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
        return all.filter { $0.split(separator: "/").count == 3 }
    }

    /// Names of those that are not complete.
    var leftovers: [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return all.filter { $0.hasPrefix("new") }
    }
}

extension DiskTier {
    /// Does all that there is to do.
    func work() {
        while case .more = spoolNext() {}
        while case .more = finishNext() {}
        while case .more = writeNext() {}
        while case .more = readNext() {}
        while case .more = scanNext() {}
        while case .more = writeNext() {}
    }
}

/// Takes what a thread brings.
final class RunCatcher: RunReader {
    private let runs = Mutex<[ContentRun?]>([])

    /// Whether something has come, or has been said not to.
    var hasCome: Bool { runs.withLock { !$0.isEmpty } }
    var run: ContentRun? { runs.withLock { $0.first ?? nil } }

    func take(_ run: ContentRun?) { runs.withLock { $0.append(run) } }
}
