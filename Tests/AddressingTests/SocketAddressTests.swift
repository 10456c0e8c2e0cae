import Testing

@testable import Addressing

@Suite("Addresses in the configuration")
struct SocketAddressTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let text: String
        let expected: String
        var testDescription: String { text }
        init(_ text: String, _ expected: String) { (self.text, self.expected) = (text, expected) }
    }

    /// What a text is, or the sentence that refuses it.
    private func outcome<Value: CustomStringConvertible>(
        _ body: () throws(AddressError) -> Value
    ) -> String {
        do { return try body().description } catch { return "error: \(error)" }
    }

    static let longPath = "unix:/" + String(repeating: "p", count: 107)

    static let listening: [Case] = [
        Case(":443", "[::]:443"), Case(":0", "[::]:0"), Case("127.0.0.1:8080", "127.0.0.1:8080"),
        Case("[::1]:80", "[::1]:80"), Case("[2001:DB8::0]:65535", "[2001:db8::]:65535"),
        Case("0.0.0.0:80", "0.0.0.0:80"), Case("unix:/run/app.sock", "unix:/run/app.sock"),
        Case("unix:@gateway", "unix:@gateway"),
        Case(
            "unix:/" + String(repeating: "p", count: 106),
            "unix:/" + String(repeating: "p", count: 106)
        ),
        Case("127.0.0.1", "error: '127.0.0.1' has no port; write 127.0.0.1:PORT"),
        Case("[::1]", "error: '[::1]' has no port; write [::1]:PORT"),
        Case(":", "error: '' in ':' is not a port from 0 to 65535"),
        Case("", "error: '' has no port; write HOST:PORT"),
        Case(":65536", "error: '65536' in ':65536' is not a port from 0 to 65535"),
        Case(":080", "error: '080' in ':080' is not a port from 0 to 65535"),
        Case(":http", "error: 'http' in ':http' is not a port from 0 to 65535"),
        Case(":-1", "error: '-1' in ':-1' is not a port from 0 to 65535"),
        Case("[::1]80", "error: '80' in '[::1]80' is not a port from 0 to 65535"),
        Case(
            "::1",
            "error: '::1' is unclear: an IPv6 address with a port is written [ADDRESS]:PORT"
        ),
        Case(
            "::1:80",
            "error: '::1:80' is unclear: an IPv6 address with a port is written [ADDRESS]:PORT"
        ),
        Case(
            "1:2:3",
            "error: '1:2:3' is unclear: an IPv6 address with a port is written [ADDRESS]:PORT"
        ),
        Case("[127.0.0.1]:80", "error: '127.0.0.1' is not an IP address"),
        Case("[app]:80", "error: 'app' is not an IP address"),
        Case(
            "[::1:80",
            "error: '[::1:80' is unclear: an IPv6 address with a port is written [ADDRESS]:PORT"
        ),
        Case("localhost:80", "error: 'localhost' is not an IP address"),
        Case("127.0.0.01:80", "error: '127.0.0.01' is not an IP address"),
        Case(
            "http://127.0.0.1:80",
            "error: 'http://127.0.0.1:80' is a URL; "
                + "only the address belongs here, without the scheme and the path"
        ),
        Case(
            "unix:",
            "error: 'unix:' needs an absolute path, "
                + "like unix:/run/app.sock, or unix:@name"
        ),
        Case(
            "unix:@",
            "error: 'unix:@' needs an absolute path, "
                + "like unix:/run/app.sock, or unix:@name"
        ),
        Case(
            "unix:run/app.sock",
            "error: 'unix:run/app.sock' needs an absolute path, "
                + "like unix:/run/app.sock, or unix:@name"
        ),
        Case(
            longPath,
            "error: '\(longPath)' is too long: the path of a unix socket has at most 107 bytes"
        ),
    ]

    @Test("reads what a listener may be", arguments: listening)
    func listens(_ row: Case) {
        #expect(outcome { () throws(AddressError) in try SocketAddress(row.text) } == row.expected)
    }

    static let longLabel = String(repeating: "a", count: 64) + ".test"
    static let longName = String(repeating: "a.", count: 127) + "ab"

    static let connecting: [Case] = [
        Case("10.0.0.5:8000", "10.0.0.5:8000"), Case("[::1]:80", "[::1]:80"),
        Case("App.Internal:8000", "app.internal:8000"), Case("my_app:80", "my_app:80"),
        Case("app.:80", "app.:80"), Case("1app.example:80", "1app.example:80"),
        Case("unix:/run/app.sock", "unix:/run/app.sock"),
        Case("xn--bcher-kva.example:1", "xn--bcher-kva.example:1"),
        Case(":5000", "error: ':5000' names no host; 127.0.0.1:5000 is this machine"),
        Case("app:0", "error: '0' in 'app:0' is not a port from 1 to 65535"),
        Case("app", "error: 'app' has no port; write app:PORT"),
        Case(
            "0.0.0.0:80",
            "error: '0.0.0.0:80' cannot be connected to; 127.0.0.1 or [::1] is this machine"
        ),
        Case(
            "[::]:80",
            "error: '[::]:80' cannot be connected to; 127.0.0.1 or [::1] is this machine"
        ),
        Case("127.0.0.256:80", "error: '127.0.0.256' is not an IP address"),
        Case("app.5:80", "error: 'app.5' is not an IP address"),
        Case(
            "http://app:80",
            "error: 'http://app:80' is a URL; "
                + "only the address belongs here, without the scheme and the path"
        ),
        Case("app..x:80", "error: 'app..x' is not a host name: a label is empty"),
        Case(".:80", "error: '.' is not a host name: a label is empty"),
        Case("-app:80", "error: '-app' is not a host name: a label starts or ends with '-'"),
        Case(
            "bücher:80",
            "error: 'bücher' is not a host name: only letters, digits, '-', "
                + "'_' and '.' belong in one"
        ),
        Case(
            "a b:80",
            "error: 'a b' is not a host name: only letters, digits, '-', "
                + "'_' and '.' belong in one"
        ),
        Case(
            "\(longLabel):80",
            "error: '\(longLabel)' is not a host name: a label has more than 63 bytes"
        ),
        Case(
            "\(longName):80",
            "error: '\(longName)' is not a host name: it has more than 253 bytes"
        ),
    ]

    @Test("reads what a server may be", arguments: connecting)
    func connects(_ row: Case) {
        #expect(outcome { () throws(AddressError) in try Endpoint(row.text) } == row.expected)
    }

    @Test("a default port stands in for a missing one only")
    func defaultPort() throws {
        #expect(try Endpoint("app", defaultPort: 80) == .name("app", port: 80))
        #expect(try Endpoint("app:81", defaultPort: 80) == .name("app", port: 81))
        #expect(try SocketAddress("::1", defaultPort: 80) == .ip(.loopbackIPv6, port: 80))
        #expect(try SocketAddress("[::1]", defaultPort: 80) == .ip(.loopbackIPv6, port: 80))
        #expect(try Endpoint("10.0.0.1", defaultPort: 80).description == "10.0.0.1:80")
        #expect(throws: AddressError.self) { try Endpoint("app:", defaultPort: 80) }
    }

    @Test("gives its parts")
    func parts() {
        let address = SocketAddress.ip(.loopbackIPv4, port: 80)
        #expect(address.port == 80 && address.ipAddress == .loopbackIPv4)
        let socket = SocketAddress.unix(path: "/run/a")
        #expect(socket.port == nil && socket.ipAddress == nil)
    }
}
