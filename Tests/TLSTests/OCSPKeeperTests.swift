import Foundation
import Testing

@testable import TLS

// Made by openssl for this test, good until 2125: an authority, and two certificates of it that
// name the responder http://ocsp.example/.
private let authority = """
    -----BEGIN CERTIFICATE-----
    MIIBbjCCARSgAwIBAgIUI3HUeMwXGbQOkc4gxkLmu4250rIwCgYIKoZIzj0EAwIw
    FDESMBAGA1UEAwwJQXV0aG9yaXR5MCAXDTI2MTEyMTIyNTEwN1oYDzIxMjUwNjE2
    MjI1MTA3WjAUMRIwEAYDVQQDDAlBdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjO
    PQMBBwNCAAQT3u1EnBmdqaa7lC3d69f3mgtzaWIaw0IvXtZ71TlJQnuHPun/92Fq
    fut4Y1jeoJRHrvq9bNasSEMvZ+w8lFMdo0IwQDAPBgNVHRMBAf8EBTADAQH/MA4G
    A1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQUX5wvdgmOWRK0Oy4+MoFCOxj5Q6QwCgYI
    KoZIzj0EAwIDSAAwRQIhAI8ju3wrocYPmcG82IEaiGwqM76AblcORIhcTLpzatBa
    AiBWzd2z7MqlHtZU+Xtvhmpokd3vcK1QAuATCOpaVB/dNg==
    -----END CERTIFICATE-----

    """
private let first = """
    -----BEGIN CERTIFICATE-----
    MIIBuzCCAWGgAwIBAgIUWpmFi8urchdCQsetKEvAczHK5TswCgYIKoZIzj0EAwIw
    FDESMBAGA1UEAwwJQXV0aG9yaXR5MCAXDTI2MTEyMTIyNTEwN1oYDzIxMjUwNjE2
    MjI1MTA3WjAQMQ4wDAYDVQQDDAVmaXJzdDBZMBMGByqGSM49AgEGCCqGSM49AwEH
    A0IABN3s+yG1esRDDZV4jNPIV99AzkBbDN0GklFbAK4dJplgAis179ZGBdBFi0N3
    3SZnH1ahSslFsdSN4qBzlRs8wkijgZIwgY8wCQYDVR0TBAIwADAQBgNVHREECTAH
    ggVmaXJzdDAdBgNVHQ4EFgQUZNJnmK9BZUSWCefLQMSzR8aHezswHwYDVR0jBBgw
    FoAUX5wvdgmOWRK0Oy4+MoFCOxj5Q6QwMAYIKwYBBQUHAQEEJDAiMCAGCCsGAQUF
    BzABhhRodHRwOi8vb2NzcC5leGFtcGxlLzAKBggqhkjOPQQDAgNIADBFAiEA/Yi5
    1GDk5/q/bJHR5iSyVlCndAnBrpKTLuANR062ir8CIBRrzeYBxe1otQJ7isItLx1P
    R6zHtReLllsGUPmJjLmd
    -----END CERTIFICATE-----

    """
private let second = """
    -----BEGIN CERTIFICATE-----
    MIIBvDCCAWOgAwIBAgIUM/uN3k07+Vx6AL5qDfyrNn4FNUswCgYIKoZIzj0EAwIw
    FDESMBAGA1UEAwwJQXV0aG9yaXR5MCAXDTI2MTEyMTIyNTEwN1oYDzIxMjUwNjE2
    MjI1MTA3WjARMQ8wDQYDVQQDDAZzZWNvbmQwWTATBgcqhkjOPQIBBggqhkjOPQMB
    BwNCAARCj/bVt28oMGUbOmR14RJi9PQI/hGG0U6mSF5WZN5kaUi7w1a9STtt9E96
    6A1WV8/SZ9tNvYCqw1irlMZ9+lK8o4GTMIGQMAkGA1UdEwQCMAAwEQYDVR0RBAow
    CIIGc2Vjb25kMB0GA1UdDgQWBBQnDbh/j7u9wTiOYLKTgijeks9ifDAfBgNVHSME
    GDAWgBRfnC92CY5ZErQ7Lj4ygUI7GPlDpDAwBggrBgEFBQcBAQQkMCIwIAYIKwYB
    BQUHMAGGFGh0dHA6Ly9vY3NwLmV4YW1wbGUvMAoGCCqGSM49BAMCA0cAMEQCIFn7
    bxcCGsc9V4PJR6wr4vr/ZAT4lRGH67zRH24dkYxuAiBdSgqwtrVSamphu0Z+i2Pm
    13qZW6fRD/us2v1XosUFag==
    -----END CERTIFICATE-----

    """

private let start: Int64 = 1_900_000_000

/// A responder that answers when it is told to.
private final class Responder {
    var asked: [String] = []
    var lifetime: Int64? = 4 * 86_400

