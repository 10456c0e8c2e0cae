import Bytes
import HTTP

/// Cache directives that are meant for this cache alone: a Dictionary of structured values.
///
/// Source: RFC 9213 §2; the target list is Gateway-Cache-Control, then CDN-Cache-Control.
enum TargetedField {
    /// The directives of the first field of the target list that is there, valid and not empty.
    ///
    /// Returns nil if Cache-Control and Expires decide.
    static func directives(of fields: borrowing FieldSection) -> ResponseDirectives? {
        if let own = read(fields, named: "gateway-cache-control") { return own }
        guard fields.contains(.cdnCacheControl) else { return nil }
        return read(fields, named: "cdn-cache-control")
    }

    private static func read(
        _ fields: borrowing FieldSection,
        named name: StaticString
    ) -> ResponseDirectives? {
        guard let value = fields.combined(named: name),
            let members = StructuredDictionary.parse(value.span), !members.isEmpty
        else { return nil }
        var directives = ResponseDirectives()
        directives.isTargeted = true
        for member in members where !apply(member, to: &directives) { return nil }
        return directives
    }

    /// Takes in one member.
    ///
    /// Returns False if a directive that counts has a value of another type than its own: then
    ///   nothing of the field can be relied on.
    private static func apply(
        _ member: StructuredDictionary.Member,
        to directives: inout ResponseDirectives
    ) -> Bool {
        let key = member.key.span
        func seconds(_ path: WritableKeyPath<ResponseDirectives, Int64?>) -> Bool {
            guard case .integer(let value) = member.value else { return false }
            directives[keyPath: path] = value < 0 ? 0 : min(value, DeltaSeconds.maximum)
            return true
        }
        if key.equals("max-age") { return seconds(\.maxAge) }
        if key.equals("s-maxage") { return seconds(\.sharedMaxAge) }
        if key.equals("stale-while-revalidate") { return seconds(\.staleWhileRevalidate) }
        if key.equals("stale-if-error") { return seconds(\.staleIfError) }
        if key.equals("no-cache") || key.equals("private") {
            let isNoCache = key.equals("no-cache")
            switch member.value {
            case .boolean(let isSet):
                if isSet, isNoCache { directives.noCache = true }
                if isSet, !isNoCache { directives.isPrivate = true }
                return true
            case .string(let names):
                if directives.names(names) { return true }
                if isNoCache { directives.noCache = true } else { directives.isPrivate = true }
                return true
            default: return false
            }
        }
        let flags: [StaticString] = [
            "no-store", "public", "must-revalidate", "proxy-revalidate", "must-understand",
            "immutable", "no-transform",
        ]
        guard flags.contains(where: { key.equals($0) }) else { return true }
        guard case .boolean(let isSet) = member.value else { return false }
        if isSet { directives.setFlag(key) }
        return true
    }
}
