public import Bytes

/// Dates as HTTP writes them.
///
/// Times are seconds since 1970-01-01 00:00:00 UTC.
///
/// Source: RFC 9110 §5.6.7.
public enum HTTPDate {
    /// Bytes of an IMF-fixdate.
    public static let byteCount = 29
    /// The last second of the year 9999: four digits hold no later one.
    public static let latest: Int64 = 253_402_300_799

    private static let weekdays: StaticString = "SunMonTueWedThuFriSat"
    private static let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"

    /// Appends an IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`.
    ///
    /// - Parameters:
    ///   - unixSeconds: Taken as the nearest of 0 and `latest` if it lies outside.
    ///   - buffer: Gets `byteCount` bytes.
    public static func write(_ unixSeconds: Int64, to buffer: Buffer) {
        let seconds = Int(min(max(unixSeconds, 0), latest))
        let days = seconds / 86_400
        let rest = seconds % 86_400
        let date = CivilDate(daysSince1970: days)
        buffer.reserve(byteCount)
        append(weekdays, (days + 4) % 7, to: buffer)
        buffer.append(", ")
        append(twoDigits: date.day, to: buffer)
        buffer.append(0x20)
        append(months, date.month - 1, to: buffer)
        buffer.append(0x20)
        append(twoDigits: date.year / 100, to: buffer)
        append(twoDigits: date.year % 100, to: buffer)
        buffer.append(0x20)
        append(twoDigits: rest / 3600, to: buffer)
        buffer.append(0x3A)
        append(twoDigits: rest / 60 % 60, to: buffer)
        buffer.append(0x3A)
        append(twoDigits: rest % 60, to: buffer)
        buffer.append(" GMT")
    }

    private static func append(twoDigits value: Int, to buffer: Buffer) {
        buffer.append(UInt8(truncatingIfNeeded: value / 10) &+ 48)
        buffer.append(UInt8(truncatingIfNeeded: value % 10) &+ 48)
    }

    private static func append(_ names: StaticString, _ index: Int, to buffer: Buffer) {
        names.withUTF8Buffer { bytes in
            let start = index * 3
            guard start >= 0, start + 3 <= bytes.count else { return }
            // In bounds: checked above.
            for offset in 0..<3 { unsafe buffer.append(bytes[start + offset]) }
        }
    }
}

/// A day of the proleptic Gregorian calendar.
///
/// Counting years from March makes the leap day the last one of a year; 400 years have 146,097
/// days.
struct CivilDate: Equatable {
    var year: Int
    var month: Int
    var day: Int

    init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// - Parameter daysSince1970: Not negative, and at most some millions.
    init(daysSince1970: Int) {
        let shifted = daysSince1970 + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Days since 1970-01-01; negative before.
    var daysSince1970: Int {
        let marchYear = month <= 2 ? year - 1 : year
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let marchMonth = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * marchMonth + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// Whether the day exists.
    var isValid: Bool {
        guard month >= 1, month <= 12, day >= 1 else { return false }
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let length = month == 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
        return day <= length
    }
}
