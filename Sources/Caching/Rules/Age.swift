import Bytes
package import HTTP

/// How old a response is.
///
/// Source: RFC 9111 §4.2.3.
package enum Age {
    /// The age of a response when it arrived, in seconds.
    ///
    /// `fields`: Its header section.
    ///
    /// `requested`: Unix milliseconds at which it was asked for.
    ///
    /// `received`: Unix milliseconds at which its head had come.
    package static func initial(
        _ fields: borrowing FieldSection,
        requested: Int64,
        received: Int64
    ) -> Int64 {
        let now = received / 1000
        let apparent = max(0, now - (fields.date(.date, now: now) ?? now))
        let delay = max(0, received - requested) / 1000
        return min(DeltaSeconds.maximum, max(apparent, (value(fields) ?? 0) + delay))
    }

    /// What the Age field says; of a list the first member.
    ///
    /// Source: RFC 9111 §5.1; what is no number is passed over.
    package static func value(_ fields: borrowing FieldSection) -> Int64? {
        guard let index = fields.first(.age) else { return nil }
        let value = fields.value(at: index)
        var list = CommaList()
        guard let first = list.next(in: value) else { return nil }
        let member = value.extracting(first)
        // A parameter, which Age has not, makes nothing younger.
        let end = member.firstIndex(of: UInt8(ascii: ";")) ?? member.count
        return DeltaSeconds.parse(member.extracting(first: end))
    }
}
