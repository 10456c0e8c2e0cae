import Bytes
import Foundation
import HTTP
import HTTP1
import Testing

/// Requests collected by others: `accept` must be forwarded, `reject` must not reach an origin as a
/// request, `safe` may do either, as long as what is forwarded can be read in one way only.
struct Vector: Decodable, CustomTestStringConvertible {
    var id: String
    var raw: String
    var want: String
    var testDescription: String { "\(want) \(id)" }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../shared/vectors").standardizedFileURL

    static var present: Bool { !all.isEmpty }

    static let all: [Vector] = ["llhttp", "guardian", "smuggler-default"].flatMap { name in
        struct File: Decodable { var vectors: [Vector] }
        let url = folder.appending(path: "\(name).json")
        guard let data = try? Data(contentsOf: url) else { return [Vector]() }
        return (try? JSONDecoder().decode(File.self, from: data).vectors) ?? []
    }
}

@Suite("Requests collected by others", .enabled(if: Vector.present))
struct VectorTests {
    @Test("Accepted, refused, and never ambiguous", arguments: Vector.all)
    func vector(item: Vector) {
        let forwarded = Forwarded(latin1(item.raw))
        switch item.want {
        case "accept":
            #expect(
                forwarded.requests.count >= 1,
                "refused: \(String(describing: forwarded.refused))"
            )
        case "reject":
            #expect(forwarded.requests.isEmpty)
        default: break
        }
        for request in forwarded.requests { expectUnambiguous(request) }
    }

    @Test("Byte by byte, the same heads are read", arguments: Vector.all)
    func byteByByte(item: Vector) {
        // A line that has not ended may be refused later when it grows byte by byte: end it.
        let raw = item.raw + "\r\n"
        #expect(feedBytes(raw) == parseRequest(raw).0)
    }
}
