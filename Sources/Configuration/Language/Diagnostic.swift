/// A place in a source: where a message points.
public struct Place: Sendable, Hashable, Comparable {
    /// The file, as it was named; `environment` has none of its own.
    public let file: String
    /// Order in which files were read, for sorting.
    let fileNumber: Int
    /// From 1.
    public let line: Int
    /// From 1, counted in characters as a person counts them (Unicode scalars).
    public let column: Int
    /// Scalars to underline, at least 1.
    public let length: Int

    /// By file, line and column.
    public static func < (left: Place, right: Place) -> Bool {
        (left.fileNumber, left.line, left.column) < (right.fileNumber, right.line, right.column)
    }
}

/// Something to say about a configuration.
public struct Diagnostic: Sendable, Equatable {
    /// Whether it fails the load.
    public enum Severity: String, Sendable { case error, warning }
    /// A second place that explains the first.
    public struct Note: Sendable, Equatable {
        /// Where.
        public let place: Place
        /// What.
        public let message: String
    }
    /// Whether it fails the load.
    public let severity: Severity
    /// Where.
    public let place: Place
    /// What, beginning with the directive's name.
    public let message: String
    /// What to do about it, if there is something to say.
    public let hint: String?
    /// Other places concerned.
    public let notes: [Note]
    /// The line at `place`, without its end.
    public let line: String
}
