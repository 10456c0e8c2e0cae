import EventLoop
import Testing

@testable import Proxy

/// Choices of one actor in a randomised world: its own, so that one more choice of another's
/// changes nothing here.
struct Chance {
    private var generator: SeededGenerator

    init(seed: UInt64, _ actor: UInt64) {
        generator = SeededGenerator(
            seed: seed &* 0x9E37_79B9_7F4A_7C15 ^ actor &* 0xD1B5_4A32_D192_ED03
        )
    }

    /// True once in so many times.
    mutating func once(in times: Int) -> Bool { number(0..<times) == 0 }

    mutating func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &generator) }

    mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[number(0..<choices.count)]
    }

    /// Mostly small, now and then large.
    mutating func size(largest: Int) -> Int {
        switch number(0..<8) {
        case 0: 0
        case 1: number(0..<largest)
        default: number(1..<600)
        }
    }
}

/// A request that a client will send.
struct PlannedRequest: Sendable {
    enum Body: Sendable {
        case none
        case length(Int)
        case chunked(Int)

        var count: Int {
            switch self {
            case .none: 0
            case .length(let count), .chunked(let count): count
            }
        }
    }

    let id: Int
    let method: String
    let target: String
    /// What the client takes; the route `/coded/` alone compresses.
    let coding: String
    let isHTTP10: Bool
    let body: Body

    var isIdempotent: Bool { method != "POST" }

    init(id: Int, isHTTP10: Bool, largest: Int, chance: inout Chance) {
        self.id = id
        self.isHTTP10 = isHTTP10
        method = chance.pick(["GET", "GET", "HEAD", "POST", "POST", "PUT"])
        target = chance.pick(["/buffered/", "/streamed/", "/coded/"]) + "\(id)?id=\(id)"
        coding = chance.pick(["gzip", "br", "zstd", "deflate"])
        if method == "GET" || method == "HEAD" {
            body = .none
        } else if isHTTP10 || chance.once(in: 2) {
            body = .length(chance.size(largest: largest))
        } else {
            body = .chunked(chance.size(largest: largest))
        }
    }

    /// All of it, as it is sent.
    func bytes(_ chance: inout Chance) -> [UInt8] {
        var head = "\(method) \(target) HTTP/1.\(isHTTP10 ? 0 : 1)\r\nHost: shop\r\nX-Id: \(id)\r\n"
        head += "Accept-Encoding: \(coding)\r\n"
        let content = content(of: id, count: body.count)
        switch body {
        case .none: return Array((head + "\r\n").utf8)
        case .length(let count):
            head += "Content-Length: \(count)\r\n\r\n"
            return Array(head.utf8) + content
        case .chunked:
            head += "Transfer-Encoding: chunked\r\n\r\n"
            return Array(head.utf8) + chunked(content, &chance)
        }
    }
}

/// Content that can be told from any other request's, and its parts from each other.
func content(of id: Int, count: Int) -> [UInt8] {
    let word = Array("<\(id)>".utf8)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 16)
    var part = 0
    while bytes.count < count {
        bytes.append(contentsOf: word)
        bytes.append(contentsOf: "\(part)".utf8)
        part += 1
    }
    return Array(bytes.prefix(count))
}

/// Content in chunks of any size, with extensions and trailers now and then.
func chunked(_ content: [UInt8], _ chance: inout Chance) -> [UInt8] {
    var bytes: [UInt8] = []
    var start = 0
    while start < content.count {
        let end = min(content.count, start + chance.number(1..<max(2, content.count / 2 + 2)))
        let mark = chance.once(in: 4) ? ";note=\"a b\"" : ""
        bytes.append(contentsOf: "\(String(end - start, radix: 16))\(mark)\r\n".utf8)
        bytes.append(contentsOf: content[start..<end])
        bytes.append(contentsOf: "\r\n".utf8)
        start = end
    }
    bytes.append(contentsOf: (chance.once(in: 4) ? "0\r\nX-Sum: 1\r\n\r\n" : "0\r\n\r\n").utf8)
    return bytes
}

/// What the players of a randomised world know together; one thread touches it, see `World`.
final class Ledger: @unchecked Sendable {
    let seed: UInt64
    /// Whether all players behave: then every response must be whole.
    let isKind: Bool
    /// Bytes of the largest bodies.
    let largest: Int
    private var requests: [Int: PlannedRequest] = [:]
    private var arrivals: [Int: Int] = [:]
    private var tainted: Set<Int> = []
    private(set) var whole = 0
    private(set) var cut = 0
    private(set) var coded = 0
    private(set) var refused = 0
    private(set) var unanswered = 0
    /// Virtual times at which requests reached origins, in their order.
    private(set) var times: [Int64] = []

    init(seed: UInt64, isKind: Bool, largest: Int) {
        self.seed = seed
        self.isKind = isKind
        self.largest = largest
    }

    func plan(isHTTP10: Bool, _ chance: inout Chance) -> PlannedRequest {
        let request = PlannedRequest(
            id: requests.count + 1,
            isHTTP10: isHTTP10,
            largest: largest,
            chance: &chance
        )
        requests[request.id] = request
        return request
    }

    /// Takes note that a request's head has reached an origin.
    /// - Returns: What was planned, or nil when nobody sent such a request.
    func arrived(_ id: Int, at now: Int64) -> PlannedRequest? {
        times.append(now)
        arrivals[id, default: 0] += 1
        guard let request = requests[id] else { return nil }
        let count = arrivals[id] ?? 0
        if count > (request.isIdempotent ? 3 : 1) {
            fail("request \(id), \(request.method), reached origins \(count) times")
        }
        return request
    }

    /// Takes note that nonsense may stand in a request's content.
    func taint(_ request: PlannedRequest) { tainted.insert(request.id) }

    /// Whether a request's content can be told from any other.
    func isPure(_ request: PlannedRequest) -> Bool { !tainted.contains(request.id) }

    func countWhole() { whole += 1 }
    func countCut() { cut += 1 }
    func countCoded() { coded += 1 }
    func countRefused() { refused += 1 }
    func countUnanswered() { unanswered += 1 }

    /// Tells what happens, when one world runs alone.
    func trace(_ world: World, _ text: @autoclosure () -> String) {
        guard RandomisedTests.alone != nil else { return }
        let milliseconds = (world.now - 1_000_000_000_000) / 1_000_000
        print("\(milliseconds) ms: \(text())")
    }

    /// Records a broken promise, with how to see it again.
    func fail(_ problem: String) {
        Issue.record("\(problem) (seed \(seed); to run it alone: GATEWAY_SEED=\(seed))")
    }
}
