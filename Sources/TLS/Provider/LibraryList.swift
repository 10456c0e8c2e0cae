import COpenSSL

/// What ends a list of OpenSSL's: an entry of zeros.
protocol LibraryEntry {
    init()
}

extension OSSL_DISPATCH: LibraryEntry {}
extension OSSL_ALGORITHM: LibraryEntry {}
extension OSSL_PARAM: LibraryEntry {}

/// A list that OpenSSL reads as long as the process runs.
///
/// Any thread may read it: it is never changed, and never freed.
@safe struct LibraryList<Entry: LibraryEntry>: @unchecked Sendable {
    let start: UnsafePointer<Entry>

    init(_ entries: [Entry]) {
        let place = UnsafeMutablePointer<Entry>.allocate(capacity: entries.count + 1)
        // Each has its place, and the end the last one.
        for (index, entry) in (entries + [Entry()]).enumerated() {
            unsafe (place + index).initialize(to: entry)
        }
        unsafe start = UnsafePointer(place)
    }
}
