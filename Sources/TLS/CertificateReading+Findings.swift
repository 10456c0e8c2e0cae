import COpenSSL

extension CertificateReading {
    /// What is wrong with a certificate that can be used nevertheless, as sentences about the file.
    /// - Parameters:
    ///   - now: Unix seconds.
    ///   - hosts: The names that it is to stand for; `*.` names too.
    ///   - authorities: Those that clients are taken to trust; nil: nothing is said about trust.
    /// - Returns: Sentences that begin behind the name of the file; none when all is well.
    public func findings(now: Int64, hosts: [String], authorities: TrustedAuthorities?) -> [String]
    {
        var findings = dates(now: now)
        if let problem = order() {
            findings.append(problem)
        } else if let authorities, let problem = end(authorities) {
            findings.append(problem)
        }
        if let curve = pair.curve, !CertificateReading.curves.contains(curve) {
            findings.append(
                "has a key on the curve '\(curve)', which clients do not take: make one on P-256"
            )
        }
        let missed = hosts.filter { !covers($0) }
        if !missed.isEmpty {
            let shown = missed.prefix(4).map { "'\($0)'" }.joined(separator: ", ")
            let more = missed.count > 4 ? " and \(missed.count - 4) more" : ""
            findings.append("does not cover \(shown)\(more): clients refuse it there")
        }
        return findings
    }

    /// Whole days until it ends; negative when it has.
    public func daysLeft(now: Int64) -> Int64 {
        let (seconds, overflow) = notAfter.subtractingReportingOverflow(now)
        if overflow { return 0 }
        return seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
    }

    /// The curves of ECDSA that clients verify, by OpenSSL's names.
    ///
    /// Source: RFC 8446 §4.2.3.
    private static let curves: Set<String> = ["prime256v1", "secp384r1", "secp521r1"]

    private func dates(now: Int64) -> [String] {
        var findings: [String] = []
        for (index, certificate) in all.enumerated() {
            let name =
                index == 0 ? "" : "holds '\(certificate.subject)', which "
            let from = certificate.notBefore
            let to = certificate.notAfter
            if now > to {
                let days = (now - to) / 86_400
                let when = days == 0 ? "today" : "\(days) day\(days == 1 ? "" : "s") ago"
                findings.append("\(name)expired \(when): clients refuse it")
            } else if now < from {
                let hours = (from - now) / 3600 + 1
                findings.append(
                    "\(name)is not valid yet, for another \(hours) hour\(hours == 1 ? "" : "s"): "
                        + "clients refuse it"
                )
            }
        }
        return findings
    }

    /// Whether each certificate is followed by the one that issued it.
    private func order() -> String? {
        let all = all
        for index in all.indices.dropFirst() {
            let subject = all[index - 1]
            if subject.isIssued(by: all[index]) { continue }
            let name = subject.subject
            let found = all.indices.first {
                $0 != index - 1 && subject.isIssued(by: all[$0])
            }
            if let found {
                return "is out of order: certificate \(found + 1) issued certificate \(index) "
                    + "('\(name)') and must follow it"
            }
            if subject.isIssued(by: subject) {
                return "holds more than its chain: nothing belongs behind '\(name)', which issued "
                    + "itself"
            }
            return "has a gap: certificate \(index + 1) did not issue certificate \(index) "
                + "('\(name)'); 'CHAIN' is the certificate, then its issuer, then that one's"
        }
        return nil
    }

    /// Whether its last certificate leads to an authority.
    private func end(_ authorities: TrustedAuthorities) -> String? {
        guard let last = all.last else { return nil }
        if authorities.haveIssuer(of: last) { return nil }
        let issuer = last.issuer
        if last.isIssued(by: last) {
            return all.count == 1
                ? "is signed by itself: only clients that are told to trust it do"
                : "leads to '\(issuer)', which is not among the system's authorities: only clients "
                    + "that are told to trust it do"
        }
        let what = all.count == 1 ? "lacks its intermediate:" : "has no known end:"
        return "\(what) '\(issuer)' is neither in the file nor among the system's authorities; "
            + "append its certificate, unless it is a root of your own that clients trust"
    }

    private var all: [BorrowedCertificate] {
        // The pair lives as long as this reading.
        var all = [unsafe BorrowedCertificate(pointer: pair.certificate)]
        for each in pair.chain { all.append(unsafe BorrowedCertificate(pointer: each.pointer)) }
        return all
    }
}

/// A certificate of a pair that outlives it; never changed.
@safe struct BorrowedCertificate: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Unix seconds from which it is good.
    var notBefore: Int64 { unsafe Certificates.unixSeconds(X509_get0_notBefore(pointer)) ?? 0 }

    /// Unix seconds until which it is good.
    var notAfter: Int64 { unsafe Certificates.unixSeconds(X509_get0_notAfter(pointer)) ?? 0 }

    /// Whom it is about, as RFC 2253 text.
    var subject: String { unsafe Certificates.subject(pointer) }

    /// Who issued it, as RFC 2253 text.
    var issuer: String {
        guard let memory = unsafe BIO_new(BIO_s_mem()) else { return "" }
        defer { unsafe BIO_free(memory) }
        let name = unsafe X509_get_issuer_name(pointer)
        guard unsafe X509_NAME_print_ex(memory, name, 0, gateway_name_flags) >= 0 else { return "" }
        return unsafe Certificates.text(in: memory)
    }

    /// Whether it says that another one issued it, and that one may.
    func isIssued(by issuer: BorrowedCertificate) -> Bool {
        let result = unsafe X509_check_issued(issuer.pointer, pointer)
        _ = LibraryErrors.takeFirst()
        return result == X509_V_OK
    }
}

/// The authorities of this machine, which are those that most clients trust as well.
@safe public final class TrustedAuthorities {
    private let store: OpaquePointer

    /// Reads where they stand; nil when OpenSSL finds none.
    public init?() {
        guard Library.isReady, let store = unsafe X509_STORE_new() else { return nil }
        guard unsafe X509_STORE_set_default_paths(store) == 1 else {
            unsafe X509_STORE_free(store)
            return nil
        }
        unsafe self.store = store
    }

    deinit { unsafe X509_STORE_free(store) }

    /// Whether the issuer of a certificate is among them.
    func haveIssuer(of certificate: BorrowedCertificate) -> Bool {
        guard let context = unsafe X509_STORE_CTX_new() else { return true }
        defer { unsafe X509_STORE_CTX_free(context) }
        guard unsafe X509_STORE_CTX_init(context, store, certificate.pointer, nil) == 1 else {
            return true
        }
        var issuer: OpaquePointer?
        let isFound =
            unsafe X509_STORE_CTX_get1_issuer(&issuer, context, certificate.pointer) == 1
        if let issuer = unsafe issuer { unsafe X509_free(issuer) }
        _ = LibraryErrors.takeFirst()
        return isFound
    }
}
