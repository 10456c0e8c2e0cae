import Configuration
import Foundation
import Testing

@testable import gateway

/// A folder of the test's own, removed afterwards.
final class TestFolder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory
            .appending(path: "gateway-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file and says where.
    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let file = path + "/" + name
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        return file
    }
}

@Suite("Configuration files on this machine")
struct FileAccessTests {
    @Test("A file and what it includes by a pattern are read")
    func includes() throws {
        let folder = try TestFolder()
        try folder.write("site a {\n    listen :81\n    respond 200\n}\n", to: "a.site")
        try folder.write("site b {\n    listen :82\n    respond 200\n}\n", to: "b.site")
        let main = try folder.write("include *.site\n", to: "gateway.conf")
        let configuration = try Configuration.load(main, access: .system)
        #expect(configuration.sites.map(\.name) == ["a", "b"])
    }

    struct UnreadableCase: CustomTestStringConvertible {
        let path: String
        let says: String
        var testDescription: String { says }
    }

    @Test(
        "What cannot be read is told in the system's words",
        arguments: [
            UnreadableCase(path: "/nowhere/gateway.conf", says: "No such file or directory"),
            UnreadableCase(path: "/", says: "Is a directory"),
            UnreadableCase(path: "/dev/zero", says: "larger than 16 MiB"),
            UnreadableCase(path: "/dev/null\0x", says: "No such file or directory"),
        ]
    )
    func unreadable(_ unreadable: UnreadableCase) {
        let error = #expect(throws: InvalidConfiguration.self) {
            try Configuration.load(unreadable.path, access: .system)
        }
        #expect(error?.description.contains(unreadable.says) == true)
    }
}

@Suite("What only the system can tell")
struct SystemCheckTests {
    private func findings(_ text: String, in folder: TestFolder) throws -> [String] {
        let main = try folder.write(text, to: "gateway.conf")
        return SystemCheck.findings(try Configuration.load(main, access: .system))
    }

    @Test("A configuration with everything in place has no findings")
    func good() throws {
        let folder = try TestFolder()
        let text = """
            access_log \(folder.path)/access.log
            site * {
                listen :81
                proxy 127.0.0.1:82
            }
            """
        #expect(try findings(text, in: folder) == [])
    }

    @Test("A missing socket, a file in its place and a missing folder of a log are found")
    func missing() throws {
        let folder = try TestFolder()
        let plain = try folder.write("", to: "plain")
        let text = """
            access_log \(folder.path)/none/access.log
            upstream app {
                server unix:\(folder.path)/app.sock
                server unix:\(plain)
            }
            site * {
                listen unix:\(folder.path)/none/gateway.sock
                buffer on directory=\(folder.path)/none
                proxy app
            }
            """
        let found = try findings(text, in: folder)
        #expect(found.count == 5)
        #expect(found.first?.contains("app.sock': No such file or directory") == true)
        #expect(found.contains { $0.hasSuffix("plain' is no socket") })
        #expect(found.contains { $0.hasPrefix("listen unix:") })
        #expect(found.contains { $0.hasPrefix("access_log ") })
        #expect(found.contains { $0.hasPrefix("buffer: ") })
    }

    @Test("A directory for stored responses that is not there is an error, as it is when it runs")
    func cachePath() throws {
        let folder = try TestFolder()
        func errors(_ path: String) throws -> [String] {
            let text = "cache_path \(path) 1g\nsite * { listen :81; cache; proxy 127.0.0.1:82 }"
            let main = try folder.write(text, to: "gateway.conf")
            let loaded = try Configuration.load(main, access: .system)
            #expect(SystemCheck.findings(loaded) == [])
            return SystemCheck.errors(loaded)
        }
        #expect(try errors(folder.path) == [])
        let missing = try errors(folder.path + "/none")
        #expect(missing.count == 1)
        #expect(missing.first?.hasPrefix("cache_path: '") == true)
        #expect(missing.first?.contains("No such file or directory") == true)
        let plain = try folder.write("", to: "plain")
        #expect(try errors(plain).first?.contains("is no folder") == true)
    }

    @Test("A name that does not resolve is found, and asked for once")
    func names() throws {
        let folder = try TestFolder()
        let text = """
            upstream app {
                server no-such-host.invalid:80
                server no-such-host.invalid:81
            }
            site * {
                listen :81
                proxy app
            }
            """
        let found = try findings(text, in: folder)
        #expect(found.count == 1)
        #expect(found.first?.contains("'no-such-host.invalid' cannot be resolved") == true)
    }
}

@Suite("Text for a terminal")
struct PrintableTests {
    @Test("Control characters do not reach the terminal")
    func controls() {
        #expect(printable("a\u{1B}[2J\nb\u{9B}é") == "a\u{FFFD}[2J\u{FFFD}b\u{FFFD}é")
    }
}
