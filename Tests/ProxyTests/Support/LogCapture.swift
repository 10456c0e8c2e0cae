import Foundation
import Telemetry
import Testing

/// Takes in what a world logs, whatever its configuration names as access logs.
final class LogCapture: Sendable {
    let writer: LogWriter
    let destination: LogDestination
    private let path: String

    init() throws {
        path = NSTemporaryDirectory() + "gateway-capture-\(UUID().uuidString)"
        writer = try LogWriter()
        destination = try writer.open(.file(path))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The lines of JSON, as objects; call it once, when the world has ended.
    func objects() throws -> [[String: String]] {
        #expect(writer.close(within: 60_000_000_000))
        return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
            let object = try JSONSerialization.jsonObject(with: Data($0.utf8))
            let members = try #require(object as? [String: Any])
            return members.mapValues { "\($0)" }
        }
    }
}
