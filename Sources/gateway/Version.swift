/// What this program is: the one place where its version stands.
enum Version {
    /// The version, which the changelog explains and the metrics name.
    static let number = "0.1.0"

    /// What `gateway version` prints.
    static var text: String { "gateway \(number) (\(compiler), \(platform))" }

    private static var compiler: String {
        #if compiler(>=6.4)
            "Swift 6.4 or later"
        #else
            "Swift 6.3"
        #endif
    }

    private static var platform: String {
        #if arch(x86_64)
            "Linux x86_64"
        #elseif arch(arm64)
            "Linux aarch64"
        #else
            "Linux"
        #endif
    }
}