    func answer(_ request: OCSPRequest, _ now: Int64) throws(TLSSetupError) -> OCSPResponse {
        asked.append(request.url)
        guard let lifetime else { throw TLSSetupError("out of order") }
        return OCSPResponse(checked: [1, 2, 3], thisUpdate: now, nextUpdate: now + lifetime)
    }
}

@Suite("OCSP responses are asked for in time, and never too often")
struct OCSPKeeperTests {
    private let folder = NSTemporaryDirectory() + "gateway-ocsp-" + UUID().uuidString
    private let responder = Responder()
    private var chain: String { folder + "/chain.pem" }
    private var response: String { folder + "/ocsp/chain.der" }

    private func keeper(_ pem: String = first + authority) throws -> OCSPKeeper {
        try PrivateFile.makeFolder(of: chain)
        try PrivateFile.write(Array(pem.utf8), to: chain, mode: 0o600)
        let responder = responder
        var keeper = OCSPKeeper([.init(chain: chain, response: response)]) {
            request,
            now throws(TLSSetupError) in try responder.answer(request, now)
        }
        try keeper.prepare(now: start)
        return keeper
    }

    private func remove() { try? FileManager.default.removeItem(atPath: folder) }

    @Test("The file is there, empty, before the first response, and holds it afterwards")
    func isFetched() throws {
        defer { remove() }
        var keeper = try keeper()
        #expect(try Files.read(response).isEmpty)
        let until = start + 4 * 86_400
        #expect(keeper.round(now: start) == [.fetched(chain: chain, until: until)])
        #expect(try Files.read(response) == [1, 2, 3])
        #expect(responder.asked == ["http://ocsp.example/"])
    }

    @Test("A newer one is asked for when half of the time is over")
    func halfway() throws {
        defer { remove() }
        var keeper = try keeper()
        _ = keeper.round(now: start)
        #expect(keeper.round(now: start + 2 * 86_400 - 1).isEmpty)
        #expect(keeper.round(now: start + 2 * 86_400).count == 1)
        #expect(responder.asked.count == 2)
    }

    @Test("A responder whose answers end at once is not asked at every round")
    func shortLived() throws {
        defer { remove() }
        responder.lifetime = 1
        var keeper = try keeper()
        _ = keeper.round(now: start)
        #expect(keeper.round(now: start + OCSPKeeper.Limits.leastInterval - 1).isEmpty)
        #expect(keeper.round(now: start + OCSPKeeper.Limits.leastInterval).count == 1)
    }

    @Test("After a failure the steps get longer, up to an hour, and what ended is not stapled")
    func failures() throws {
        defer { remove() }
        var keeper = try keeper()
        _ = keeper.round(now: start)
        responder.lifetime = nil
        let end = start + 4 * 86_400
        var attempts: [Int64] = []
        for now in stride(from: start, to: end, by: 60)
        where !keeper.round(now: now).isEmpty { attempts.append(now) }
        let steps = zip(attempts, attempts.dropFirst()).map { $1 - $0 }
        #expect(steps.prefix(7) == [60, 120, 240, 480, 960, 1920, 3600])
        #expect(steps.dropFirst(7).allSatisfy { $0 == 3600 })
        #expect(try Files.read(response) == [1, 2, 3])
        _ = keeper.round(now: end)
        #expect(try Files.read(response).isEmpty)
    }

    @Test("Another certificate gets a response of its own at once")
    func replaced() throws {
        defer { remove() }
        var keeper = try keeper()
        _ = keeper.round(now: start)
        try PrivateFile.write(Array((second + authority).utf8), to: chain, mode: 0o600)
        responder.lifetime = nil
        #expect(keeper.round(now: start + 60).count == 1)
        // The one before would be taken for a fault.
        #expect(try Files.read(response).isEmpty)
    }

    @Test("A certificate that nobody can be asked about says why")
    func unanswerable() throws {
        defer { remove() }
        var lonely = try keeper(first)
        guard case .failed(_, let reason) = lonely.round(now: start).first else {
            Issue.record("no failure")
            return
        }
        #expect(reason.contains("lacks the issuer"))
        var silent = try keeper(authority + authority)
        guard case .failed(_, let reason) = silent.round(now: start).first else {
            Issue.record("no failure")
            return
        }
        #expect(reason.contains("names no OCSP responder"))
        #expect(responder.asked.isEmpty)
    }

    @Test("What is no response, or too long, is refused whatever it holds")
    func damaged() throws {
        let request = try OCSPRequest(file: "", pem: Array((first + authority).utf8))
        // 30 03 0a 01 06: the responder refuses (unauthorized), RFC 6960 §4.2.1.
        let refusal: [UInt8] = [0x30, 0x03, 0x0A, 0x01, 0x06]
        for bytes in [[], [0x30], refusal, [UInt8](repeating: 0x30, count: 100_000)] {
            #expect(throws: TLSSetupError.self) { try request.check(bytes, now: start) }
        }
        for count in refusal.indices {
            #expect(throws: TLSSetupError.self) {
                try request.check(Array(refusal[..<count]), now: start)
            }
        }
    }
}
