import Bytes

extension HTTPDate {
    /// Reads a date in any of the three forms that HTTP knows.
    ///
    ///     Sun, 06 Nov 1994 08:49:37 GMT     IMF-fixdate
    ///     Sunday, 06-Nov-94 08:49:37 GMT    RFC 850
    ///     Sun Nov  6 08:49:37 1994          asctime
    ///
    /// The name of the weekday must be one, but need not be the right one, and letters are compared
    /// without regard to case: a recipient can do nothing with the difference.
    ///
    /// - Parameters:
    ///   - bytes: A field value.
    ///   - now: Unix seconds. A year of two digits that seems to lie more than 50 years ahead is
    ///     taken as the last past year with these digits.
    /// - Returns: Unix seconds, or nil if the bytes are not a date.
    /// Source: RFC 9110 §5.6.7.
    public static func parse(_ bytes: Span<UInt8>, now: Int64) -> Int64? {
        var reader = DateReader()
        guard let comma = bytes.firstIndex(of: 0x2C) else { return reader.asctime(bytes) }
        return comma == 3 ? reader.fixdate(bytes) : reader.rfc850(bytes, comma: comma, now: now)
    }
}

/// Walks over the parts of a date.
private struct DateReader {
    private var position = 0
    private var failed = false

    mutating func fixdate(_ bytes: Span<UInt8>) -> Int64? {
        weekday(bytes, count: 3)
        expect(bytes, ", ")
        let day = number(bytes, digits: 2)
        expect(bytes, " ")
        let month = month(bytes)
        expect(bytes, " ")
        let year = number(bytes, digits: 4)
        expect(bytes, " ")
        let seconds = time(bytes)
        expect(bytes, " gmt")
        return finish(bytes, CivilDate(year: year, month: month, day: day), seconds)
    }

    mutating func rfc850(_ bytes: Span<UInt8>, comma: Int, now: Int64) -> Int64? {
        weekday(bytes, count: comma)
        expect(bytes, ", ")
        let day = number(bytes, digits: 2)
        expect(bytes, "-")
        let month = month(bytes)
        expect(bytes, "-")
        let shortYear = number(bytes, digits: 2)
        expect(bytes, " ")
        let seconds = time(bytes)
        expect(bytes, " gmt")
        let today = Int(min(max(now, 0), HTTPDate.latest))
        let thisYear = CivilDate(daysSince1970: today / 86_400).year
        let date = CivilDate(
            year: thisYear / 100 * 100 + shortYear,
            month: month,
            day: day
        )
        // The century that brings the date within 50 years ahead, else the one before.
        for century in [100, 0, -100] {
            var candidate = date
            candidate.year += century
            if candidate.year <= thisYear + 50 { return finish(bytes, candidate, seconds) }
        }
        return nil
    }

    mutating func asctime(_ bytes: Span<UInt8>) -> Int64? {
        weekday(bytes, count: 3)
        expect(bytes, " ")
        let month = month(bytes)
        expect(bytes, " ")
        let padded = position < bytes.count && bytes[position] == 0x20
        if padded { position += 1 }
        let day = number(bytes, digits: padded ? 1 : 2)
        expect(bytes, " ")
        let seconds = time(bytes)
        expect(bytes, " ")
        let year = number(bytes, digits: 4)
        return finish(bytes, CivilDate(year: year, month: month, day: day), seconds)
    }

    private func finish(_ bytes: Span<UInt8>, _ date: CivilDate, _ seconds: Int) -> Int64? {
        guard !failed, position == bytes.count, date.isValid else { return nil }
        return Int64(date.daysSince1970 * 86_400 + seconds)
    }

    private mutating func expect(_ bytes: Span<UInt8>, _ literal: StaticString) {
        let end = position + literal.utf8CodeUnitCount
        guard !failed, end <= bytes.count,
            bytes.extracting(position..<end).equalsIgnoringCase(literal)
        else {
            failed = true
            return
        }
        position = end
    }

    private mutating func number(_ bytes: Span<UInt8>, digits: Int) -> Int {
        guard !failed, position + digits <= bytes.count else {
            failed = true
            return 0
        }
        var value = 0
        for index in position..<(position + digits) {
            let digit = bytes[index] &- 0x30
            if digit >= 10 { failed = true }
            value = value * 10 + Int(digit)
        }
        position += digits
        return value
    }

    /// Seconds of the day.
    ///
    /// A leap second counts as the second before it.
    private mutating func time(_ bytes: Span<UInt8>) -> Int {
        let hour = number(bytes, digits: 2)
        expect(bytes, ":")
        let minute = number(bytes, digits: 2)
        expect(bytes, ":")
        let second = number(bytes, digits: 2)
        if hour > 23 || minute > 59 || second > 60 { failed = true }
        return failed ? 0 : hour * 3600 + minute * 60 + min(second, 59)
    }

    private mutating func month(_ bytes: Span<UInt8>) -> Int {
        let names: [StaticString] = [
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ]
        guard !failed, position + 3 <= bytes.count else {
            failed = true
            return 0
        }
        let name = bytes.extracting(position..<(position + 3))
        position += 3
        for index in names.indices where name.equalsIgnoringCase(names[index]) { return index + 1 }
        failed = true
        return 0
    }

    private mutating func weekday(_ bytes: Span<UInt8>, count: Int) {
        let names: [StaticString] = [
            "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
        ]
        let short: [StaticString] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
        guard count <= bytes.count else {
            failed = true
            return
        }
        let name = bytes.extracting(first: count)
        for candidate in count == 3 ? short : names
        where name.equalsIgnoringCase(candidate) {
            position = count
            return
        }
        failed = true
    }
}
