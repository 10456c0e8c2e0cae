import Bytes
import EventLoop
import HTTP
import Testing

@testable import Proxy

/// What has to become of one request, as its server sees it.
enum Reaching: Equatable, Sendable {
    /// It does not come: what is stored answers.
    case not
    /// It comes, with none of the cache's own conditions.
    case whole
    /// It comes with these fields, which the cache has put there.
    case asking([String])
}

/// One request, what its server answers if it comes, and what becomes of it.
///
/// In fields `{-60}` is the date of a minute ago, `{rfc850 60}` and `{asctime 60}` that of a minute
/// ahead in the forms that are obsolete.
struct Step: Sendable {
    var method = "GET"
    var path = "/"
    var fields: [String] = []
    /// A status and its reason, then field lines.
    var answer: [String] = ["200 OK"]
    /// What the server sends as content; its step's number unless it says something else.
    var content: String?
    /// Seconds before it.
    var wait: Double = 0
    /// Seconds that the server takes.
    var pause: Double = 0
    /// Whether the server closes the connection instead of answering.
    var breaks = false
    /// Whether the server is asked only behind the response, so that it has to be waited for.
    var settles = false
    var reaching = Reaching.whole
    /// What the client's head must have, `!Name` what it must not have.
    var gets: [String] = []
    /// The content that the client must get; nil for that of the answer, if that came.
    var brings: String?

    /// A request that must be answered by what is stored.
    static func stored(
        _ fields: String...,
        path: String = "/",
        wait: Double = 0,
        gets: [String] = [],
        brings: String? = nil
    ) -> Step {
        var step = Step()
        step.path = path
        step.fields = fields
        step.wait = wait
        step.reaching = .not
        step.gets = gets
        step.brings = brings
        return step
    }

    /// A request that must reach the server.
    static func fetched(
        _ fields: String...,
        path: String = "/",
        wait: Double = 0,
        answer: [String] = ["200 OK"],
        reaching: Reaching = .whole,
        gets: [String] = [],
        brings: String? = nil
    ) -> Step {
        var step = Step()
        step.path = path
        step.fields = fields
        step.wait = wait
        step.answer = answer
        step.reaching = reaching
        step.gets = gets
        step.brings = brings
        return step
    }
}

/// A rule of caching, as steps through a gateway that show whether it is kept.
struct CacheRuleCase: CustomTestStringConvertible, Sendable {
    /// Section and what it says.
    let name: String
    var steps: [Step]
    /// What the route says besides `cache`.
    var options = ""
    var testDescription: String { name }

    init(_ name: String, _ steps: Step..., options: String = "") {
        self.name = name
        self.steps = steps
        self.options = options
    }

    /// A first answer, and whether a second request is answered by it.
    init(
        _ name: String,
        _ answer: String...,
        by first: [String] = [],
        then again: [String] = [],
        after wait: Double = 1,
        is reaching: Reaching
    ) {
        self.name = name
        var opening = Step()
        opening.fields = first
        opening.answer = answer
        var second = Step()
        second.fields = again
        second.wait = wait
        second.reaching = reaching
        steps = [opening, second]
    }

    /// Plays the steps.
    func play() throws {
        let configuration = "site * { listen $site; cache \(options); proxy $server }"
        try simulate(configuration) { world in
            let script = CacheScript(steps)
            let server = try world.origin()
            world.attend { world in
                while let peer = await server.next() {
                    world.attend { world in
                        try? await script.serve(peer, world)
                        peer.close()
                    }
                }
            }
            for number in steps.indices { try await script.ask(number, name, world) }
        }
    }
}

/// The playing of one rule; one thread touches it, see `World`.
private final class CacheScript: @unchecked Sendable {
    private let steps: [Step]
    /// What has reached the server, with the number of its step.
    private var seen: [(step: Int, head: ReceivedHead)] = []
    private var current = 0

    init(_ steps: [Step]) { self.steps = steps }

    /// Answers what comes, as the present step says.
    func serve(_ peer: Peer, _ world: World) async throws {
        while true {
            let head = try await peer.readHead()
            seen.append((current, head))
            let step = steps[current]
            var taken: [UInt8] = []
            let length = Int(head.value("Content-Length") ?? "") ?? 0
            try await peer.readBody(.length(length), into: &taken)
            if step.pause > 0 { await world.pass(seconds: step.pause) }
            if step.breaks { return }
            var lines = step.answer.map { dated($0, world) }
            lines[0] = "HTTP/1.1 " + lines[0]
            let status = Int(step.answer[0].prefix(3)) ?? 0
            let isEmpty = status == 204 || status == 304
            let content = isEmpty ? "" : step.content ?? "content \(current)"
            let saysLength = lines.contains { $0.lowercased().hasPrefix("content-length:") }
            if !isEmpty, !saysLength { lines.append("Content-Length: \(content.utf8.count)") }
            let isHead = head.start.hasPrefix("HEAD ")
            try await peer.send(
                raw: lines.joined(separator: "\n") + "\n\n" + (isHead ? "" : content)
            )
        }
    }

