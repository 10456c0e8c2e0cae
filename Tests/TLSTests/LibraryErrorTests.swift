import Testing

@testable import TLS

@Suite("OpenSSL's error queue")
struct LibraryErrorTests {
    @Test("An empty queue has no error")
    func empty() {
        #expect(LibraryErrors.takeFirst() == 0)
        #expect(LibraryErrors.words(0) == "unknown")
    }
}
