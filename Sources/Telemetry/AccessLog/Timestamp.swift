import Bytes

/// A moment split into its calendar fields, in UTC and the proleptic Gregorian calendar.
struct CalendarTime: Equatable {
    var year: Int
    /// 1…12.
    var month: Int
    /// 1…31.
    var day: Int
    var hour: Int
    var minute: Int
    var second: Int

    /// The last second of the year 9999, past which the formats have no room for the year.
    static var latest: Int64 { 253_402_300_799 }

    /// The fields of a moment.
    ///
    /// Counted in eras of 400 years of 146,097 days that start on the 1st of March, so that the
    /// leap day is the last of its year and needs no table.
    /// - Parameter unixSeconds: Seconds since 1970, taken as the nearest moment of 1970…9999.
    init(unixSeconds: Int64) {
        let seconds = Int(min(max(0, unixSeconds), Self.latest))
        let days = seconds / 86400 + 719_468
        let rest = seconds % 86400
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let leapDays = dayOfEra / 1460 - dayOfEra / 36524 + dayOfEra / 146_096
        let yearOfEra = (dayOfEra - leapDays) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        hour = rest / 3600
        minute = rest / 60 % 60
        second = rest % 60
    }

    /// The English abbreviation of the month, as the common log format wants it.
    var monthName: StaticString {
        switch month {
        case 1: "Jan"
        case 2: "Feb"
        case 3: "Mar"
        case 4: "Apr"
        case 5: "May"
        case 6: "Jun"
        case 7: "Jul"
        case 8: "Aug"
        case 9: "Sep"
        case 10: "Oct"
        case 11: "Nov"
        default: "Dec"
        }
    }
}

/// Writes times for logs, and formats each second only once.
///
/// Always UTC: a log that follows a machine's time zone has an hour twice each autumn.
struct TimestampWriter {
    private var second = Int64.min
    private let common = Buffer(capacity: 32)
    private let internet = Buffer(capacity: 32)

    /// Appends `22/Nov/2026:18:10:31 +0000`.
    mutating func appendCommon(unixMilliseconds: Int64, to buffer: Buffer) {
        prepare(unixMilliseconds)
        buffer.append(common.readable)
    }

    /// Appends `2026-11-22T18:10:31.123Z`.
    ///
    /// Source: RFC 3339 §5.6.
    mutating func appendInternet(unixMilliseconds: Int64, to buffer: Buffer) {
        prepare(unixMilliseconds)
        buffer.append(internet.readable)
        buffer.append(UInt8(ascii: "."))
        buffer.append(digits: Int(max(0, unixMilliseconds) % 1000), count: 3)
        buffer.append(UInt8(ascii: "Z"))
    }

    private mutating func prepare(_ unixMilliseconds: Int64) {
        let wanted = max(0, unixMilliseconds) / 1000
        guard wanted != second else { return }
        second = wanted
        let time = CalendarTime(unixSeconds: wanted)
        common.removeAll()
        common.append(digits: time.day, count: 2)
        common.append(UInt8(ascii: "/"))
        common.append(time.monthName)
        common.append(UInt8(ascii: "/"))
        common.append(digits: time.year, count: 4)
        common.append(UInt8(ascii: ":"))
        appendClock(time, to: common)
        common.append(" +0000")
        internet.removeAll()
        internet.append(digits: time.year, count: 4)
        internet.append(UInt8(ascii: "-"))
        internet.append(digits: time.month, count: 2)
        internet.append(UInt8(ascii: "-"))
        internet.append(digits: time.day, count: 2)
        internet.append(UInt8(ascii: "T"))
        appendClock(time, to: internet)
    }

    private func appendClock(_ time: CalendarTime, to buffer: Buffer) {
        buffer.append(digits: time.hour, count: 2)
        buffer.append(UInt8(ascii: ":"))
        buffer.append(digits: time.minute, count: 2)
        buffer.append(UInt8(ascii: ":"))
        buffer.append(digits: time.second, count: 2)
    }
}

extension Buffer {
    /// Appends the last digits of a number, with leading zeros.
    /// - Parameters:
    ///   - number: Not negative.
    ///   - count: 1…9.
    func append(digits number: Int, count: Int) {
        var divisor = 1
        for _ in 1..<max(1, count) { divisor *= 10 }
        while divisor > 0 {
            append(UInt8(truncatingIfNeeded: number / divisor % 10) &+ 48)
            divisor /= 10
        }
    }

    /// Appends a duration in milliseconds with three decimals.
    /// - Parameter nanoseconds: A negative duration is taken as 0.
    func append(milliseconds nanoseconds: Int64) {
        let microseconds = Int(max(0, nanoseconds)) / 1000
        append(decimal: microseconds / 1000)
        let rest = microseconds % 1000
        append(UInt8(ascii: "."))
        append(UInt8(truncatingIfNeeded: rest / 100) &+ 48)
        append(UInt8(truncatingIfNeeded: rest / 10 % 10) &+ 48)
        append(UInt8(truncatingIfNeeded: rest % 10) &+ 48)
    }
}