    /// Makes a step's request, and holds what comes of it against what should.
    func ask(_ number: Int, _ name: String, _ world: World) async throws {
        let step = steps[number]
        current = number
        await world.pass(seconds: step.wait)
        let client = try await world.client()
        let fields = step.fields.map { dated($0, world) }
        let lines = ["\(step.method) \(step.path) HTTP/1.1", "Host: a"] + fields
        try await client.send(raw: lines.joined(separator: "\n") + "\n\n")
        let head = try await client.readHead()
        var content: [UInt8] = []
        let hasNone = step.method == "HEAD" || head.status == 204 || head.status == 304
        if !hasNone {
            let length = head.value("Content-Length").flatMap { Int($0) }
            let framing = length.map { ReceivedFraming.length($0) } ?? .chunked
            try await client.readBody(framing, into: &content)
        }
        client.close()
        if step.settles { await world.pass(seconds: 1) }
        let place = "\(name), request \(number + 1)"
        check(seen.filter { $0.step == number }.map(\.head), step, place, world)
        let text = String(decoding: content, as: UTF8.self)
        if let brings = step.brings {
            #expect(text == brings, "\(place)")
        } else if step.reaching != .not, !hasNone, !step.breaks, step.answer[0] != "304 X" {
            #expect(text == step.content ?? "content \(number)", "\(place)")
        }
        var wanted = step.gets.map { dated($0, world) }
        if !(wanted.first?.hasPrefix("HTTP/") ?? false) { wanted.insert(head.start, at: 0) }
        let problems = HeadPattern(wanted).problems(in: head.lines)
        #expect(problems.isEmpty, "\(place): \(head.lines)")
    }

    private func check(
        _ reached: [ReceivedHead],
        _ step: Step,
        _ place: String,
        _ world: World
    ) {
        switch step.reaching {
        case .not: #expect(reached.isEmpty, "\(place): the server was asked")
        case .whole:
            #expect(!reached.isEmpty, "\(place): the server was not asked")
            for head in reached.prefix(1) {
                #expect(head.value("If-None-Match") == nil, "\(place)")
                #expect(head.value("If-Modified-Since") == nil, "\(place)")
            }
        case .asking(let fields):
            #expect(!reached.isEmpty, "\(place): the server was not asked")
            for head in reached.prefix(1) {
                let wanted = [head.start] + fields.map { dated($0, world) }
                let problems = HeadPattern(wanted).problems(in: head.lines)
                #expect(problems.isEmpty, "\(place): \(head.lines)")
            }
        }
    }

    /// A line with its dates put in.
    private func dated(_ line: String, _ world: World) -> String {
        guard let open = line.firstIndex(of: "{"), let close = line.firstIndex(of: "}") else {
            return line
        }
        let words = line[line.index(after: open)..<close].split(separator: " ")
        let offset = words.last.flatMap { Int64($0) } ?? 0
        let seconds = world.reactor.wallNow / 1_000_000_000 + offset
        let form = words.count > 1 ? String(words[0]) : ""
        let date = form.isEmpty ? fixdate(seconds) : obsoleteDate(seconds, form)
        return String(line[..<open]) + date + String(line[line.index(after: close)...])
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
private func fixdate(_ seconds: Int64) -> String {
    let buffer = Buffer()
    HTTPDate.write(seconds, to: buffer)
    return String(decoding: buffer.readable.bytes(), as: UTF8.self)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`, or `Sun Nov  6 08:49:37 1994`.
private func obsoleteDate(_ seconds: Int64, _ form: String) -> String {
    let words = fixdate(seconds).split(separator: " ").map(String.init)
    if form == "asctime" {
        let day = words[1].hasPrefix("0") ? " " + words[1].dropFirst() : words[1]
        return "\(words[0].dropLast()) \(words[2]) \(day) \(words[4]) \(words[3])"
    }
    let names = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
    let name = names.first { $0.hasPrefix(words[0].dropLast()) } ?? ""
    return "\(name), \(words[1])-\(words[2])-\(words[3].suffix(2)) \(words[4]) GMT"
}
