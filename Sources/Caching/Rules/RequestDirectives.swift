import Bytes
package import HTTP

/// What a request's Cache-Control and Pragma ask of a cache.
///
/// Source: RFC 9111 §5.2.1 and §5.4.
package struct RequestDirectives: Sendable, Equatable {
    package var maxAge: Int64?
    package var minFresh: Int64?
    /// `.max` for `max-stale` without a number.
    package var maxStale: Int64?
    package var staleIfError: Int64?
    package var noCache = false
    package var noStore = false
    package var onlyIfCached = false

    package init() {}

    /// Reads a request's header section.
    package init(_ fields: borrowing FieldSection) {
        guard fields.contains(.cacheControl) || fields.contains(.pragma) else { return }
        var index = fields.first(.cacheControl)
        if index == nil, let pragma = fields.first(.pragma) {
            // Source: RFC 9111 §5.4, Pragma counts only where there is no Cache-Control.
            let value = fields.value(at: pragma)
            var list = CommaList()
            while let place = list.next(in: value) {
                if value.extracting(place).equalsIgnoringCase("no-cache") { noCache = true }
            }
        }
        while let number = index {
            read(fields.value(at: number))
            index = fields.next(.cacheControl, from: number + 1)
        }
    }

    private mutating func read(_ value: Span<UInt8>) {
        var list = CommaList()
        while let place = list.next(in: value) {
            let member = value.extracting(place)
            let equals = member.firstIndex(of: UInt8(ascii: "=")) ?? member.count
            let name = member.extracting(first: equals)
            var argument: [UInt8]?
            if equals < member.count {
                argument = DirectiveArgument.unquoted(member.extracting(droppingFirst: equals + 1))
            }
            if name.equalsIgnoringCase("max-age") {
                maxAge = maxAge ?? DeltaSeconds.read(argument)
            } else if name.equalsIgnoringCase("min-fresh") {
                minFresh = minFresh ?? DeltaSeconds.read(argument)
            } else if name.equalsIgnoringCase("max-stale") {
                maxStale = maxStale ?? (argument == nil ? .max : DeltaSeconds.read(argument))
            } else if name.equalsIgnoringCase("stale-if-error") {
                staleIfError = staleIfError ?? DeltaSeconds.read(argument)
            } else if name.equalsIgnoringCase("no-cache") {
                noCache = true
            } else if name.equalsIgnoringCase("no-store") {
                noStore = true
            } else if name.equalsIgnoringCase("only-if-cached") {
                onlyIfCached = true
            }
        }
    }
}
