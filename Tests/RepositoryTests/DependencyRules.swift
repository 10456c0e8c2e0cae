/// Which module may know which: DESIGN.md §4.
extension Rule {
    /// Targets that take bytes and `now` and return decisions.
    private static let pureTargets: Set<String> = [
        "Bytes", "HTTP", "HTTP1", "Addressing", "Balancing", "Configuration", "Limiting",
    ]
    private static let pureModules: Set<String> = [
        "Swift", "Synchronization", "Bytes", "HTTP", "Addressing", "Limiting",
        // swift-collections
        "Collections", "BasicContainers", "BitCollections", "DequeModule", "HashTreeCollections",
        "HeapModule", "OrderedCollections",
    ]

    static let pureImports = lines(
        "Pure targets import only the standard library, Bytes, HTTP, Addressing, swift-collections",
        bad: [
            SourceFile("Sources/HTTP/A.swift", "import Glibc"),
            SourceFile("Sources/Balancing/A.swift", "public import Logging"),
            SourceFile("Sources/Addressing/A.swift", "import struct Foundation.Date"),
        ],
        good: [
            SourceFile("Sources/HTTP1/A.swift", "public import Bytes\nimport HTTP"),
            SourceFile("Sources/EventLoop/A.swift", "import Glibc"),
        ],
        in: { $0.isSource && $0.isSwift && pureTargets.contains($0.target) },
        objection: { file, index in
            file.imports.first { $0.line == index && !pureModules.contains($0.module) }
                .map { "the pure target \(file.target) imports \($0.module)" }
        }
    )

    /// Where the gateway touches the machine: in Telemetry what writes logs, and the one file that
    /// reads what the kernel says about this process.
    private static func mayTouchMachine(_ file: SourceFile) -> Bool {
        ["EventLoop", "Resolving", "TLS", "gateway"].contains(file.target)
            || file.path.hasPrefix("Sources/Telemetry/LogWriting/")
            || file.path.hasPrefix("Sources/Telemetry/OperationalLog/")
            || file.path == "Sources/Telemetry/Metrics/ProcessFigures.swift"
    }
    private static let machineModules: Set<String> = [
        "Glibc", "Musl", "CLinux", "Foundation", "FoundationEssentials", "Dispatch", "System",
        "SystemPackage",
    ]
    private static let machineWords = [
        "ContinuousClock", "SuspendingClock", "clock_gettime", "gettimeofday", "Date()",
        "SystemRandomNumberGenerator", "randomElement()", "shuffled()", ".shuffle()", "Task.sleep",
        // These resume by way of the global pool; `Reactor.yield` and `WaitPoint` do not.
        "Task.yield", "withUnsafeContinuation", "withCheckedContinuation",
    ]

    static let noMachine = lines(
        "No clock, randomness, file or socket but in EventLoop, Resolving, log writing, gateway",
        bad: [
            SourceFile("Sources/Proxy/A.swift", "import Glibc"),
            SourceFile("Sources/Proxy/A.swift", "let now = ContinuousClock().now"),
            SourceFile("Sources/Balancing/A.swift", "let n = Int.random(in: 0..<9)"),
            SourceFile("Sources/Balancing/A.swift", "servers.shuffled()"),
            SourceFile("Sources/Proxy/A.swift", "await Task.yield()"),
            SourceFile("Sources/Telemetry/Metrics/A.swift", "import CLinux"),
        ],
        good: [
            SourceFile("Sources/Balancing/A.swift", "Int.random(in: 0..<9, using: &generator)"),
            SourceFile("Sources/EventLoop/A.swift", "import Glibc\nclock_gettime(a, b)"),
            SourceFile("Sources/Telemetry/LogWriting/A.swift", "import Glibc"),
            SourceFile("Sources/Proxy/A.swift", "// ContinuousClock is not used here"),
        ],
        in: { $0.isSource && $0.isSwift && !mayTouchMachine($0) },
        objection: { file, index in
            if let use = file.imports.first(where: {
                $0.line == index && machineModules.contains($0.module)
            }) {
                return "\(file.target) imports \(use.module)"
            }
            let line = file.code[index]
            if let word = machineWords.first(where: { line.contains($0) }) { return "uses \(word)" }
            let isUnseeded = line.contains(".random(") && !line.contains("using:")
            return isUnseeded ? "draws a random number from no seeded generator" : nil
        }
    )

    static let oneImporter = Rule(
        name: "Each C module has exactly one importing target",
        bad: [
            [
                SourceFile("Sources/CZlib/module.modulemap", "module CZlib [system] {\n}"),
                SourceFile("Sources/A/A.swift", "import CZlib"),
                SourceFile("Sources/B/B.swift", "internal import CZlib"),
            ],
            [SourceFile("Sources/CZlib/module.modulemap", "module CZlib {\n}")],
        ],
        good: [
            [
                SourceFile("Sources/CZlib/module.modulemap", "module CZlib [system] {\n}"),
                SourceFile("Sources/A/A.swift", "import CZlib"),
                SourceFile("Sources/A/B.swift", "import CZlib"),
            ]
        ],
        violations: { files in
            files.filter { $0.isSource && $0.path.hasSuffix("/module.modulemap") }.compactMap {
                map in
                let importers = Set(
                    files.filter { file in
                        file.isSource && file.isSwift
                            && file.imports.contains { $0.module == map.target }
                    }.map(\.target)
                )
                guard importers.count != 1 else { return nil }
                return "\(map.path):1: \(map.target) is imported by \(importers.sorted())"
            }
        }
    )

    static let noProxyImport = lines(
        "Nothing imports Proxy but gateway and tests",
        bad: [SourceFile("Sources/Telemetry/A.swift", "import Proxy")],
        good: [
            SourceFile("Sources/gateway/A.swift", "import Proxy"),
            SourceFile("Tests/ProxyTests/A.swift", "@testable import Proxy"),
        ],
        in: { $0.isSource && $0.isSwift && $0.target != "gateway" },
        objection: { file, index in
            file.imports.contains { $0.line == index && $0.module == "Proxy" }
                ? "\(file.target) imports Proxy" : nil
        }
    )

    static let noFoundation = lines(
        "No Foundation in Sources, unless the line above says why (it costs start-up and memory)",
        bad: [
            SourceFile("Sources/gateway/A.swift", "import Foundation"),
            SourceFile("Sources/gateway/A.swift", "// Reason.\n\nimport FoundationEssentials"),
        ],
        good: [
            SourceFile("Sources/gateway/A.swift", "// Because of X.\nimport FoundationEssentials"),
            SourceFile("Tests/ATests/A.swift", "import Foundation"),
        ],
        in: { $0.isSource && $0.isSwift },
        objection: { file, index in
            guard let use = file.imports.first(where: { $0.line == index }),
                use.module.hasPrefix("Foundation")
            else { return nil }
            return hasReason(file, above: index) ? nil : "imports \(use.module) without a reason"
        }
    )

    /// Whether a comment stands on the line, or right above it; attributes may stand between.
    static func hasReason(_ file: SourceFile, above index: Int) -> Bool {
        if file.lines[index].contains("//") { return true }
        var line = index - 1
        while line >= 0 {
            let text = file.lines[line].drop { $0 == " " }
            if text.hasPrefix("//") { return true }
            if !text.hasPrefix("@") { return false }
            line -= 1
        }
        return false
    }
}
