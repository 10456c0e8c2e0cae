import Bytes
import Configuration
import HTTP
import Limiting

/// What becomes of the fields by which an application tells its own limits, where the gateway
/// tells one as well: a client must never be told two things that contradict each other.
///
/// RateLimit and RateLimit-Policy are lists of named policies, so both lists are sent as one. The
/// other fields have room for one limit only: the one with less left is the one that the client
/// meets first, and its fields stay.
///
/// Source: draft-ietf-httpapi-ratelimit-headers-10 §3, §4, and on intermediaries: one may tell a
/// more restrictive policy, not a more permissive one.
extension Exchange {
    /// Brings the fields of the upstream's response in line with what the gateway is going to tell.
    mutating func reconcileLimitFields() {
        guard let turn = limits, turn.told != nil, let limits = route?.limits,
            limits.fields != .off
        else { return }
        let left = turn.decision.remaining
        keepIfTighter(.xRateLimitRemaining, [.xRateLimitLimit, .xRateLimitReset], than: left)
        keepIfTighter(.rateLimitRemaining, [.rateLimitLimit, .rateLimitReset], than: left)
        switch limits.fields {
        case .off: return
        case .standard:
            turn.otherPolicies = takeMembers(.rateLimitPolicy, without: limits.quotedNames)
            turn.otherLimits = takeMembers(.rateLimit, without: limits.quotedNames)
        case .legacy:
            // What the application says in the same fields is tighter: then nothing is added.
            if response.fields.contains(.xRateLimitRemaining) { turn.told = nil }
            let least = LimitFieldList.leastRemaining(response.fields)
            if least.map({ $0 >= left }) ?? true {
                response.fields.removeAll(.rateLimit)
                response.fields.removeAll(.rateLimitPolicy)
            }
        }
    }

    /// Removes fields with room for one limit, unless they say that less is left.
    private mutating func keepIfTighter(
        _ remaining: FieldName,
        _ others: [FieldName],
        than left: Int
    ) {
        if let index = response.fields.first(remaining), response.fields.count(of: remaining) == 1,
            let theirs = LimitFieldList.number(response.fields.value(at: index)), theirs < left
        {
            return
        }
        response.fields.removeAll(remaining)
        for name in others { response.fields.removeAll(name) }
    }

    /// Takes a list field out of the response.
    /// - Returns: Its members but for those of the gateway's own names, a comma before each; none
    ///   if it is not a list of named policies, as in older versions of the draft.
    private mutating func takeMembers(_ name: FieldName, without own: [[UInt8]]) -> [UInt8] {
        guard response.fields.contains(name) else { return [] }
        let members = LimitFieldList.members(name, response.fields, without: own)
        response.fields.removeAll(name)
        return members
    }
}

/// Lists of named policies: `"a";r=1;t=2, "b";r=3`.
enum LimitFieldList {
    /// Bytes of members that are passed on at most: more than any service has policies for.
    private static let limit = 1024

    /// The members of all fields of a name, a comma before each.
    static func members(_ name: FieldName, _ fields: borrowing FieldSection, without own: [[UInt8]])
        -> [UInt8]
    {
        var result: [UInt8] = []
        var next = fields.first(name)
        while let index = next {
            let value = fields.value(at: index)
            var list = CommaList()
            while let range = list.next(in: value) {
                let member = value.extracting(range)
                guard let end = nameEnd(member) else { return [] }
                let isOwn = own.contains { name in
                    name.count == end && member.extracting(first: end).equals(name.span)
                }
                if isOwn { continue }
                if result.count + member.count > limit { return result }
                result.append(contentsOf: [0x2C, 0x20])
                for place in member.indices { result.append(member[place]) }
            }
            next = fields.next(name, from: index + 1)
        }
        return result
    }

    /// The least that any policy of the RateLimit fields has left; nil if none says it.
    static func leastRemaining(_ fields: borrowing FieldSection) -> Int? {
        var least: Int?
        var next = fields.first(.rateLimit)
        while let index = next {
            let value = fields.value(at: index)
            var list = CommaList()
            while let range = list.next(in: value) {
                let member = value.extracting(range)
                guard let end = nameEnd(member) else { return nil }
                if let left = parameter(UInt8(ascii: "r"), member.extracting(droppingFirst: end)) {
                    least = min(least ?? left, left)
                }
            }
            next = fields.next(.rateLimit, from: index + 1)
        }
        return least
    }

    /// Where the name of a member ends, its quotes included; nil when it has none.
    ///
    /// Source: RFC 9651 §3.3.3.
    private static func nameEnd(_ member: Span<UInt8>) -> Int? {
        guard member.count > 2, member[0] == UInt8(ascii: "\"") else { return nil }
        var index = 1
        while index < member.count {
            switch member[index] {
            case UInt8(ascii: "\\"): index += 2
            case UInt8(ascii: "\""):
                let end = index + 1
                return end == member.count || member[end] == UInt8(ascii: ";")
                    || member[end] == UInt8(ascii: " ") ? end : nil
            case 0x20...0x7E: index += 1
            default: return nil
            }
        }
        return nil
    }

    /// The number of a parameter of one letter.
    private static func parameter(_ letter: UInt8, _ text: Span<UInt8>) -> Int? {
        var start = 0
        while start < text.count {
            var end = start
            while end < text.count, text[end] != UInt8(ascii: ";") { end += 1 }
            var first = start
            while first < end, Characters.isBlank(text[first]) { first += 1 }
            if end - first > 2, text[first] == letter, text[first + 1] == UInt8(ascii: "=") {
                return number(text.extracting(first + 2..<end))
            }
            start = end + 1
        }
        return nil
    }

    /// A number of up to fifteen digits, blanks around it left out.
    static func number(_ text: Span<UInt8>) -> Int? {
        var first = 0
        var end = text.count
        while first < end, Characters.isBlank(text[first]) { first += 1 }
        while end > first, Characters.isBlank(text[end - 1]) { end -= 1 }
        guard (1...15).contains(end - first) else { return nil }
        var value = 0
        for index in first..<end {
            let digit = Int(text[index]) - 0x30
            guard (0...9).contains(digit) else { return nil }
            // At most fifteen digits.
            value = value * 10 + digit
        }
        return value
    }
}
