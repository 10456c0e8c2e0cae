/// Nanoseconds per message head, read and written: `swift run -c release --package-path
/// Benchmarks/micro`. Each figure is the median of several rounds.
import Bytes
import HTTP
import HTTP1

let request =
    "GET /products/shoes/running?colour=blue&size=42&page=3 HTTP/1.1\r\n"
    + "Host: shop.example.com\r\n"
    + "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    + "Chrome/126.0.0.0 Safari/537.36\r\n"
    + "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    + "*/*;q=0.8\r\n"
    + "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
    + "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    + "Referer: https://shop.example.com/products/shoes?colour=blue\r\n"
    + "Connection: keep-alive\r\n"
    + "Cookie: session=5f2b1c7e9a0d4e3c8b6a7f1e2d3c4b5a; theme=dark; consent=yes; "
    + "cart=eyJpdGVtcyI6W119; _ga=GA1.2.1234567890.1700000000\r\n"
    + "Upgrade-Insecure-Requests: 1\r\n"
    + "Sec-Fetch-Mode: navigate\r\n\r\n"

let response =
    "HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    + "Connection: keep-alive\r\nContent-Type: text/html; charset=utf-8\r\n"
    + "Content-Length: 120\r\nVary: Cookie\r\n\r\n"

func measure(_ name: String, _ body: () -> Int) {
    if CommandLine.argc > 1, !name.hasPrefix(CommandLine.arguments[1]) { return }
    let iterations = 10_000
    var rounds: [Double] = []
    var sink = 0
    for _ in 0..<101 {
        let clock = ContinuousClock()
        let elapsed = clock.measure { for _ in 0..<iterations { sink &+= body() } }
        let parts = elapsed.components
        let nanoseconds = Double(parts.seconds) * 1e9 + Double(parts.attoseconds) / 1e9
        rounds.append(nanoseconds / Double(iterations))
    }
    rounds.sort()
    print("\(name): \(Int(rounds[50] + 0.5)) ns (best \(Int(rounds[0] + 0.5)), sink \(sink & 1))")
}

/// In a function: globals would be checked for exclusive access each time.
func run() {
    let requestBytes = Array(request.utf8)
    let responseBytes = Array(response.utf8)
    let limits = MessageLimits()
    var requestHead = RequestHead()
    var responseHead = ResponseHead()
    var requestParser = RequestParser()
    var responseParser = ResponseParser()
    let output = Buffer(capacity: 16 << 10)
    let own: FieldNameSet = [.host, .contentLength, .xForwardedFor]
    var path: [UInt8] = []

    print("request head \(requestBytes.count) bytes, response head \(responseBytes.count) bytes")
    measure("parse request head") {
        switch requestParser.parse(requestBytes.span, limits: limits, into: &requestHead) {
        case .complete(let count): count
        case .incomplete, .invalid: 0
        }
    }
    measure("write upstream head") {
        output.removeAll()
        output.writeRequestLine(requestHead)
        output.writeField(.host, value: requestHead.authority)
        output.writeEndToEndFields(of: requestHead.fields, skipping: own)
        output.writeField("X-Forwarded-For", value: "203.0.113.9")
        output.writeField("X-Forwarded-Proto", value: "https")
        output.writeFraming(requestHead.framing)
        output.writeEndOfHead()
        return output.count
    }
    measure("parse response head") {
        switch responseParser.parse(responseBytes.span, limits: limits, into: &responseHead) {
        case .complete(let count): count
        case .incomplete, .invalid: 0
        }
    }
    measure("write response head") {
        output.removeAll()
        output.writeStatusLine(responseHead.status)
        output.writeEndToEndFields(of: responseHead.fields, skipping: own)
        output.writeFraming(responseHead.framing(forRequest: .get))
        output.writeEndOfHead()
        return output.count
    }
    measure("normalize path") {
        PathNormalization.normalize(requestHead.path, into: &path) == .unchanged ? 1 : 0
    }
}

run()
