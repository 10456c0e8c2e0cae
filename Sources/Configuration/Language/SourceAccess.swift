/// How a configuration reaches files and the environment: handed in, so that reading one is a
/// pure function and a test needs no files.
public struct SourceAccess: Sendable {
    /// Why a file could not be read.
    public enum Failure: Error, Sendable, Equatable {
        /// In the system's words, such as `No such file or directory`.
        case unreadable(String)
        /// It is longer than the limit that was asked for.
        case tooLarge
    }

    /// The content of the file at a path.
    let read: @Sendable (_ path: String, _ limit: Int) throws(Failure) -> [UInt8]
    /// The paths that fit a pattern with `*`, `?` and `[…]`.
    let matches: @Sendable (_ pattern: String) -> [String]
    /// The value of an environment variable; nil when it is not set.
    let environment: @Sendable (_ name: String) -> String?

    /// The content of the file at a path.
    /// - Parameters:
    ///   - path: The file's path.
    ///   - limit: Bytes of the longest content.
    /// - Returns: All of it.
    /// - Throws: Why it could not be read.
    public func content(_ path: String, atMost limit: Int) throws(Failure) -> [UInt8] {
        try read(path, limit)
    }

    /// Makes an access.
    /// - Parameters:
    ///   - read: The content of the file at a path, at most `limit` bytes of it, or why not.
    ///   - matches: The paths that fit a pattern; the order does not matter.
    ///   - environment: The value of a variable; nil when it is not set.
    public init(
        read: @escaping @Sendable (_ path: String, _ limit: Int) throws(Failure) -> [UInt8],
        matches: @escaping @Sendable (_ pattern: String) -> [String],
        environment: @escaping @Sendable (_ name: String) -> String?
    ) {
        self.read = read
        self.matches = matches
        self.environment = environment
    }
}

/// What bounds the reading of a configuration.
enum SourceLimits {
    /// Bytes of one file.
    ///
    /// A site of six lines has about 200, so this is some 80,000 sites.
    static let fileSize = 16 << 20
    /// Files in all, each inclusion counted.
    static let files = 1000
    /// Files that include each other in a row.
    static let includeDepth = 10
    /// Blocks inside blocks.
    ///
    /// The language itself needs two.
    static let blockDepth = 16
    /// Bytes of one word.
    static let wordLength = 64 << 10
    /// Messages that are kept; more than that help nobody.
    static let diagnostics = 1000
    /// Bytes of a file that `error_page` names.
    static let errorPageSize = 1 << 20
}
