public import HTTP

/// Chooses a route by path and method, in one pass over the path, however many routes there are.
///
/// The most specific pattern that fits path and method wins, whatever the order in the file: an
/// exact path, else the longest prefix, else `*`. Of routes with the same pattern their methods
/// decide, and one that names methods wins over one that does not.
///
/// Choice: `/a/*` also takes `/a`, unless an exact route does. Applications answer both alike, so
/// an `allow` on `/admin/*` that did not hold for `/admin` would be a hole.
public final class RouteTable: Sendable {
    /// Routes of one pattern: a piece of `candidates`.
    private struct Candidates: Sendable {
        var start: Int32 = 0
        var end: Int32 = 0
    }
    private struct Candidate: Sendable {
        let methods: MethodSet
        let route: Int32
    }

    /// Keys are the exact paths, and the prefixes without their final slash.
    private let table: ByteTable
    private let exact: [Candidates]
    private let prefixes: [Candidates]
    private let any: Candidates
    private let candidates: [Candidate]

    /// Compiles the routes of one site; a route's number is its place in the array.
    public init(_ routes: [(pattern: PathPattern, methods: MethodSet)]) {
        var keys: [[UInt8]] = []
        var numbers: [String: Int] = [:]
        var grouped: [PathPattern: [Candidate]] = [:]
        for (number, route) in routes.enumerated() {
            let candidate = Candidate(
                methods: route.methods,
                route: Int32(truncatingIfNeeded: number)
            )
            grouped[route.pattern, default: []].append(candidate)
            guard let key = Self.key(route.pattern), numbers[key] == nil else { continue }
            numbers[key] = keys.count
            keys.append(Array(key.utf8))
        }
        var candidates: [Candidate] = []
        var exact = [Candidates](repeating: Candidates(), count: keys.count)
        var prefixes = exact
        var any = Candidates()
        for (pattern, group) in grouped {
            // Those that name methods first.
            let sorted =
                group.filter { $0.methods != .all } + group.filter { $0.methods == .all }
            let range = Candidates(
                start: Int32(truncatingIfNeeded: candidates.count),
                end: Int32(truncatingIfNeeded: candidates.count + sorted.count)
            )
            candidates += sorted
            guard let key = Self.key(pattern), let number = numbers[key] else {
                any = range
                continue
            }
            if case .exact = pattern { exact[number] = range } else { prefixes[number] = range }
        }
        self.table = ByteTable(keys: keys, reversed: false)
        self.exact = exact
        self.prefixes = prefixes
        self.any = any
        self.candidates = candidates
    }

    private static func key(_ pattern: PathPattern) -> String? {
        switch pattern {
        case .exact(let path): path
        case .prefix(let path): String(path.dropLast())
        case .any: nil
        }
    }

    /// The route for a request.
    /// - Parameters:
    ///   - path: The normalised path, without the query; `*` for `OPTIONS *`.
    ///   - method: The request's method.
    /// - Returns: The route's number, or nil when no route fits path and method.
    public func find(path: Span<UInt8>, method: Method) -> Int? {
        find(path: path, method: MethodSet(method))
    }

    /// The route for a request whose method is known as a set of one.
    public func find(path: Span<UInt8>, method: MethodSet) -> Int? {
        var best: Int?
        var hash = table.seed
        // The key of the prefix `/*` is empty.
        if path.count > 0, path[0] == 0x2F {
            if let key = table.find(hash: hash, text: path, range: 0..<0, foldsCase: false) {
                best = first(prefixes[key], method)
            }
        }
        let limit = min(path.count, table.longestKey)
        var index = 0
        while index < limit {
            hash = ByteTable.step(hash, path[index])
            index += 1
            let isLast = index == path.count
            guard isLast || path[index] == 0x2F else { continue }
            guard
                let key = table.find(hash: hash, text: path, range: 0..<index, foldsCase: false)
            else { continue }
            if let route = first(prefixes[key], method) { best = route }
            if isLast, let route = first(exact[key], method) { return route }
        }
        return best ?? first(any, method)
    }

    /// The methods for which there is a route, whatever the one of the request; empty when no route
    /// fits the path.
    ///
    /// Looks once for each method that a route may name: for answers that say so, not for the path
    /// of a request.
    public func methods(path: Span<UInt8>) -> MethodSet {
        var found: MethodSet = []
        for method in MethodSet.nameable where find(path: path, method: MethodSet(method)) != nil {
            found.insert(MethodSet(method))
        }
        return found
    }

    private func first(_ range: Candidates, _ method: MethodSet) -> Int? {
        var index = range.start
        while index < range.end {
            let candidate = candidates[Int(index)]
            if candidate.methods.isSuperset(of: method) { return Int(candidate.route) }
            index += 1
        }
        return nil
    }
}
